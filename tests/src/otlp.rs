//! OTLP clients and a way to name spans: the trace id says who made it, so a checker can tell what was sent.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::transport::Channel;

/// Nanoseconds since the epoch.
pub fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos())
        .expect("before 2554")
}

pub fn now_s() -> u64 {
    now_ns() / 1_000_000_000
}

pub fn string(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A trace id from two numbers.
pub fn trace_id(high: u64, low: u64) -> [u8; 16] {
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// A span of one second ending now.
pub fn span(trace_id: [u8; 16], span_id: u64, parent: u64, name: &str) -> Span {
    let end = now_ns();
    Span {
        trace_id: trace_id.to_vec(),
        span_id: span_id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: end - 1_000_000_000,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// Spans of one service as a request.
pub fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Resource { attributes: vec![string("service.name", service)], ..Resource::default() };
    let scope = InstrumentationScope { name: "e2e".into(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

/// Several resources with their spans as a request.
pub fn request_of(resource_spans: Vec<ResourceSpans>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans }
}

/// Longest an export may take. A server that was killed answers nothing, and HTTP/2 clients do not always
/// notice that their connection is gone: without a deadline of its own a test would wait for ever.
pub const EXPORT_DEADLINE: Duration = Duration::from_secs(20);

/// An OTLP/gRPC client whose calls end.
#[derive(Debug)]
pub struct Grpc(TraceServiceClient<Channel>);

impl Grpc {
    /// Sends one request.
    ///
    /// # Errors
    /// The server's refusal, a lost connection, or `DEADLINE_EXCEEDED`.
    pub async fn export(
        &mut self,
        request: ExportTraceServiceRequest,
    ) -> Result<ExportTraceServiceResponse, tonic::Status> {
        let answer = tokio::time::timeout(EXPORT_DEADLINE, self.0.export(request)).await;
        answer
            .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer")))
            .map(tonic::Response::into_inner)
    }
}

/// Connects to an OTLP/gRPC receiver.
///
/// # Errors
/// The address is malformed, or nobody answers in time.
pub async fn grpc(url: String) -> Result<Grpc, tonic::transport::Error> {
    let endpoint = tonic::transport::Endpoint::from_shared(url)?.connect_timeout(EXPORT_DEADLINE);
    Ok(Grpc(TraceServiceClient::new(endpoint.connect().await?)))
}

/// True if a request is refused only because components are still being compiled, which happens once.
pub fn is_loading<T>(answer: &Result<T, tonic::Status>) -> bool {
    answer.as_ref().is_err_and(|refusal| refusal.message().contains("being loaded"))
}

/// Sends a request again and again until the tenant's chain is loaded, or refused for good.
///
/// # Errors
/// As [`Grpc::export`].
///
/// # Panics
/// When nobody listens there, or the chain is not loaded in time.
pub async fn export_once_loaded(
    url: String,
    request: ExportTraceServiceRequest,
) -> Result<ExportTraceServiceResponse, tonic::Status> {
    crate::wait::until("the chain to be loaded or refused", || async {
        let mut client = grpc(url.clone()).await.expect("a connection");
        Some(client.export(request.clone()).await).filter(|answer| !is_loading(answer))
    })
    .await
}
