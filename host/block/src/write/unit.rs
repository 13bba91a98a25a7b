//! One unit of rows, leaf by leaf: the same few traces pass through all leaves while they are in the
//! processor's cache.

mod owned;
mod spans;

use super::attrs;
use super::leaf::{Codec, LeafWriter, Stream, UNIT_ROWS_MAX, end_attribute_pages};
use super::own;
use super::owners::Owners;
use super::plan::Plan;
use super::routes::Routes;
use crate::WriteError;
use crate::schema::{Column, List, Owner, Schema};
use cadenza_model::Columns;
use cadenza_model::tree::{Assembler, ServiceStat, TraceTree, service_stats};
use std::ops::Range;

/// A unit ends early after a trace that brings it to this many spans: buffers stay within the cache.
const UNIT_SPANS: u32 = 2048;
/// Everything that is being written.
pub(super) struct Writers<'a> {
    pub(super) columns: &'a Columns,
    pub(super) plan: &'a Plan,
    pub(super) owners: &'a Owners,
    pub(super) leaves: Vec<LeafWriter<'a>>,
    pub(super) codec: Codec,
    schema: &'a Schema,
    span_routes: Routes,
    event_routes: Routes,
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
    own: own::Scratch,
    gathered: own::Gathered,
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
        schema: &'a Schema,
        codec: Codec,
    ) -> Self {
        Self {
            columns,
            plan,
            owners,
            leaves: schema.leaves().iter().map(LeafWriter::new).collect(),
            codec,
            schema,
            span_routes: Routes::new(&columns.names, Owner::Span, schema),
            event_routes: Routes::new(&columns.names, Owner::Event, schema),
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
                (Column::ChildCount, &tree.child_count),
            ] {
                if let Some(leaf) = self.schema.leaf(column) {
                    let leaf = &mut self.leaves[leaf.index];
                    numbers.iter().for_each(|&number| leaf.push_int(number.into()));
                }
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
            let of_tree = matches!(
                leaf.leaf.column,
                Column::ParentId | Column::NestedSetLeft | Column::NestedSetRight | Column::ChildCount
            );
            if of_tree {
                leaf.end_unit(rows, spans);
            }
        }
    }

    /// Ends the pages that are long enough.
    fn end_pages(&mut self) -> Result<(), WriteError> {
        for owner in Owner::ALL {
            end_attribute_pages(seven(&mut self.leaves, self.schema, owner), &mut self.codec)?;
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

    fn at(&mut self, column: Column) -> &mut LeafWriter<'a> {
        leaf(&mut self.leaves, self.schema, column)
    }
}

fn leaf<'l, 's>(leaves: &'l mut [LeafWriter<'s>], schema: &Schema, column: Column) -> &'l mut LeafWriter<'s> {
    let leaf = schema.leaf(column).expect("the tables have every column that is written to all versions");
    &mut leaves[leaf.index]
}

/// The leaves of an attribute list, which lie side by side.
fn seven<'l, 's>(
    leaves: &'l mut [LeafWriter<'s>],
    schema: &Schema,
    owner: Owner,
) -> &'l mut [LeafWriter<'s>; 7] {
    let key = schema.leaf(Column::AttrKey(owner)).expect("every owner has an attribute list");
    leaves[key.index..].first_chunk_mut().expect("an attribute list has seven leaves")
}
