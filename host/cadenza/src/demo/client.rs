//! The demo's clients: OTLP/gRPC in, the public HTTP API out.

use crate::demo::Ports;
use anyhow::{Context, Result, bail};
use cadenza_traffic::ExportTraceServiceRequest;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;
use tonic::transport::Channel;

/// Rows of the table.
pub(crate) const SEARCH_LIMIT: u64 = 12;

/// Speaks to the server as anyone would.
pub(crate) struct Client {
    otlp: TraceServiceClient<Channel>,
    http: HttpClient<HttpConnector, Empty<&'static [u8]>>,
    base: String,
}

impl Client {
    /// Connects to the server's own ports.
    pub(crate) async fn connect(ports: &Ports) -> Result<Self> {
        let endpoint = format!("http://127.0.0.1:{}", ports.otlp_grpc);
        let otlp = TraceServiceClient::connect(endpoint).await.context("connecting to the OTLP receiver")?;
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Ok(Self { otlp, http, base: format!("http://127.0.0.1:{}", ports.http) })
    }

    /// Sends one request and checks that nothing was rejected.
    pub(crate) async fn send(&mut self, request: ExportTraceServiceRequest) -> Result<()> {
        let response = self.otlp.export(request).await?.into_inner();
        match response.partial_success {
            Some(partial) if partial.rejected_spans > 0 => {
                bail!("spans were rejected: {}", partial.error_message)
            }
            _ => Ok(()),
        }
    }

    /// Newest traces that match.
    pub(crate) async fn search(&self, query: &str, start: u64, end: u64) -> Result<Vec<Value>> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/api/search?q={query}&start={start}&end={end}&limit={SEARCH_LIMIT}");
        let mut answer = self.get(&path).await?;
        match answer["traces"].take() {
            Value::Array(traces) => Ok(traces),
            other => bail!("search answered no list of traces but {other}"),
        }
    }

    /// A whole trace.
    pub(crate) async fn trace(&self, id: &str) -> Result<Value> {
        self.get(&format!("/api/traces/{id}")).await
    }

    /// State of the chain of the tenant without a name: `/status/plugins`.
    pub(crate) async fn chain(&self) -> Result<Value> {
        let mut status = self.get("/status/plugins").await?;
        Ok(status["chains"][0].take())
    }

    /// The number of the version in force.
    pub(crate) async fn chain_version(&self) -> Result<u64> {
        let chain = self.chain().await?;
        chain["version"]["number"].as_u64().with_context(|| format!("no chain is in force: {chain}"))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let uri = format!("{}{path}", self.base).parse()?;
        let response = self.http.get(uri).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body).trim());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
