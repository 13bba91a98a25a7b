//! The sections of resources and scopes, of span names and details, of events and links.

use super::attrs::{AttrsScratch, Limits, Marks, attrs, put_attrs};
use super::pack::{Input, put_column, put_ranged, put_varint};
use super::{ATTRS_MAX, ROWS_MAX};
use crate::error::Malformed;
use cadenza_model::{Code, Columns, SpanId, TraceId};

fn mark(marks: &mut [bool], codes: &[Code]) {
    for &code in codes {
        marks[code as usize] = true;
    }
}

/// Appends the differences of running ends.
fn put_ends(out: &mut Vec<u8>, ends: &[u32]) {
    let (mut min, mut max, mut start) = (u64::MAX, 0, 0);
    for &end in ends {
        min = min.min(u64::from(end - start));
        max = max.max(u64::from(end - start));
        start = end;
    }
    let mut start = 0;
    let values = ends.iter().map(|&end| u64::from(end - std::mem::replace(&mut start, end)));
    put_ranged(out, values, ends.len(), min, max);
}

/// Appends resources, scopes and the scope of every span.
pub(crate) fn put_resources(
    out: &mut Vec<u8>,
    from: &Columns,
    scratch: &mut AttrsScratch,
    marks: &mut Marks,
) {
    let resources = &from.resources;
    put_varint(out, resources.schema_url.len() as u64);
    put_column(out, &resources.schema_url);
    put_column(out, &resources.dropped_attributes);
    put_column(out, &resources.presence);
    put_attrs(out, &from.resource_attrs, scratch, marks);
    let scopes = &from.scopes;
    put_varint(out, scopes.name.len() as u64);
    put_column(out, &scopes.resource);
    put_column(out, &scopes.name);
    put_column(out, &scopes.version);
    put_column(out, &scopes.schema_url);
    put_column(out, &scopes.dropped_attributes);
    put_column(out, &scopes.presence);
    put_attrs(out, &from.scope_attrs, scratch, marks);
    put_column(out, &from.spans.scope);
    mark(&mut marks.names, &resources.schema_url);
    mark(&mut marks.names, &scopes.name);
    mark(&mut marks.names, &scopes.version);
    mark(&mut marks.names, &scopes.schema_url);
}

/// Reads what [`put_resources`] wrote.
pub(crate) fn resources(
    mut input: Input<'_>,
    rows: usize,
    limits: &Limits,
    to: &mut Columns,
) -> Result<(), Malformed> {
    let input = &mut input;
    let resources = input.count(ROWS_MAX)?;
    to.resources.schema_url = input.codes(resources, limits.names)?;
    to.resources.dropped_attributes = input.u32s(resources)?;
    to.resources.presence = input.bytes_column(resources)?;
    to.resource_attrs = attrs(input, resources, limits)?;
    let scopes = input.count(ROWS_MAX)?;
    to.scopes.resource = input.codes(scopes, resources)?;
    to.scopes.name = input.codes(scopes, limits.names)?;
    to.scopes.version = input.codes(scopes, limits.names)?;
    to.scopes.schema_url = input.codes(scopes, limits.names)?;
    to.scopes.dropped_attributes = input.u32s(scopes)?;
    to.scopes.presence = input.bytes_column(scopes)?;
    to.scope_attrs = attrs(input, scopes, limits)?;
    to.spans.scope = input.codes(rows, scopes)?;
    input.end()
}

/// Appends the columns of spans that are neither ids nor children.
pub(crate) fn put_names(out: &mut Vec<u8>, from: &Columns, marks: &mut Marks) {
    let spans = &from.spans;
    put_column(out, &spans.name);
    put_column(out, &spans.status);
    put_column(out, &spans.message);
    put_column(out, &spans.trace_state);
    put_column(out, &spans.flags);
    put_column(out, &spans.dropped_attributes);
    put_column(out, &spans.dropped_events);
    put_column(out, &spans.dropped_links);
    put_column(out, &spans.presence);
    mark(&mut marks.names, &spans.name);
    mark(&mut marks.values, &spans.message);
    mark(&mut marks.values, &spans.trace_state);
}

/// Reads what [`put_names`] wrote.
pub(crate) fn names(
    mut input: Input<'_>,
    rows: usize,
    limits: &Limits,
    to: &mut Columns,
) -> Result<(), Malformed> {
    let spans = &mut to.spans;
    spans.name = input.codes(rows, limits.names)?;
    spans.status = input.i32s(rows)?;
    spans.message = input.codes(rows, limits.values)?;
    spans.trace_state = input.codes(rows, limits.values)?;
    spans.flags = input.u32s(rows)?;
    spans.dropped_attributes = input.u32s(rows)?;
    spans.dropped_events = input.u32s(rows)?;
    spans.dropped_links = input.u32s(rows)?;
    spans.presence = input.bytes_column(rows)?;
    input.end()
}

/// Appends events and links with their attributes.
pub(crate) fn put_events(out: &mut Vec<u8>, from: &Columns, scratch: &mut AttrsScratch, marks: &mut Marks) {
    let events = &from.events;
    put_ends(out, &from.spans.event_ends);
    put_column(out, &events.time_ns);
    put_column(out, &events.name);
    put_column(out, &events.dropped_attributes);
    put_attrs(out, &from.event_attrs, scratch, marks);
    mark(&mut marks.names, &events.name);
    let links = &from.links;
    put_ends(out, &from.spans.link_ends);
    for id in &links.trace_id {
        out.extend_from_slice(&id.0);
    }
    for id in &links.span_id {
        out.extend_from_slice(&id.bytes());
    }
    put_column(out, &links.trace_state);
    put_column(out, &links.flags);
    put_column(out, &links.dropped_attributes);
    put_varint(out, links.odd_ids.len() as u64);
    if !links.odd_ids.is_empty() {
        put_column(out, &links.odd_ids.iter().map(|odd| odd.0).collect::<Vec<_>>());
        put_column(out, &links.odd_ids.iter().map(|odd| odd.1).collect::<Vec<_>>());
        put_column(out, &links.odd_ids.iter().map(|odd| odd.2).collect::<Vec<_>>());
    }
    put_attrs(out, &from.link_attrs, scratch, marks);
    mark(&mut marks.values, &links.trace_state);
    for odd in &links.odd_ids {
        mark(&mut marks.raw, &[odd.1, odd.2]);
    }
}

/// Reads what [`put_events`] wrote.
pub(crate) fn events(
    mut input: Input<'_>,
    rows: usize,
    limits: &Limits,
    to: &mut Columns,
) -> Result<(), Malformed> {
    let input = &mut input;
    to.spans.event_ends = input.ends(rows, ROWS_MAX)?;
    let events = to.spans.event_ends.last().map_or(0, |&end| end as usize);
    to.events.time_ns = input.column(events)?.to_vec();
    to.events.name = input.codes(events, limits.names)?;
    to.events.dropped_attributes = input.u32s(events)?;
    to.event_attrs = attrs(input, events, limits)?;
    to.spans.link_ends = input.ends(rows, ROWS_MAX)?;
    let count = to.spans.link_ends.last().map_or(0, |&end| end as usize);
    let links = &mut to.links;
    links.trace_id = input.take(count * 16)?.as_chunks::<16>().0.iter().map(|id| TraceId(*id)).collect();
    let span_ids = input.take(count * 8)?;
    links.span_id = span_ids.as_chunks::<8>().0.iter().map(|id| SpanId(u64::from_be_bytes(*id))).collect();
    links.trace_state = input.codes(count, limits.values)?;
    links.flags = input.u32s(count)?;
    links.dropped_attributes = input.u32s(count)?;
    let odd = input.count(count)?;
    if odd > 0 {
        let at = input.codes(odd, count)?;
        let traces = input.codes(odd, limits.raw)?;
        let spans = input.codes(odd, limits.raw)?;
        links.odd_ids = at.into_iter().zip(traces).zip(spans).map(|((at, t), s)| (at, t, s)).collect();
        if !links.odd_ids.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Malformed("odd link ids are not in order"));
        }
    }
    to.link_attrs = attrs(input, count, limits)?;
    input.end()
}

/// What a table of the batch holds more of than a frame can, if any.
pub(crate) fn excess(columns: &Columns) -> Option<(usize, usize)> {
    let rows = [
        columns.spans.len(),
        columns.events.time_ns.len(),
        columns.links.flags.len(),
        columns.scopes.name.len(),
        columns.resources.schema_url.len(),
        columns.names.len() - 1,
        columns.values.len() - 1,
        columns.raw.len() - 1,
    ];
    let attrs = [
        &columns.span_attrs,
        &columns.event_attrs,
        &columns.link_attrs,
        &columns.scope_attrs,
        &columns.resource_attrs,
    ];
    let rows = rows.into_iter().max().unwrap_or(0);
    let attrs = attrs.into_iter().map(|attrs| attrs.key.len()).max().unwrap_or(0);
    if rows > ROWS_MAX { Some((rows, ROWS_MAX)) } else { (attrs > ATTRS_MAX).then_some((attrs, ATTRS_MAX)) }
}
