//! What a search shows of a trace and its spans.

use crate::{FoundTrace, ResultSpan, ResultSpanSet, ResultValue, ServiceStats};
use cadenza_model::Columns;
use cadenza_traceql::{Bound, Spanset, TraceInfo, TraceView, Value};
use std::collections::BTreeMap;

/// OTLP's number for an error status.
const STATUS_ERROR: i32 = 2;

/// The trace without its matches.
pub(super) fn trace(
    columns: &Columns,
    rows: &[u32],
    info: &TraceInfo<'_>,
    root: Option<usize>,
    pad_id: bool,
) -> FoundTrace {
    debug_assert!(rows.iter().all(|&row| (row as usize) < columns.spans.len()));
    FoundTrace {
        id: info.trace_id,
        pad_id,
        // Tempo shows the placeholder for a root without a service too.
        root_service: root.map(|_| info.root_service.to_owned()).filter(|service| !service.is_empty()),
        root_name: info.root_name.to_owned(),
        start_ns: info.start_ns,
        duration_ns: info.end_ns.saturating_sub(info.start_ns),
        spansets: Vec::new(),
        services: BTreeMap::new(),
    }
}

/// Counts per service.
pub(super) fn services(columns: &Columns, rows: &[u32]) -> BTreeMap<String, ServiceStats> {
    let mut by_resource: BTreeMap<usize, ServiceStats> = BTreeMap::new();
    for &row in rows {
        let stats = by_resource.entry(columns.resource_of(row as usize)).or_default();
        stats.spans += 1;
        stats.errors += u32::from(columns.spans.status[row as usize] == STATUS_ERROR);
    }
    let mut out: BTreeMap<String, ServiceStats> = BTreeMap::new();
    for (resource, stats) in by_resource {
        let name = columns.resource_service_name(resource).unwrap_or_default();
        let sum = out.entry(name.to_owned()).or_default();
        sum.spans += stats.spans;
        sum.errors += stats.errors;
    }
    out
}

/// A spanset with its first spans.
pub(super) fn spanset(
    columns: &Columns,
    bound: &mut Bound<'_>,
    view: &TraceView<'_>,
    spanset: Spanset,
    spans_max: usize,
) -> ResultSpanSet {
    let matched = spanset.positions.len() as u32;
    let shown = spanset.positions.iter().take(spans_max);
    let spans = shown.map(|&position| span(columns, bound, view, position as usize)).collect();
    let attributes = spanset.attributes.into_iter().map(|(key, value)| (key, result_value(value))).collect();
    ResultSpanSet { spans, matched, attributes }
}

fn span(columns: &Columns, bound: &mut Bound<'_>, view: &TraceView<'_>, position: usize) -> ResultSpan {
    let row = view.rows[position] as usize;
    let spans = &columns.spans;
    let named = bound.shows_name(view, position);
    let attributes =
        bound.shown(view, position).into_iter().map(|s| (s.key.to_owned(), result_value(s.value))).collect();
    ResultSpan {
        id: spans.span_id[row],
        name: if named { columns.names.str(spans.name[row]).to_owned() } else { String::new() },
        start_ns: spans.start_ns[row],
        duration_ns: spans.end_ns[row].saturating_sub(spans.start_ns[row]),
        attributes,
    }
}

fn result_value(value: Value) -> ResultValue {
    if let Some(text) = value.text() {
        return ResultValue::Str(text);
    }
    match value {
        Value::Int(number) => ResultValue::Int(number),
        Value::Float(number) => ResultValue::Double(number),
        Value::Bool(flag) => ResultValue::Bool(flag),
        Value::Array(values) => ResultValue::Array(values.into_iter().map(result_value).collect()),
        Value::Nil | Value::Duration(_) | Value::Str(_) | Value::Status(_) | Value::Kind(_) => {
            unreachable!("these have a text")
        }
    }
}
