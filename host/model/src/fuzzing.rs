//! What the fuzz targets run, and what must hold for any input.

use crate::otlp::{self, json};
use crate::{Columns, DecodeError};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use std::collections::HashMap;

/// Decodes `data` as a request and compares with what prost makes of it.
///
/// # Panics
/// When the two disagree beyond what [`otlp::decode`] documents.
pub fn otlp_protobuf(data: &[u8]) {
    let mut columns = seeded();
    let before = columns.savepoint();
    let rows = columns.spans.len();
    let ours = otlp::decode(data, &mut columns);
    columns.check().expect("consistent columns after decoding");
    let reference = ExportTraceServiceRequest::decode(data);
    match (ours, reference) {
        (Ok(decoded), reference) => {
            assert_eq!(decoded.rows.start, rows);
            let rows: Vec<u32> = decoded.rows.map(|row| row as u32).collect();
            let messages = otlp::to_resource_spans(&columns, &rows);
            drop(json::trace("resourceSpans", &messages));
            if let Ok(reference) = reference
                && !uses_profile_fields(&reference.resource_spans)
            {
                assert_same(messages, reference.resource_spans);
            }
            columns.rollback(before);
        }
        (Err(DecodeError::Id { .. }), _) => {}
        (Err(error), Ok(_)) => panic!("prost accepts what we refuse: {error}"),
        (Err(_), Err(_)) => {}
    }
    assert_eq!(columns.spans.len(), rows, "rolled back");
    columns.check().expect("consistent columns after rolling back");
}

/// Decodes `data` as OTLP/JSON, and reads it as a stored value.
///
/// # Panics
/// When columns come out inconsistent.
pub fn otlp_json(data: &[u8]) {
    let mut columns = seeded();
    if otlp::decode_json(data, &mut columns).is_ok() {
        columns.check().expect("consistent columns after decoding");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(encoded) = otlp::any_value::from_json(text)
    {
        let again = otlp::any_value::to_json(otlp::any_value::value(&encoded));
        assert_eq!(otlp::any_value::from_json(&again).as_ref(), Ok(&encoded), "a value survives its JSON");
    }
}

/// Columns that hold something already, so that rollback has something to spare.
fn seeded() -> Columns {
    let mut columns = Columns::new();
    let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: "seed".into(), ..Default::default() };
    let resource_spans = ResourceSpans {
        scope_spans: vec![ScopeSpans { spans: vec![span], ..Default::default() }],
        ..Default::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
    otlp::decode(&request.encode_to_vec(), &mut columns).expect("a valid request");
    columns
}

/// Panics unless both carry the same spans, as [`normalised`] sees them.
///
/// # Panics
/// When they differ.
pub fn assert_same(ours: Vec<ResourceSpans>, reference: Vec<ResourceSpans>) {
    let (ours, reference) = (normalised(ours), normalised(reference));
    // By encoding: NaN differs from itself.
    let encode = |list: &[ResourceSpans]| list.iter().map(|m| m.encode_to_vec()).collect::<Vec<_>>();
    if encode(&ours) != encode(&reference) {
        assert_eq!(ours, reference);
    }
}

/// Without empty lists, equal resources and scopes merged into their first occurrence, all-zero parent
/// and link ids empty, no entity references.
pub fn normalised(list: Vec<ResourceSpans>) -> Vec<ResourceSpans> {
    let mut out: Vec<ResourceSpans> = Vec::new();
    let (mut resources, mut scopes) = (HashMap::new(), HashMap::new());
    for mut message in list {
        message.scope_spans.retain(|scope| !scope.spans.is_empty());
        if message.scope_spans.is_empty() {
            continue;
        }
        if let Some(Resource { entity_refs, attributes, .. }) = &mut message.resource {
            entity_refs.clear();
            attributes.iter_mut().for_each(without_index);
        }
        let scope_spans = std::mem::take(&mut message.scope_spans);
        let resource = *resources.entry(message.encode_to_vec()).or_insert_with(|| {
            out.push(message);
            out.len() - 1
        });
        for mut scope in scope_spans {
            let mut spans = std::mem::take(&mut scope.spans);
            spans.iter_mut().for_each(normalise_span);
            if let Some(scope) = &mut scope.scope {
                scope.attributes.iter_mut().for_each(without_index);
            }
            let list = &mut out[resource].scope_spans;
            let at = *scopes.entry((resource, scope.encode_to_vec())).or_insert_with(|| {
                list.push(scope);
                list.len() - 1
            });
            list[at].spans.append(&mut spans);
        }
    }
    out
}

fn normalise_span(span: &mut Span) {
    if span.parent_span_id == [0; 8] {
        span.parent_span_id.clear();
    }
    span.attributes.iter_mut().for_each(without_index);
    span.events.iter_mut().flat_map(|event| &mut event.attributes).for_each(without_index);
    for link in &mut span.links {
        link.attributes.iter_mut().for_each(without_index);
        let odd = |id: &[u8], len| !id.is_empty() && id.len() != len;
        if odd(&link.trace_id, 16) || odd(&link.span_id, 8) {
            continue;
        }
        for id in [&mut link.trace_id, &mut link.span_id] {
            if id.iter().all(|&byte| byte == 0) {
                id.clear();
            }
        }
    }
}

fn without_index(pair: &mut KeyValue) {
    pair.key_strindex = 0;
    pair.value.iter_mut().for_each(without_index_in);
}

fn without_index_in(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(without_index_in),
        Some(Value::KvlistValue(map)) => map.values.iter_mut().for_each(without_index),
        _ => {}
    }
}

/// True if a value is a string index: prost lets it replace the value before it, and we skip it.
fn uses_profile_fields(list: &[ResourceSpans]) -> bool {
    fn in_value(value: &AnyValue) -> bool {
        match &value.value {
            Some(Value::StringValueStrindex(_)) => true,
            Some(Value::ArrayValue(array)) => array.values.iter().any(in_value),
            Some(Value::KvlistValue(map)) => map.values.iter().any(in_pair),
            _ => false,
        }
    }
    fn in_pair(pair: &KeyValue) -> bool {
        pair.value.as_ref().is_some_and(in_value)
    }
    list.iter().any(|message| {
        let scopes = &message.scope_spans;
        message.resource.iter().flat_map(|resource| &resource.attributes).any(in_pair)
            || scopes.iter().filter_map(|scope| scope.scope.as_ref()).flat_map(|s| &s.attributes).any(in_pair)
            || scopes.iter().flat_map(|scope| &scope.spans).any(|span| {
                span.attributes.iter().any(in_pair)
                    || span.events.iter().flat_map(|event| &event.attributes).any(in_pair)
                    || span.links.iter().flat_map(|link| &link.attributes).any(in_pair)
            })
    })
}
