//! `opentelemetry.proto.collector.trace.v1.TraceService/Export`, with raw bytes instead of messages.
//!
//! The codec hands the message's bytes on without copying them; decoding belongs to the write path.

use super::status::{Encoding, to_export_response, to_grpc};
use super::tenant::tenant_of;
use crate::{Export, Ingester, Transport};
use bytes::{Buf, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Request, Response, Status, body::Body};

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The gRPC trace service, to be added to a tonic server.
#[derive(Clone)]
pub struct TraceService {
    ingester: Ingester,
}

/// A gRPC service that hands its requests to `ingester`.
pub fn grpc_service(ingester: Ingester) -> TraceService {
    TraceService { ingester }
}

impl NamedService for TraceService {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

#[derive(Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(dst).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        // A split of the receive buffer, not a copy.
        Ok(Some(src.copy_to_bytes(src.remaining())))
    }
}

impl UnaryService<Bytes> for TraceService {
    type Response = ExportTraceServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let ingester = self.ingester.clone();
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            let headers = metadata.into_headers();
            let tenant = match tenant_of(&headers, ingester.config().multitenancy_enabled) {
                Ok(tenant) => tenant,
                Err(refusal) => {
                    ingester.count_refused_unread(&body, Encoding::Protobuf, Transport::Grpc);
                    return Err(to_grpc(&refusal));
                }
            };
            let export = Export { tenant, body, encoding: Encoding::Protobuf, transport: Transport::Grpc };
            match ingester.export(export).await {
                Ok(accepted) => Ok(Response::new(to_export_response(&accepted))),
                Err(refusal) => Err(to_grpc(&refusal)),
            }
        })
    }
}

impl<B> tower::Service<http::Request<B>> for TraceService
where
    B: axum::body::HttpBody + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() != EXPORT_PATH {
                let text = format!("unknown method {}", request.uri().path());
                return Ok(Status::unimplemented(text).into_http());
            }
            let bytes_max = service.ingester.config().grpc_message_bytes_max;
            let mut grpc = Grpc::new(RawCodec)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .max_decoding_message_size(bytes_max);
            Ok(too_large_as_go(grpc.unary(service, request).await, bytes_max))
        })
    }
}

/// tonic reports an oversized message as `OUT_OF_RANGE`, which exporters repeat; grpc-go, and so every
/// Collector, reports `RESOURCE_EXHAUSTED`, which without a delay they give up on.
fn too_large_as_go(response: http::Response<Body>, bytes_max: usize) -> http::Response<Body> {
    let code = Status::from_header_map(response.headers()).map(|status| status.code());
    if code != Some(Code::OutOfRange) {
        return response;
    }
    Status::resource_exhausted(format!("message larger than max_recv_msg_size ({bytes_max} bytes)"))
        .into_http()
}
