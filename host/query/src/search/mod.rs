//! Search: the newest traces that match, exactly, wherever their parts lie.
//!
//! Sources are looked through newest first: live spans, then blocks by their end. In each, candidates are
//! found on a part of the trace (a superset, each with an upper bound of its trace's start), assembled
//! whole and evaluated, until nothing left can be among the newest.

mod blocks;
mod legacy;
mod live;
mod matcher;
mod result;

use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{FoundTrace, Inspected, Missing, QueryError, QueryLimits, SearchAnswer, SearchRequest};
use cadenza_model::{Columns, TraceId};
use cadenza_store::StoredBlock;
use matcher::Matcher;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Traces evaluated first: the usual limit and a few for those that do not match after all.
const PIECE_MIN: usize = 24;

/// Each piece is so many times the one before: where few candidates match, larger pieces share the pages they
/// lie in.
const PIECE_GROWTH: usize = 8;

/// Most traces evaluated at once; bounds what is decoded at a time.
const PIECE_MAX: usize = 1024;

/// How far outside of the request's range blocks are asked for the other parts of a trace. Without a bound
/// every search would ask every block there is.
const PARTS_APART_NS: u64 = 3_600_000_000_000;

/// Answers from the snapshots of the request's tenants.
pub(crate) fn answer(
    snapshots: &[(Snapshot, QueryLimits)],
    request: &SearchRequest,
    budget: &Budget,
) -> Result<SearchAnswer, QueryError> {
    let matcher = Matcher::new(&request.filter)?;
    let mut answer = SearchAnswer::default();
    for (snapshot, limits) in snapshots {
        let mut search = Search::new(snapshot, request, &matcher, budget, limits.pad_trace_ids);
        search.live()?;
        search.blocks()?;
        answer.traces.append(&mut search.found);
        answer.missing.add(search.missing);
        answer.inspected.add(&search.inspected);
    }
    sort(&mut answer.traces);
    answer.traces.truncate(request.limit);
    Ok(answer)
}

/// Newest first, then by id: the same data gives the same order.
fn sort(traces: &mut [FoundTrace]) {
    traces.sort_by(|a, b| b.start_ns.cmp(&a.start_ns).then_with(|| a.id.cmp(&b.id)));
}

/// Cuts `len` candidates into growing pieces.
fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    let (mut at, mut size) = (0, PIECE_MIN);
    std::iter::from_fn(move || {
        let piece = at..len.min(at + size);
        at = piece.end;
        size = PIECE_MAX.min(size * PIECE_GROWTH);
        (!piece.is_empty()).then_some(piece)
    })
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    /// Blocks that overlap the request's range, newest end first.
    blocks: Arc<[Arc<StoredBlock>]>,
    /// Those and the ones near it: where parts of traces may lie.
    near: Vec<Arc<StoredBlock>>,
    request: &'a SearchRequest,
    matcher: &'a Matcher,
    budget: &'a Budget,
    pad_id: bool,
    /// Traces that were evaluated.
    seen: HashSet<TraceId>,
    /// The newest that matched; at least the last one is older than what was dropped.
    found: Vec<FoundTrace>,
    missing: Missing,
    inspected: Inspected,
}

impl<'a> Search<'a> {
    fn new(
        snapshot: &'a Snapshot,
        request: &'a SearchRequest,
        matcher: &'a Matcher,
        budget: &'a Budget,
        pad_id: bool,
    ) -> Self {
        let within = |apart_ns: u64| {
            let overlaps = move |block: &&Arc<StoredBlock>| {
                let start_ns = block.meta().start_time.ns().saturating_sub(apart_ns);
                request.range.overlaps(start_ns, block.end_ns().saturating_add(apart_ns))
            };
            snapshot.blocks.iter().filter(overlaps).map(Arc::clone).collect()
        };
        let mut blocks: Vec<Arc<StoredBlock>> = within(0);
        blocks.sort_by_key(|block| std::cmp::Reverse((block.meta().end_time.ns(), block.meta().block_id)));
        Self {
            snapshot,
            blocks: blocks.into(),
            near: within(PARTS_APART_NS),
            request,
            matcher,
            budget,
            pad_id,
            seen: HashSet::new(),
            found: Vec::new(),
            missing: snapshot.missing(),
            inspected: Inspected::default(),
        }
    }

    /// True when no trace that starts at `next_ns` or earlier can still be among the newest.
    fn is_settled(&self, next_ns: u64) -> bool {
        self.found.len() >= self.request.limit
            && self.found.last().is_some_and(|oldest| oldest.start_ns > next_ns)
    }

    /// Evaluates whole traces that share their columns.
    fn judge(&mut self, columns: &Columns, traces: &[Vec<u32>]) -> Result<(), QueryError> {
        for rows in traces {
            self.inspected.traces += 1;
            self.inspected.spans += rows.len() as u64;
        }
        let range = &self.request.range;
        let found = self.matcher.judge(columns, traces, self.request.spans_per_spanset, self.pad_id)?;
        let before = self.found.len();
        self.found.extend(
            found
                .into_iter()
                .filter(|t| range.overlaps(t.start_ns, t.start_ns.saturating_add(t.duration_ns))),
        );
        if self.found.len() > before {
            sort(&mut self.found);
            self.found.truncate(self.request.limit);
        }
        Ok(())
    }
}
