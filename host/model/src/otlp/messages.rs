//! Columns to OTLP messages, for answers.

use crate::columns::presence;
use crate::{Attrs, Columns, SpanId, TraceId, ValueRef};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// Not placed in the answer yet.
const UNPLACED: usize = usize::MAX;

/// The spans `rows` as OTLP messages: spans of one resource row together, and of one scope row within
/// it, each in the order of first appearance. Loses nothing that was decoded, except that all-zero
/// parent and link ids become empty ones.
pub fn to_resource_spans(columns: &Columns, rows: &[u32]) -> Vec<ResourceSpans> {
    let mut out: Vec<ResourceSpans> = Vec::new();
    let mut resource_at = vec![UNPLACED; columns.resources.schema_url.len()];
    let mut scope_at = vec![UNPLACED; columns.scopes.name.len()];
    for &row in rows {
        let row = row as usize;
        let scope = columns.spans.scope[row] as usize;
        let resource = columns.scopes.resource[scope] as usize;
        if resource_at[resource] == UNPLACED {
            resource_at[resource] = out.len();
            out.push(resource_spans(columns, resource));
        }
        let scopes = &mut out[resource_at[resource]].scope_spans;
        if scope_at[scope] == UNPLACED {
            scope_at[scope] = scopes.len();
            scopes.push(scope_spans(columns, scope));
        }
        scopes[scope_at[scope]].spans.push(span(columns, row));
    }
    out
}

fn resource_spans(columns: &Columns, row: usize) -> ResourceSpans {
    let table = &columns.resources;
    let present = table.presence[row] & presence::MESSAGE != 0;
    ResourceSpans {
        resource: present.then(|| Resource {
            attributes: attributes(columns, &columns.resource_attrs, row),
            dropped_attributes_count: table.dropped_attributes[row],
            ..Default::default()
        }),
        scope_spans: Vec::new(),
        schema_url: columns.names.str(table.schema_url[row]).to_owned(),
    }
}

fn scope_spans(columns: &Columns, row: usize) -> ScopeSpans {
    let table = &columns.scopes;
    let present = table.presence[row] & presence::MESSAGE != 0;
    ScopeSpans {
        scope: present.then(|| InstrumentationScope {
            name: columns.names.str(table.name[row]).to_owned(),
            version: columns.names.str(table.version[row]).to_owned(),
            attributes: attributes(columns, &columns.scope_attrs, row),
            dropped_attributes_count: table.dropped_attributes[row],
        }),
        spans: Vec::new(),
        schema_url: columns.names.str(table.schema_url[row]).to_owned(),
    }
}

fn span(columns: &Columns, row: usize) -> Span {
    let spans = &columns.spans;
    let parent_span_id = match spans.odd_parents.binary_search_by_key(&(row as u32), |odd| odd.0) {
        Ok(odd) => columns.raw.get(spans.odd_parents[odd].1).to_vec(),
        Err(_) => span_id(spans.parent_id[row]),
    };
    Span {
        trace_id: trace_id(spans.trace_id[row]),
        span_id: span_id(spans.span_id[row]),
        trace_state: columns.values.str(spans.trace_state[row]).to_owned(),
        parent_span_id,
        flags: spans.flags[row],
        name: columns.names.str(spans.name[row]).to_owned(),
        kind: spans.kind[row],
        start_time_unix_nano: spans.start_ns[row],
        end_time_unix_nano: spans.end_ns[row],
        attributes: attributes(columns, &columns.span_attrs, row),
        dropped_attributes_count: spans.dropped_attributes[row],
        events: spans.events(row).map(|event_row| event(columns, event_row)).collect(),
        dropped_events_count: spans.dropped_events[row],
        links: spans.links(row).map(|link_row| link(columns, link_row)).collect(),
        dropped_links_count: spans.dropped_links[row],
        status: (spans.presence[row] & presence::STATUS != 0).then(|| Status {
            message: columns.values.str(spans.message[row]).to_owned(),
            code: spans.status[row],
        }),
    }
}

fn event(columns: &Columns, row: usize) -> Event {
    Event {
        time_unix_nano: columns.events.time_ns[row],
        name: columns.names.str(columns.events.name[row]).to_owned(),
        attributes: attributes(columns, &columns.event_attrs, row),
        dropped_attributes_count: columns.events.dropped_attributes[row],
    }
}

fn link(columns: &Columns, row: usize) -> Link {
    let links = &columns.links;
    let (trace, span) = match links.odd_ids.binary_search_by_key(&(row as u32), |odd| odd.0) {
        Ok(odd) => {
            let (_, trace, span) = links.odd_ids[odd];
            (columns.raw.get(trace).to_vec(), columns.raw.get(span).to_vec())
        }
        Err(_) => (trace_id(links.trace_id[row]), span_id(links.span_id[row])),
    };
    Link {
        trace_id: trace,
        span_id: span,
        trace_state: columns.values.str(links.trace_state[row]).to_owned(),
        attributes: attributes(columns, &columns.link_attrs, row),
        dropped_attributes_count: links.dropped_attributes[row],
        flags: links.flags[row],
    }
}

fn trace_id(id: TraceId) -> Vec<u8> {
    if id == TraceId::default() { Vec::new() } else { id.0.to_vec() }
}

fn span_id(id: SpanId) -> Vec<u8> {
    if id == SpanId::NONE { Vec::new() } else { id.bytes().to_vec() }
}

fn attributes(columns: &Columns, attrs: &Attrs, owner: usize) -> Vec<KeyValue> {
    let attribute = |i| KeyValue {
        key: columns.key(attrs, i).to_owned(),
        value: any_value(columns.value(attrs, i)),
        ..Default::default()
    };
    attrs.of(owner).map(attribute).collect()
}

/// A value as a message; nothing if it is absent.
pub fn any_value(value: ValueRef<'_>) -> Option<AnyValue> {
    let value = match value {
        ValueRef::Absent => return None,
        ValueRef::Empty => None,
        ValueRef::Str(text) => Some(Value::StringValue(text.to_owned())),
        ValueRef::Int(number) => Some(Value::IntValue(number)),
        ValueRef::Double(number) => Some(Value::DoubleValue(number)),
        ValueRef::Bool(set) => Some(Value::BoolValue(set)),
        // Checked when it was decoded; damaged bytes from elsewhere read as an empty value.
        ValueRef::Array(encoded) | ValueRef::Map(encoded) | ValueRef::Bytes(encoded) => {
            AnyValue::decode(encoded).unwrap_or_default().value
        }
    };
    Some(AnyValue { value })
}
