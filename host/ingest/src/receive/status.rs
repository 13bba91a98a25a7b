//! Answers on the wire: gRPC statuses, `google.rpc.Status` bodies, and export responses.

use crate::Accepted;
use crate::error::Refusal;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

/// The two encodings of OTLP over HTTP; errors are told in the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The content type of answers.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// A refusal over gRPC.
pub(super) fn to_grpc(refusal: &Refusal) -> Status {
    let code = refusal.reason.row().grpc;
    match refusal.retry_after {
        Some(delay) => Status::with_error_details(
            code,
            refusal.message.clone(),
            ErrorDetails::with_retry_info(Some(delay)),
        ),
        None => Status::new(code, refusal.message.clone()),
    }
}

/// An export response; what was rejected is told by `partial_success`.
pub(super) fn to_export_response(accepted: &Accepted) -> ExportTraceServiceResponse {
    let rejected_spans = i64::try_from(accepted.rejected_spans).unwrap_or(i64::MAX);
    let partial = ExportTracePartialSuccess { rejected_spans, error_message: accepted.message.clone() };
    ExportTraceServiceResponse { partial_success: Some(partial) }
}

/// Success over HTTP: `partial_success` is always present, empty when everything was taken.
pub(super) fn success(accepted: &Accepted, encoding: Encoding) -> Response<Body> {
    let body = match encoding {
        Encoding::Protobuf => to_export_response(accepted).encode_to_vec(),
        Encoding::Json => success_json(accepted).to_string().into_bytes(),
    };
    respond(StatusCode::OK, Some(encoding.content_type()), body)
}

fn success_json(accepted: &Accepted) -> serde_json::Value {
    let mut partial = serde_json::Map::new();
    if accepted.rejected_spans > 0 {
        // Protobuf's JSON mapping writes 64-bit numbers as strings.
        partial.insert("rejectedSpans".to_owned(), accepted.rejected_spans.to_string().into());
    }
    if !accepted.message.is_empty() {
        partial.insert("errorMessage".to_owned(), accepted.message.clone().into());
    }
    serde_json::json!({ "partialSuccess": partial })
}

/// A refusal over HTTP: a `google.rpc.Status` in the request's encoding.
pub(super) fn failure(refusal: &Refusal, encoding: Encoding) -> Response<Body> {
    let row = refusal.reason.row();
    let status = StatusCode::from_u16(row.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match encoding {
        Encoding::Protobuf => failure_protobuf(refusal),
        Encoding::Json => failure_json(refusal).to_string().into_bytes(),
    };
    let mut response = respond(status, Some(encoding.content_type()), body);
    if let Some(delay) = refusal.retry_after {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

fn failure_protobuf(refusal: &Refusal) -> Vec<u8> {
    let details = match refusal.retry_after {
        Some(_) => to_grpc(refusal).details().to_vec(),
        None => Vec::new(),
    };
    // With details, tonic has already encoded the whole status; only the code may differ over HTTP.
    let mut status = tonic_types::pb::Status::decode(details.as_slice()).unwrap_or_default();
    status.code = refusal.reason.row().http_code as i32;
    status.message.clone_from(&refusal.message);
    status.encode_to_vec()
}

fn failure_json(refusal: &Refusal) -> serde_json::Value {
    let code = refusal.reason.row().http_code as i32;
    let mut body = serde_json::json!({ "code": code, "message": refusal.message });
    if let Some(delay) = refusal.retry_after {
        let text = format!("{}s", delay.as_secs_f64());
        body["details"] = serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": text }]);
    }
    body
}

/// A plain-text answer, as the Collector's HTTP server gives for misuse.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    respond(status, Some(kind), text.as_bytes().to_vec())
}

fn respond(status: StatusCode, content_type: Option<HeaderValue>, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}
