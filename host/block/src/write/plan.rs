//! The order of a block: traces by id, in each trace resources, scopes and spans as Tempo combines them.

use super::owners::Owners;
use cadenza_model::{Columns, SpanId, TraceId};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Spans and their grouping, flat: a resource run is some scope runs, a scope run is some spans.
#[derive(Default)]
pub(super) struct Plan {
    /// Ascending.
    pub(super) traces: Vec<TraceId>,
    /// Ends in `resources`, by trace.
    pub(super) trace_ends: Vec<u32>,
    /// (distinct resource, end in `scopes`)
    pub(super) resources: Vec<(u32, u32)>,
    /// (distinct scope, end in `rows`)
    pub(super) scopes: Vec<(u32, u32)>,
    /// Rows of spans in the columns.
    pub(super) rows: Vec<u32>,
}

/// A group of a trace being ordered.
struct Group {
    scope: u32,
    /// Place of its resource among those of the trace.
    resource: u32,
    spans: u32,
}

/// Finds the place of something in a trace without a table per trace.
struct Places {
    /// (trace, place) by number of the thing.
    seen: Vec<(u32, u32)>,
    count: u32,
}

impl Places {
    fn new(things: usize) -> Self {
        Self { seen: vec![(u32::MAX, 0); things], count: 0 }
    }

    /// Place of `thing` in `trace`, and whether it is new there.
    fn of(&mut self, thing: u32, trace: u32) -> (u32, bool) {
        let seen = &mut self.seen[thing as usize];
        if seen.0 == trace {
            return (seen.1, false);
        }
        *seen = (trace, self.count);
        self.count += 1;
        (seen.1, true)
    }
}

impl Plan {
    pub(super) fn new(columns: &Columns, owners: &Owners) -> Self {
        let (traces, by_trace, ends) = group_by_trace(columns);
        let mut plan = Self { traces, rows: Vec::with_capacity(by_trace.len()), ..Self::default() };
        let mut resource_places = Places::new(owners.resources.len());
        let mut scope_places = Places::new(owners.scopes.len());
        let mut order: Vec<(u64, SpanId, u32)> = Vec::new();
        let (mut groups, mut by_resource, mut starts) = (Vec::<Group>::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for (trace, &end) in ends.iter().enumerate() {
            let rows = &by_trace[start as usize..end as usize];
            start = end;
            let spans = &columns.spans;
            order.clear();
            order.extend(rows.iter().map(|&r| (spans.start_ns[r as usize], spans.span_id[r as usize], r)));
            order.sort_unstable();
            groups.clear();
            (resource_places.count, scope_places.count) = (0, 0);
            for &(_, _, row) in &order {
                let scope = owners.scope_of[spans.scope[row as usize] as usize];
                let (place, new) = scope_places.of(scope, trace as u32);
                if new {
                    let resource = owners.scopes[scope as usize].resource;
                    let (resource, _) = resource_places.of(resource, trace as u32);
                    groups.push(Group { scope, resource, spans: 0 });
                }
                groups[place as usize].spans += 1;
            }
            by_resource.clear();
            by_resource.extend(0..groups.len() as u32);
            // Stable: scopes of a resource stay in the order of their first spans.
            by_resource.sort_by_key(|&g| groups[g as usize].resource);
            starts.clear();
            starts.resize(groups.len(), 0);
            plan.add_groups(owners, &groups, &by_resource, &mut starts);
            let first = plan.rows.len();
            plan.rows.resize(first + order.len(), 0);
            for &(_, _, row) in &order {
                let scope = owners.scope_of[spans.scope[row as usize] as usize];
                let (place, _) = scope_places.of(scope, trace as u32);
                plan.rows[starts[place as usize] as usize] = row;
                starts[place as usize] += 1;
            }
            plan.trace_ends.push(plan.resources.len() as u32);
        }
        plan
    }

    /// Appends the runs of one trace; `starts` receives the first span of each group.
    fn add_groups(&mut self, owners: &Owners, groups: &[Group], by_resource: &[u32], starts: &mut [u32]) {
        let mut end = self.rows.len() as u32;
        let mut last = None;
        for &g in by_resource {
            let group = &groups[g as usize];
            starts[g as usize] = end;
            end += group.spans;
            self.scopes.push((group.scope, end));
            let scopes = self.scopes.len() as u32;
            match self.resources.last_mut() {
                Some(run) if last == Some(group.resource) => run.1 = scopes,
                _ => self.resources.push((owners.scopes[group.scope as usize].resource, scopes)),
            }
            last = Some(group.resource);
        }
    }
}

/// Trace ids in order, rows by trace in order of arrival, and where each trace's rows end.
fn group_by_trace(columns: &Columns) -> (Vec<TraceId>, Vec<u32>, Vec<u32>) {
    let ids = &columns.spans.trace_id;
    let mut numbers = HashMap::<TraceId, u32, RandomState>::default();
    let mut traces: Vec<(TraceId, u32)> = Vec::new();
    let mut trace_of = Vec::with_capacity(ids.len());
    let mut last = (TraceId::default(), u32::MAX);
    for &id in ids {
        // Spans of a trace come in runs.
        if last.0 != id || last.1 == u32::MAX {
            let next = traces.len() as u32;
            last = match numbers.entry(id) {
                Entry::Occupied(known) => (id, *known.get()),
                Entry::Vacant(new) => {
                    new.insert(next);
                    traces.push((id, next));
                    (id, next)
                }
            };
        }
        trace_of.push(last.1);
    }
    drop(numbers);
    traces.sort_unstable();
    let mut rank = vec![0; traces.len()];
    for (at, &(_, number)) in traces.iter().enumerate() {
        rank[number as usize] = at as u32;
    }
    let mut ends = vec![0; traces.len()];
    for trace in &mut trace_of {
        *trace = rank[*trace as usize];
        ends[*trace as usize] += 1;
    }
    let mut end = 0;
    for slot in &mut ends {
        let start = end;
        end += *slot;
        *slot = start;
    }
    let mut rows = vec![0; ids.len()];
    for (row, &trace) in trace_of.iter().enumerate() {
        let slot = &mut ends[trace as usize];
        rows[*slot as usize] = row as u32;
        *slot += 1;
    }
    // Each start has moved to its end.
    (traces.into_iter().map(|(id, _)| id).collect(), rows, ends)
}
