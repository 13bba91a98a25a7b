//! Traces that may match, part by part.

use super::matcher::Matcher;
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{Inspected, Missing, QueryError, SearchRequest};
use cadenza_model::TraceId;
use cadenza_wal::Sections;
use std::collections::HashMap;

/// Where a candidate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Among the live spans.
    Live(TraceId),
    /// In a row of a block of the snapshot.
    Block {
        /// Index in the snapshot's blocks.
        block: usize,
        /// Row in it.
        row: u32,
    },
}

/// A part of a trace that may match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// The trace starts here or earlier.
    pub(super) start_ns: u64,
    pub(super) place: Place,
}

/// All of them, in no order.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) list: Vec<Candidate>,
    pub(super) inspected: Inspected,
}

/// Looks through everything that overlaps the request's range.
pub(super) fn find(
    snapshot: &Snapshot,
    matcher: &Matcher,
    request: &SearchRequest,
    budget: &Budget,
    missing: &mut Missing,
) -> Result<Candidates, QueryError> {
    let mut out = Candidates::default();
    find_live(snapshot, matcher, budget, missing, &mut out)?;
    let window = request.range.start_ns()..request.range.end_ns();
    for (at, block) in snapshot.blocks.iter().enumerate() {
        let meta = block.meta();
        if !request.range.overlaps(meta.start_time.ns(), meta.end_time.ns().saturating_add(999_999_999)) {
            continue;
        }
        budget.check()?;
        out.inspected.blocks += 1;
        out.inspected.jobs += 1;
        out.inspected.block_bytes += meta.size;
        let found = block.reader().map_err(|error| error.to_string()).and_then(|reader| {
            reader.candidates(&matcher.filter, window.clone()).map_err(|error| error.to_string())
        });
        match found {
            Ok(found) => {
                out.inspected.jobs_done += 1;
                let place = |row| Place::Block { block: at, row };
                let found = found.rows.iter().zip(&found.start_ns);
                out.list.extend(found.map(|(&row, &start_ns)| Candidate { start_ns, place: place(row) }));
                budget.holds(out.list.len() * size_of::<Candidate>())?;
            }
            Err(error) => missing.note(format!("block {}: {error}", meta.block_id)),
        }
    }
    Ok(out)
}

fn find_live(
    snapshot: &Snapshot,
    matcher: &Matcher,
    budget: &Budget,
    missing: &mut Missing,
    out: &mut Candidates,
) -> Result<(), QueryError> {
    let Some(live) = &snapshot.live else { return Ok(()) };
    out.inspected.jobs += 1;
    let mut traces: HashMap<TraceId, u64> = HashMap::new();
    for frame in live.frames() {
        budget.check()?;
        let columns = match live.read(frame, Sections::ALL) {
            Ok(columns) => columns,
            Err(error) => {
                missing.note(format!("write-ahead log: {error}"));
                continue;
            }
        };
        let mut bound = matcher.candidate_program.bind(&columns);
        for row in frame.live_rows() {
            if bound.matches_row(row) {
                let row = row as usize;
                let start = traces.entry(columns.spans.trace_id[row]).or_insert(u64::MAX);
                *start = (*start).min(columns.spans.start_ns[row]);
            }
        }
        budget.holds(traces.len() * size_of::<(TraceId, u64)>())?;
    }
    out.inspected.jobs_done += 1;
    out.list.extend(traces.into_iter().map(|(id, start_ns)| Candidate { start_ns, place: Place::Live(id) }));
    Ok(())
}
