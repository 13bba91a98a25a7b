//! A trace for language models: ids in hex, attributes as plain objects, spans under their services.

use cadenza_model::hex;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use serde_json::{Map, Value, json};

/// The whole answer; without spans the trace is `{}`.
pub(crate) fn trace(batches: &[ResourceSpans], inspected_bytes: u64) -> Value {
    let first = batches.iter().flat_map(|batch| &batch.scope_spans).flat_map(|scope| &scope.spans).next();
    let trace = match first {
        None => json!({}),
        Some(span) => {
            json!({"traceId": hex(&span.trace_id), "services": batches.iter().map(service).collect::<Vec<_>>()})
        }
    };
    json!({"trace": trace, "metrics": {"inspectedBytes": inspected_bytes}})
}

fn service(batch: &ResourceSpans) -> Value {
    let attributes = batch.resource.as_ref().map(|r| attributes(&r.attributes)).unwrap_or_default();
    let name = attributes.get("service.name").cloned().unwrap_or_else(|| json!(""));
    let scopes = batch.scope_spans.iter().map(|scope| {
        let (name, version) =
            scope.scope.as_ref().map_or(("", ""), |s| (s.name.as_str(), s.version.as_str()));
        json!({"name": name, "version": version, "spans": scope.spans.iter().map(span).collect::<Vec<_>>()})
    });
    json!({"serviceName": name, "resource": attributes, "scopes": scopes.collect::<Vec<_>>()})
}

fn span(span: &Span) -> Value {
    let events = span.events.iter().map(|event| {
        json!({
            "name": event.name,
            "timeUnixNano": event.time_unix_nano.to_string(),
            "attributes": attributes(&event.attributes),
        })
    });
    let links = span.links.iter().map(|link| {
        json!({
            "traceId": hex(&link.trace_id),
            "spanId": hex(&link.span_id),
            "attributes": attributes(&link.attributes),
        })
    });
    let status = span.status.clone().unwrap_or_default();
    let duration_ns = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    json!({
        "spanId": hex(&span.span_id),
        "name": span.name,
        "parentSpanId": hex(&span.parent_span_id),
        "kind": SpanKind::try_from(span.kind).unwrap_or_default().as_str_name(),
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "durationMs": duration_ns as f64 / 1e6,
        "attributes": attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": {
            "code": StatusCode::try_from(status.code).unwrap_or_default().as_str_name(),
            "message": status.message,
        },
    })
}

fn attributes(pairs: &[KeyValue]) -> Map<String, Value> {
    let plain = |pair: &KeyValue| (pair.key.clone(), pair.value.as_ref().map_or(Value::Null, value));
    pairs.iter().map(plain).collect()
}

fn value(any: &AnyValue) -> Value {
    match &any.value {
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(set)) => json!(set),
        Some(Any::IntValue(number)) => json!(number),
        // JSON has no NaN or infinities.
        Some(Any::DoubleValue(number)) if !number.is_finite() => json!(number.to_string()),
        Some(Any::DoubleValue(number)) => json!(number),
        Some(Any::ArrayValue(array)) => array.values.iter().map(value).collect(),
        Some(Any::KvlistValue(map)) => Value::Object(attributes(&map.values)),
        Some(Any::BytesValue(bytes)) => json!(hex(bytes)),
    }
}
