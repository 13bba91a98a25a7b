//! The table of vParquet5: lists are plain repeated fields, only spares in use, no fixed columns but the
//! service name, and numbers made for metrics.

use super::{
    Column, Encode, Field, I32, I64, Kind, List, Owner, Parts, U32, U64, dropped, group, leaf, service_name,
    trace,
};

/// Widths of the buckets that span starts are rounded to, in seconds.
const ROUNDED_S: [u16; 4] = [15, 60, 300, 3600];

pub(super) fn table(parts: &Parts<'_>) -> Vec<Field> {
    let mut fields = trace();
    let stats = vec![
        leaf("ServiceName", Column::StatsService, Kind::Text, Encode::Dictionary),
        leaf("SpanCount", Column::StatsSpanCount, U32, Encode::Delta),
        leaf("ErrorCount", Column::StatsErrorCount, U32, Encode::Delta),
    ];
    fields.push(parts.list("ServiceStats", List::ServiceStats, stats));
    let scope = vec![
        parts.scope(),
        parts.list("Spans", List::Span, span(parts)),
        leaf("SpanCount", Column::ScopeSpanCount, I32, Encode::Delta),
    ];
    let resource = vec![resource(parts), parts.list("ss", List::Scope, scope)];
    fields.push(parts.list("rs", List::Resource, resource));
    fields
}

fn resource(parts: &Parts<'_>) -> Field {
    let mut fields = vec![
        service_name(),
        parts.attrs(Owner::Resource),
        dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Resource)),
    ];
    fields.extend(parts.spares(Owner::Resource));
    group("Resource", fields)
}

fn span(parts: &Parts<'_>) -> Vec<Field> {
    let mut fields = vec![
        leaf("SpanID", Column::SpanId, Kind::Bytes, Encode::DeltaLength),
        leaf("ParentSpanID", Column::ParentSpanId, Kind::Bytes, Encode::DeltaLength),
        leaf("ParentID", Column::ParentId, I32, Encode::Delta),
        leaf("NestedSetLeft", Column::NestedSetLeft, I32, Encode::Delta),
        leaf("NestedSetRight", Column::NestedSetRight, I32, Encode::Delta),
        leaf("ChildCount", Column::ChildCount, I32, Encode::Dictionary),
        leaf("Name", Column::SpanName, Kind::Text, Encode::Dictionary),
        leaf("Kind", Column::Kind, I64, Encode::Dictionary),
        leaf("TraceState", Column::TraceState, Kind::Text, Encode::Dictionary),
        leaf("StartTimeUnixNano", Column::SpanStart, U64, Encode::Plain),
        leaf("DurationNano", Column::SpanDuration, U64, Encode::Delta),
        leaf("StatusCode", Column::StatusCode, I64, Encode::Dictionary),
        leaf("StatusMessage", Column::StatusMessage, Kind::Text, Encode::Dictionary),
        parts.attrs(Owner::Span),
        dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Span)),
        parts.events(),
        dropped("DroppedEventsCount", Column::DroppedEvents),
        parts.links(),
        dropped("DroppedLinksCount", Column::DroppedLinks),
    ];
    fields.extend(parts.spares(Owner::Span));
    fields.extend(ROUNDED_S.map(|width_s| {
        leaf(format!("StartTimeRounded{width_s}"), Column::StartRounded { width_s }, U32, Encode::Dictionary)
    }));
    fields
}
