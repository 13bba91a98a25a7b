//! The floor: a receiver that decodes requests with prost and drops them.

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use std::process::{Child, Command};
use tonic::{Request, Response, Status};

/// Requests of the bench are larger than tonic's default of 4 MiB only if something is wrong.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

struct Discard;

#[tonic::async_trait]
impl TraceService for Discard {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        drop(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Serves until killed.
pub(crate) async fn serve(port: u16) -> Result<()> {
    let service = TraceServiceServer::new(Discard).max_decoding_message_size(MESSAGE_BYTES_MAX);
    tonic::transport::Server::builder().add_service(service).serve(([127, 0, 0, 1], port).into()).await?;
    Ok(())
}

/// The floor as a process of its own, so that its time is counted alone.
pub(crate) struct Floor {
    child: Child,
    port: u16,
}

impl Floor {
    pub(crate) async fn start() -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(std::env::current_exe()?).args(["floor", &port.to_string()]).spawn()?;
        let floor = Self { child, port };
        cadenza_tests::wait::until("the floor to listen", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        Ok(floor)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
