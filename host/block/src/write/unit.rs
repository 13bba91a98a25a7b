//! One unit of rows, leaf by leaf: the same few traces pass through all 103 leaves while they are in the
//! processor's cache.

use super::attrs::{self, Source};
use super::leaf::{Codec, LeafWriter, PAGE_ROWS_MAX, Stream, UNIT_ROWS_MAX};
use super::owners::{Owners, Routes};
use super::plan::Plan;
use crate::WriteError;
use crate::schema::{Column, List, Owner, Schema};
use cadenza_model::tree::{Assembler, ServiceStat, TraceTree, service_stats};
use cadenza_model::{Columns, SpanId};
use std::ops::Range;

/// A unit ends early after a trace that brings it to this many spans: buffers stay within the cache.
const UNIT_SPANS: u32 = 2048;
/// Rows after which the pages of an attribute list may end, all at once: readers match the n-th
/// attribute of a row over them.
const ATTR_ROWS: usize = 128;
/// Uncompressed bytes that the longest of those pages should reach before.
const ATTR_BYTES_MIN: usize = 32 * 1024;
/// Uncompressed bytes at which they end in any case.
const ATTR_BYTES_MAX: usize = 256 * 1024;

/// Everything that is being written.
pub(super) struct Writers<'a> {
    pub(super) columns: &'a Columns,
    pub(super) plan: &'a Plan,
    pub(super) owners: &'a Owners,
    pub(super) leaves: Vec<LeafWriter>,
    pub(super) codec: Codec,
    schema: &'static Schema,
    span_routes: Routes,
    spans_used: Vec<bool>,
    assembler: Assembler<'a>,
    tree: TraceTree,
    stats: Vec<ServiceStat>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    attrs: attrs::Scratch,
    services: Stream,
    resources: Stream,
    scopes: Stream,
    spans: Stream,
    children: Stream,
    ids: Vec<u32>,
    optional: Vec<u8>,
    /// Values by slot and span, where `slot_set` is 1.
    slots: Vec<u64>,
    slot_set: Vec<u8>,
}

/// The parts of the plan in a unit.
struct Unit {
    traces: Range<usize>,
    resources: Range<usize>,
    scopes: Range<usize>,
    spans: Range<usize>,
}

impl<'a> Writers<'a> {
    pub(super) fn new(
        columns: &'a Columns,
        plan: &'a Plan,
        owners: &'a Owners,
        span_routes: Routes,
        codec: Codec,
    ) -> Self {
        let schema = Schema::v4();
        Self {
            columns,
            plan,
            owners,
            leaves: schema.leaves().iter().map(LeafWriter::new).collect(),
            codec,
            schema,
            spans_used: span_routes.in_use(),
            span_routes,
            assembler: Assembler::new(columns),
            tree: TraceTree::default(),
            stats: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Writes the unit that starts with trace `first`; returns the trace after it.
    pub(super) fn unit(&mut self, first: usize) -> Result<usize, WriteError> {
        let unit = self.cut(first);
        self.streams(&unit);
        self.traces(&unit);
        self.resources(&unit);
        self.scopes(&unit);
        self.spans(&unit);
        self.span_attrs(&unit);
        self.events(&unit);
        self.links(&unit);
        self.end_pages()?;
        Ok(unit.traces.end)
    }

    /// Number of spans before trace `trace`.
    pub(super) fn spans_before(&self, trace: usize) -> usize {
        let end = |ends: &[(u32, u32)], n: usize| if n == 0 { 0 } else { ends[n - 1].1 as usize };
        let resources = if trace == 0 { 0 } else { self.plan.trace_ends[trace - 1] as usize };
        end(&self.plan.scopes, end(&self.plan.resources, resources))
    }

    fn cut(&self, first: usize) -> Unit {
        let plan = self.plan;
        let end = |ends: &[(u32, u32)], n: usize| if n == 0 { 0 } else { ends[n - 1].1 as usize };
        let resources = |trace: usize| if trace == 0 { 0 } else { plan.trace_ends[trace - 1] as usize };
        let start = self.spans_before(first);
        let most = (first + UNIT_ROWS_MAX).min(plan.traces.len());
        let mut last = first + 1;
        while last < most && self.spans_before(last) - start < UNIT_SPANS as usize {
            last += 1;
        }
        let (r0, r1) = (resources(first), resources(last));
        let (s0, s1) = (end(&plan.resources, r0), end(&plan.resources, r1));
        Unit {
            traces: first..last,
            resources: r0..r1,
            scopes: s0..s1,
            spans: end(&plan.scopes, s0)..end(&plan.scopes, s1),
        }
    }

    /// Levels of resources, scopes and spans. None of these lists is ever empty.
    fn streams(&mut self, unit: &Unit) {
        let Scratch { resources, scopes, spans, .. } = &mut self.scratch;
        resources.clear();
        scopes.clear();
        spans.clear();
        let (mut resource, mut scope) = (unit.resources.start, unit.scopes.start);
        let mut span = unit.spans.start as u32;
        for trace in unit.traces.clone() {
            let mut rep = 0;
            while resource < self.plan.trace_ends[trace] as usize {
                resources.rep.push(rep);
                while scope < self.plan.resources[resource].1 as usize {
                    scopes.rep.push(rep);
                    let end = self.plan.scopes[scope].1;
                    spans.rep.push(rep);
                    spans.rep.resize(spans.rep.len() + (end - span) as usize - 1, 3);
                    span = end;
                    scope += 1;
                    rep = 2;
                }
                resource += 1;
                rep = 1;
            }
        }
        for (list, stream) in [(List::Resource, resources), (List::Scope, scopes), (List::Span, spans)] {
            stream.def.resize(stream.rep.len(), list.depth());
            stream.encode(list.depth());
        }
    }

    /// The trace's own leaves, its services, and what comes from its tree.
    fn traces(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let (columns, plan, owners) = (self.columns, self.plan, self.owners);
        let service = |row: u32| {
            let scope = owners.scope_of[columns.spans.scope[row as usize] as usize];
            owners.resources[owners.scopes[scope as usize].resource as usize].service
        };
        self.scratch.services.clear();
        for trace in unit.traces.clone() {
            let spans = &plan.rows[self.spans_before(trace)..self.spans_before(trace + 1)];
            self.assembler.assemble(spans, &mut self.tree);
            let id = plan.traces[trace];
            self.at(Column::TraceId).push_text(&id.0);
            self.at(Column::TraceIdText).push_text(id.short_hex().as_bytes());
            let start = spans.iter().map(|&row| columns.spans.start_ns[row as usize]);
            let start = start.filter(|&ns| ns != 0).min().unwrap_or(0);
            let end = spans.iter().map(|&row| columns.spans.end_ns[row as usize]).max().unwrap_or(0);
            self.at(Column::TraceStart).push_int(start as i64);
            self.at(Column::TraceEnd).push_int(end as i64);
            self.at(Column::TraceDuration).push_int(end.wrapping_sub(start) as i64);
            let root = self.tree.root.map(|root| spans[root]);
            let name = root.map_or(0, |row| columns.spans.name[row as usize]);
            self.at(Column::RootSpanName).push_code(name, &columns.names);
            let name = root.map_or(0, |row| owners.services[service(row) as usize]);
            self.at(Column::RootServiceName).push_code(name, &columns.values);
            service_stats(columns, spans, service, &mut self.stats);
            let stats = std::mem::take(&mut self.stats);
            for (i, stat) in stats.iter().enumerate() {
                self.scratch.services.rep.push(u8::from(i > 0));
                let name = owners.services[stat.service as usize];
                self.at(Column::StatsService).push_code(name, &columns.values);
                self.at(Column::StatsSpanCount).push_int(stat.spans.into());
                self.at(Column::StatsErrorCount).push_int(stat.errors.into());
            }
            self.stats = stats;
            let tree = std::mem::take(&mut self.tree);
            for (column, numbers) in [
                (Column::ParentId, &tree.parent_left),
                (Column::NestedSetLeft, &tree.left),
                (Column::NestedSetRight, &tree.right),
            ] {
                let leaf = self.at(column);
                numbers.iter().for_each(|&number| leaf.push_int(number.into()));
            }
            self.tree = tree;
        }
        let Scratch { services, spans, .. } = &mut self.scratch;
        services.def.resize(services.rep.len(), 1);
        services.encode(1);
        for leaf in &mut self.leaves {
            match leaf.leaf.list {
                List::Trace => leaf.end_unit(rows, services),
                List::ServiceStats => leaf.end_unit(rows, services),
                _ => {}
            }
            if let Column::ParentId | Column::NestedSetLeft | Column::NestedSetRight = leaf.leaf.column {
                leaf.end_unit(rows, spans);
            }
        }
    }

    fn resources(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.resources[unit.resources.clone()];
        let owners = self.owners;
        let values = &self.columns.values;
        let resource = |run: &(u32, u32)| &owners.resources[run.0 as usize];
        let stream = &self.scratch.resources;
        let leaf = leaf(&mut self.leaves, self.schema, Column::DroppedAttributes(Owner::Resource));
        runs.iter().for_each(|run| leaf.push_int(i64::from(resource(run).dropped as i32)));
        leaf.end_unit(rows, stream);
        for (slot, &column) in owners.resource_routes.slots.iter().enumerate() {
            let leaf = self::leaf(&mut self.leaves, self.schema, column);
            let held = runs.iter().map(|run| resource(run).slots[slot]);
            if !leaf.leaf.optional {
                held.for_each(|code| leaf.push_code(code.unwrap_or(0), values));
                leaf.end_unit(rows, stream);
                continue;
            }
            self.scratch.optional.clear();
            for code in held {
                self.scratch.optional.push(leaf.leaf.rep_max + u8::from(code.is_some()));
                if let Some(code) = code {
                    leaf.push_code(code, values);
                }
            }
            leaf.end_unit_with(rows, &stream.rep_encoded, &self.scratch.optional);
        }
        self.unused_spares(Owner::Resource, rows);
        let source = Source {
            columns: self.columns,
            attrs: &self.columns.resource_attrs,
            owner: Owner::Resource,
            owners: &self.scratch.resources,
            rows,
        };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Resource);
        let of = |id: u32| prepared(&owners.attrs, &owners.resources[id as usize].attrs);
        let ids = runs.iter().map(|run| run.0);
        attrs::write(leaves, &mut self.scratch.attrs, &source, ids, of, |_, _| false);
    }

    /// Spares that the meta gives to no attribute: all null.
    fn unused_spares(&mut self, owner: Owner, rows: usize) {
        let Scratch { resources, spans, optional, .. } = &mut self.scratch;
        let stream = if owner == Owner::Resource { resources } else { spans };
        optional.clear();
        optional.resize(stream.rep.len(), owner.list().depth());
        let used = if owner == Owner::Resource {
            &self.owners.resource_routes.slots
        } else {
            &self.span_routes.slots
        };
        for number in 0..Schema::V4_SPARES {
            let column = Column::Spare(owner, number);
            if !used.contains(&column) {
                let leaf = leaf(&mut self.leaves, self.schema, column);
                leaf.end_unit_with(rows, &stream.rep_encoded, optional);
            }
        }
    }

    fn scopes(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.scopes[unit.scopes.clone()];
        let owners = self.owners;
        let scope = |run: &(u32, u32)| &owners.scopes[run.0 as usize];
        let stream = &self.scratch.scopes;
        let mut put = |column, push: &dyn Fn(&mut LeafWriter, &(u32, u32))| {
            let leaf = leaf(&mut self.leaves, self.schema, column);
            runs.iter().for_each(|run| push(leaf, run));
            leaf.end_unit(rows, stream);
        };
        let names = &self.columns.names;
        put(Column::ScopeName, &|leaf, run| leaf.push_code(scope(run).name, names));
        put(Column::ScopeVersion, &|leaf, run| leaf.push_code(scope(run).version, names));
        put(Column::DroppedAttributes(Owner::Scope), &|leaf, run| {
            leaf.push_int(i64::from(scope(run).dropped as i32));
        });
        let source = Source {
            columns: self.columns,
            attrs: &self.columns.scope_attrs,
            owner: Owner::Scope,
            owners: stream,
            rows,
        };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Scope);
        let of = |id: u32| prepared(&owners.attrs, &owners.scopes[id as usize].attrs);
        let ids = runs.iter().map(|run| run.0);
        attrs::write(leaves, &mut self.scratch.attrs, &source, ids, of, |_, _| false);
    }

    fn spans(&mut self, unit: &Unit) {
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
    fn span_attrs(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let count = unit.spans.len();
        let columns = self.columns;
        let attrs = &columns.span_attrs;
        let Scratch { attrs: scratch, slots, slot_set, spans, optional, .. } = &mut self.scratch;
        let routes = &self.span_routes;
        slots.resize(routes.slots.len() * count, 0);
        slot_set.clear();
        slot_set.resize(routes.slots.len() * count, 0);
        let source = Source { columns, attrs, owner: Owner::Span, owners: spans, rows };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Span);
        let ids = self.plan.rows[unit.spans.clone()].iter().copied();
        let take = |span: usize, i: usize| {
            let Some(slot) = routes.slot(attrs, i) else { return false };
            slots[slot * count + span] = attrs.val[i];
            slot_set[slot * count + span] = 1;
            true
        };
        attrs::write(leaves, scratch, &source, ids, |id| attrs.of(id as usize), take);
        let depth = List::Span.depth();
        for (slot, &column) in routes.slots.iter().enumerate() {
            let leaf = leaf(&mut self.leaves, self.schema, column);
            let range = slot * count..(slot + 1) * count;
            optional.clear();
            optional.extend(slot_set[range.clone()].iter().map(|&set| depth + set));
            if self.spans_used[slot] {
                let text = leaf.leaf.physical == parquet::basic::Type::BYTE_ARRAY;
                for (&value, &set) in slots[range.clone()].iter().zip(&slot_set[range]) {
                    match set {
                        0 => {}
                        _ if text => leaf.push_code(value as u32, &columns.values),
                        _ => leaf.push_int(value as i64),
                    }
                }
            }
            leaf.end_unit_with(rows, &spans.rep_encoded, optional);
        }
        self.unused_spares(Owner::Span, rows);
    }

    fn events(&mut self, unit: &Unit) {
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

    fn links(&mut self, unit: &Unit) {
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

    fn child_attrs(&mut self, owner: Owner, attrs: &'a cadenza_model::Attrs, rows: usize) {
        let Scratch { attrs: scratch, children, ids, .. } = &mut self.scratch;
        let source = Source { columns: self.columns, attrs, owner, owners: children, rows };
        let leaves = seven(&mut self.leaves, self.schema, owner);
        let of = |id: u32| attrs.of(id as usize);
        attrs::write(leaves, scratch, &source, ids.iter().copied(), of, |_, _| false);
    }

    /// Ends the pages that are long enough.
    fn end_pages(&mut self) -> Result<(), WriteError> {
        for owner in Owner::ALL {
            let leaves = seven(&mut self.leaves, self.schema, owner);
            let longest = leaves.iter().map(LeafWriter::page_bytes).max().unwrap_or(0);
            let rows = leaves[0].rows();
            let wanted = rows >= ATTR_ROWS && longest >= ATTR_BYTES_MIN;
            if wanted || longest >= ATTR_BYTES_MAX || rows + UNIT_ROWS_MAX > PAGE_ROWS_MAX {
                leaves.iter_mut().try_for_each(|leaf| leaf.flush(&mut self.codec))?;
            }
        }
        for leaf in &mut self.leaves {
            let together = matches!(leaf.leaf.list, List::Attrs(_) | List::Values(..));
            if !together && leaf.is_full() {
                leaf.flush(&mut self.codec)?;
            }
        }
        Ok(())
    }

    /// Uncompressed bytes since the last row group, the pages being filled included.
    pub(super) fn raw_bytes(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.raw_bytes + leaf.page_bytes()).sum()
    }

    fn at(&mut self, column: Column) -> &mut LeafWriter {
        leaf(&mut self.leaves, self.schema, column)
    }
}

fn prepared<'o>(attrs: &'o [u32], range: &Range<u32>) -> impl Iterator<Item = usize> + use<'o> {
    attrs[range.start as usize..range.end as usize].iter().map(|&i| i as usize)
}

fn leaf<'l>(leaves: &'l mut [LeafWriter], schema: &Schema, column: Column) -> &'l mut LeafWriter {
    let leaf = schema.leaf(column).expect("the table of vParquet4 has every column that is written");
    &mut leaves[leaf.index]
}

/// The leaves of an attribute list, which lie side by side.
fn seven<'l>(leaves: &'l mut [LeafWriter], schema: &Schema, owner: Owner) -> &'l mut [LeafWriter; 7] {
    let key = schema.leaf(Column::AttrKey(owner)).expect("every owner has an attribute list");
    leaves[key.index..].first_chunk_mut().expect("an attribute list has seven leaves")
}
