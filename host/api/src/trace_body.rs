//! A trace in each of its forms.

use crate::tempopb::{PARTIAL, Trace, TraceByIdMetrics, TraceByIdResponse};
use crate::{json, llm};
use cadenza_model::otlp;
use cadenza_query::TraceAnswer;
use prost::Message as _;

/// v1: the bytes of an OTLP export request.
pub(crate) fn protobuf_v1(answer: &TraceAnswer) -> Vec<u8> {
    trace(answer).encode_to_vec()
}

/// v2: the trace is set even when it is empty.
pub(crate) fn protobuf_v2(answer: &TraceAnswer) -> Vec<u8> {
    TraceByIdResponse {
        trace: Some(trace(answer)),
        metrics: Some(metrics(answer)),
        status: partial_message(answer).map_or(0, |_| PARTIAL),
        message: partial_message(answer).unwrap_or_default(),
    }
    .encode_to_vec()
}

/// v1: the list is called `batches`.
pub(crate) fn json_v1(answer: &TraceAnswer) -> Vec<u8> {
    otlp::json::trace("batches", &trace(answer).resource_spans)
}

/// v2: the trace, what it took, and whether it is whole.
pub(crate) fn json_v2(answer: &TraceAnswer) -> Vec<u8> {
    let mut out = b"{\"trace\":".to_vec();
    otlp::json::put_trace(&mut out, "resourceSpans", &trace(answer).resource_spans);
    out.extend_from_slice(b",\"metrics\":");
    out.append(&mut json::to_vec(&metrics(answer)));
    if let Some(message) = partial_message(answer) {
        out.extend_from_slice(b",\"status\":\"PARTIAL\",\"message\":");
        otlp::json::put_string(&mut out, &message);
    }
    out.push(b'}');
    out
}

/// v2 for language models.
pub(crate) fn llm(answer: &TraceAnswer) -> Vec<u8> {
    json::to_vec(&llm::trace(&trace(answer).resource_spans, answer.inspected.bytes))
}

fn trace(answer: &TraceAnswer) -> Trace {
    Trace { resource_spans: otlp::to_resource_spans(&answer.columns, &answer.rows) }
}

fn metrics(answer: &TraceAnswer) -> TraceByIdMetrics {
    // What a miss has read says nothing about the trace; Tempo answers `{}` then.
    let inspected_bytes = if answer.rows.is_empty() { 0 } else { answer.inspected.bytes };
    TraceByIdMetrics { inspected_bytes }
}

/// What a partial answer says about itself.
pub(crate) fn partial_message(answer: &TraceAnswer) -> Option<String> {
    if let Some(bytes) = answer.truncated_at_bytes {
        return Some(format!("Trace exceeds maximum size of {bytes} bytes, a partial trace is returned"));
    }
    (!answer.missing.is_empty()).then(|| answer.missing.0.join("; "))
}
