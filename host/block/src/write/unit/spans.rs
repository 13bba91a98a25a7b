//! Leaves of spans, their events and their links.

use super::super::attrs::{self, Source};
use super::super::own;
use super::{Scratch, Unit, Writers, leaf, seven};
use crate::schema::{Column, List, Owner};
use cadenza_model::SpanId;
use std::ops::Range;

impl<'a> Writers<'a> {
    pub(super) fn spans(&mut self, unit: &Unit) {
        let count = unit.traces.len();
        let rows = &self.plan.rows[unit.spans.clone()];
        let columns = self.columns;
        let spans = &columns.spans;
        let stream = &self.scratch.spans;
        macro_rules! put {
            ($column:expr, |$leaf:ident, $row:ident| $push:expr) => {{
                let $leaf = leaf(&mut self.leaves, self.schema, $column);
                for &row in rows {
                    let $row = row as usize;
                    $push;
                }
                $leaf.end_unit(count, stream);
            }};
        }
        put!(Column::SpanId, |leaf, row| leaf.push_text(&spans.span_id[row].bytes()));
        put!(Column::ParentSpanId, |leaf, row| {
            let parent = spans.parent_id[row];
            if parent != SpanId::NONE {
                leaf.push_text(&parent.bytes());
            } else if let Ok(odd) = spans.odd_parents.binary_search_by_key(&(row as u32), |odd| odd.0) {
                leaf.push_text(columns.raw.get(spans.odd_parents[odd].1));
            } else {
                leaf.push_text(&[]);
            }
        });
        put!(Column::SpanName, |leaf, row| leaf.push_code(spans.name[row], &columns.names));
        put!(Column::Kind, |leaf, row| leaf.push_int(spans.kind[row].into()));
        put!(Column::TraceState, |leaf, row| leaf.push_code(spans.trace_state[row], &columns.values));
        put!(Column::SpanStart, |leaf, row| leaf.push_int(spans.start_ns[row] as i64));
        for own in self.schema.leaves() {
            if let Column::StartRounded { width_s } = own.column {
                let width_ns = u64::from(width_s) * 1_000_000_000;
                put!(own.column, |leaf, row| {
                    // A bucket ends with the instant that is a multiple of its width; 0 is "no start".
                    leaf.push_int((spans.start_ns[row].saturating_sub(1) / width_ns) as i64);
                });
            }
        }
        put!(Column::SpanDuration, |leaf, row| {
            leaf.push_int(spans.end_ns[row].wrapping_sub(spans.start_ns[row]) as i64);
        });
        put!(Column::StatusCode, |leaf, row| leaf.push_int(spans.status[row].into()));
        put!(Column::StatusMessage, |leaf, row| leaf.push_code(spans.message[row], &columns.values));
        let dropped = Column::DroppedAttributes(Owner::Span);
        put!(dropped, |leaf, row| leaf.push_int((spans.dropped_attributes[row] as i32).into()));
        put!(Column::DroppedEvents, |leaf, row| leaf.push_int((spans.dropped_events[row] as i32).into()));
        put!(Column::DroppedLinks, |leaf, row| leaf.push_int((spans.dropped_links[row] as i32).into()));
    }

    /// Generic attributes of spans; those with a column of their own go there.
    pub(super) fn span_attrs(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let count = unit.spans.len();
        let columns = self.columns;
        let attrs = &columns.span_attrs;
        let Scratch { attrs: scratch, own, gathered, spans, .. } = &mut self.scratch;
        let routes = &self.span_routes;
        gathered.clear(routes.slots.len(), count);
        let source = Source { columns, attrs, owner: Owner::Span, owners: spans, rows };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Span);
        let ids = self.plan.rows[unit.spans.clone()].iter().copied();
        let take = |span: usize, i: usize| {
            let Some((slot, held)) = routes.slot(columns, attrs, i) else { return false };
            gathered.set(slot, span, held);
            true
        };
        attrs::write(leaves, scratch, &source, ids, |id| attrs.of(id as usize), take);
        own::write(&mut self.leaves, own, &source, routes, |slot, span| gathered.get(slot, span));
    }

    pub(super) fn events(&mut self, unit: &Unit) {
        let count = unit.traces.len();
        let columns = self.columns;
        self.children(unit, |row| columns.spans.events(row));
        let rows = &self.plan.rows[unit.spans.clone()];
        let Scratch { children, ids, .. } = &self.scratch;
        let leaf = leaf(&mut self.leaves, self.schema, Column::EventTime);
        for &row in rows {
            let start = columns.spans.start_ns[row as usize];
            for event in columns.spans.events(row as usize) {
                leaf.push_int(columns.events.time_ns[event].wrapping_sub(start) as i64);
            }
        }
        leaf.end_unit(count, children);
        let leaf = self::leaf(&mut self.leaves, self.schema, Column::EventName);
        ids.iter().for_each(|&id| leaf.push_code(columns.events.name[id as usize], &columns.names));
        leaf.end_unit(count, children);
        let leaf = self::leaf(&mut self.leaves, self.schema, Column::DroppedAttributes(Owner::Event));
        let dropped = |&id: &u32| columns.events.dropped_attributes[id as usize] as i32;
        ids.iter().for_each(|id| leaf.push_int(dropped(id).into()));
        leaf.end_unit(count, children);
        self.child_attrs(Owner::Event, &columns.event_attrs, count);
    }

    pub(super) fn links(&mut self, unit: &Unit) {
        let count = unit.traces.len();
        let columns = self.columns;
        self.children(unit, |row| columns.spans.links(row));
        let Scratch { children, ids, .. } = &self.scratch;
        let links = &columns.links;
        let odd = |id: u32| {
            let at = links.odd_ids.binary_search_by_key(&id, |odd| odd.0).ok()?;
            Some((links.odd_ids[at].1, links.odd_ids[at].2))
        };
        macro_rules! put {
            ($column:expr, |$leaf:ident, $id:ident| $push:expr) => {{
                let $leaf = leaf(&mut self.leaves, self.schema, $column);
                for &$id in ids {
                    $push;
                }
                $leaf.end_unit(count, children);
            }};
        }
        put!(Column::LinkTraceId, |leaf, id| match (links.trace_id[id as usize], odd(id)) {
            (_, Some((trace, _))) => leaf.push_text(columns.raw.get(trace)),
            (trace, None) if trace.0 == [0; 16] => leaf.push_text(&[]),
            (trace, None) => leaf.push_text(&trace.0),
        });
        put!(Column::LinkSpanId, |leaf, id| match (links.span_id[id as usize], odd(id)) {
            (_, Some((_, span))) => leaf.push_text(columns.raw.get(span)),
            (SpanId::NONE, None) => leaf.push_text(&[]),
            (span, None) => leaf.push_text(&span.bytes()),
        });
        put!(Column::LinkTraceState, |leaf, id| {
            leaf.push_code(links.trace_state[id as usize], &columns.values);
        });
        put!(Column::DroppedAttributes(Owner::Link), |leaf, id| {
            leaf.push_int((links.dropped_attributes[id as usize] as i32).into());
        });
        self.child_attrs(Owner::Link, &columns.link_attrs, count);
    }

    /// Levels and rows of the events or links of a unit's spans.
    fn children(&mut self, unit: &Unit, of: impl Fn(usize) -> Range<usize>) {
        let Scratch { children, ids, spans, .. } = &mut self.scratch;
        children.clear();
        ids.clear();
        let depth = List::Span.depth() + 1;
        for (&rep, &row) in spans.rep.iter().zip(&self.plan.rows[unit.spans.clone()]) {
            let found = of(row as usize);
            children.rep.push(rep);
            children.def.push(if found.is_empty() { depth - 1 } else { depth });
            let more = found.len().saturating_sub(1);
            children.rep.resize(children.rep.len() + more, depth);
            children.def.resize(children.def.len() + more, depth);
            ids.extend(found.map(|id| id as u32));
        }
        children.encode(depth);
    }

    /// Attributes of events or links.
    fn child_attrs(&mut self, owner: Owner, attrs: &'a cadenza_model::Attrs, rows: usize) {
        let columns = self.columns;
        let Scratch { attrs: scratch, own, gathered, children, ids, .. } = &mut self.scratch;
        let source = Source { columns, attrs, owner, owners: children, rows };
        let leaves = seven(&mut self.leaves, self.schema, owner);
        let of = |id: u32| attrs.of(id as usize);
        if owner != Owner::Event || !self.event_routes.has_lists {
            attrs::write(leaves, scratch, &source, ids.iter().copied(), of, |_, _| false);
            return;
        }
        let routes = &self.event_routes;
        gathered.clear(routes.slots.len(), ids.len());
        let take = |event: usize, i: usize| {
            let Some((slot, held)) = routes.slot(columns, attrs, i) else { return false };
            gathered.set(slot, event, held);
            true
        };
        attrs::write(leaves, scratch, &source, ids.iter().copied(), of, take);
        own::write(&mut self.leaves, own, &source, routes, |slot, event| gathered.get(slot, event));
    }
}
