//! Search: the newest traces that match, exactly, wherever their parts lie.
//!
//! Candidates are found part by part (a superset, each with an upper bound of its trace's start), then
//! taken newest first, assembled whole and evaluated, until no candidate left can be among the newest.

mod candidates;
mod legacy;
mod matcher;
mod result;

use crate::gather::{distinct_rows, live_rows, stored_rows};
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{FoundTrace, Inspected, Missing, QueryError, QueryLimits, SearchAnswer, SearchRequest};
use cadenza_block::read::BlockReader;
use cadenza_model::{Columns, TraceId};
use cadenza_store::StoredBlock;
use cadenza_wal::Sections;
use candidates::{Candidate, Place};
use matcher::Matcher;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Traces read from a block at once: enough to share the pages they lie in, little enough that an early stop
/// wastes little.
const CHUNK_TRACES: usize = 64;

/// Answers from the snapshots of the request's tenants.
pub(crate) fn answer(
    snapshots: &[(Snapshot, QueryLimits)],
    request: &SearchRequest,
    budget: &Budget,
) -> Result<SearchAnswer, QueryError> {
    let matcher = Matcher::new(&request.filter)?;
    let mut answer = SearchAnswer::default();
    for (snapshot, limits) in snapshots {
        let mut search = Search {
            snapshot,
            request,
            matcher: &matcher,
            budget,
            pad_id: limits.pad_trace_ids,
            found: Vec::new(),
            missing: snapshot.missing(),
            inspected: Inspected::default(),
        };
        search.run()?;
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

struct Search<'a> {
    snapshot: &'a Snapshot,
    request: &'a SearchRequest,
    matcher: &'a Matcher,
    budget: &'a Budget,
    pad_id: bool,
    found: Vec<FoundTrace>,
    missing: Missing,
    inspected: Inspected,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), QueryError> {
        let mut candidates =
            candidates::find(self.snapshot, self.matcher, self.request, self.budget, &mut self.missing)?;
        self.inspected.add(&candidates.inspected);
        candidates.list.sort_by(|a, b| b.start_ns.cmp(&a.start_ns).then_with(|| a.place.cmp(&b.place)));
        let mut seen = HashSet::new();
        for chunk in candidates.list.chunks(CHUNK_TRACES) {
            self.budget.check()?;
            if self.is_settled(chunk[0].start_ns) {
                break;
            }
            self.evaluate(chunk, &mut seen)?;
        }
        Ok(())
    }

    /// True when no trace that starts at `next_ns` or earlier can still be among the newest.
    fn is_settled(&mut self, next_ns: u64) -> bool {
        if self.found.len() < self.request.limit {
            return false;
        }
        sort(&mut self.found);
        self.found.truncate(self.request.limit);
        self.found.last().is_some_and(|oldest| oldest.start_ns > next_ns)
    }

    fn evaluate(&mut self, chunk: &[Candidate], seen: &mut HashSet<TraceId>) -> Result<(), QueryError> {
        let mut by_block: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for candidate in chunk {
            match candidate.place {
                Place::Live(id) => {
                    if seen.insert(id) {
                        self.evaluate_live(&id)?;
                    }
                }
                Place::Block { block, row } => by_block.entry(block).or_default().push(row),
            }
        }
        for (block, mut rows) in by_block {
            rows.sort_unstable();
            let block = Arc::clone(&self.snapshot.blocks[block]);
            if let Err(error) = self.evaluate_block(&block, &rows, seen)? {
                self.missing.note(format!("block {}: {error}", block.meta().block_id));
            }
        }
        Ok(())
    }

    fn evaluate_live(&mut self, id: &TraceId) -> Result<(), QueryError> {
        let mut columns = Columns::new();
        live_rows(self.snapshot, id, Sections::ALL, &mut columns, &mut self.missing)?;
        stored_rows(self.snapshot, id, None, &self.matcher.projection, &mut columns, &mut self.missing)?;
        let rows = distinct_rows(&columns, 0..columns.spans.len() as u32);
        self.judge(&columns, &[rows])
    }

    /// The outer error ends the query, the inner one costs the block.
    fn evaluate_block(
        &mut self,
        block: &StoredBlock,
        rows: &[u32],
        seen: &mut HashSet<TraceId>,
    ) -> Result<Result<(), String>, QueryError> {
        let read = |reader: Arc<BlockReader>| {
            reader.read_traces(rows, &self.matcher.projection).map_err(|e| e.to_string())
        };
        let read = match block.reader().map_err(|error| error.to_string()).and_then(read) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let mut whole = Vec::new();
        let mut start = 0;
        for (info, &end) in read.infos.iter().zip(&read.trace_ends) {
            let rows = start..end;
            start = end;
            if !seen.insert(info.trace_id) {
                continue;
            }
            let mut others = Columns::new();
            let id = &info.trace_id;
            live_rows(self.snapshot, id, Sections::ALL, &mut others, &mut self.missing)?;
            let except = Some(block.meta().block_id);
            stored_rows(self.snapshot, id, except, &self.matcher.projection, &mut others, &mut self.missing)?;
            if others.spans.is_empty() {
                whole.push(distinct_rows(&read.columns, rows));
                continue;
            }
            // A trace in several places is evaluated as one.
            let own: Vec<u32> = rows.collect();
            crate::gather::append(&mut others, &read.columns, &own)?;
            let rows = distinct_rows(&others, 0..others.spans.len() as u32);
            self.judge(&others, &[rows])?;
        }
        self.inspected.bytes += read.columns.memory_bytes() as u64;
        self.judge(&read.columns, &whole)?;
        Ok(Ok(()))
    }

    /// Evaluates whole traces that share their columns.
    fn judge(&mut self, columns: &Columns, traces: &[Vec<u32>]) -> Result<(), QueryError> {
        for rows in traces {
            self.inspected.traces += 1;
            self.inspected.spans += rows.len() as u64;
        }
        let range = &self.request.range;
        let found = self.matcher.judge(columns, traces, self.request.spans_per_spanset, self.pad_id)?;
        self.found.extend(
            found
                .into_iter()
                .filter(|t| range.overlaps(t.start_ns, t.start_ns.saturating_add(t.duration_ns))),
        );
        Ok(())
    }
}
