//! Search among the spans that are in no block yet.

use super::{Search, pieces};
use crate::QueryError;
use crate::gather::{append, distinct_rows, stored_rows};
use cadenza_ingest::LiveSnapshot;
use cadenza_model::{Columns, TraceId};
use cadenza_wal::Sections;
use std::collections::{BTreeMap, HashMap, HashSet};

impl Search<'_> {
    /// Evaluates every live trace that may match and may be among the newest.
    pub(super) fn live(&mut self) -> Result<(), QueryError> {
        let Some(live) = &self.snapshot.live else { return Ok(()) };
        self.inspected.jobs += 1;
        let mut candidates: Vec<(u64, TraceId)> = self.live_candidates(live)?.into_iter().collect();
        self.inspected.jobs_done += 1;
        candidates.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for piece in pieces(candidates.len()) {
            let piece = &candidates[piece];
            self.budget.check()?;
            if piece.first().is_some_and(|&(start_ns, _)| self.is_settled(start_ns)) {
                break;
            }
            self.evaluate_live(live, piece.iter().map(|(_, id)| *id).collect())?;
        }
        Ok(())
    }

    /// The traces that may match, each with the earliest start among the spans that do.
    fn live_candidates(&mut self, live: &LiveSnapshot) -> Result<Vec<(u64, TraceId)>, QueryError> {
        let mut traces: HashMap<TraceId, u64> = HashMap::new();
        for frame in live.frames() {
            self.budget.check()?;
            let columns = match live.read(frame, Sections::ALL) {
                Ok(columns) => columns,
                Err(error) => {
                    self.missing.note(format!("write-ahead log: {error}"));
                    continue;
                }
            };
            let mut bound = self.matcher.candidate_program.bind(&columns);
            for row in frame.live_rows() {
                if bound.matches_row(row) {
                    let row = row as usize;
                    let start = traces.entry(columns.spans.trace_id[row]).or_insert(u64::MAX);
                    *start = (*start).min(columns.spans.start_ns[row]);
                }
            }
            self.budget.holds(traces.len() * size_of::<(TraceId, u64)>())?;
        }
        Ok(traces.into_iter().map(|(id, start_ns)| (start_ns, id)).collect())
    }

    /// Assembles traces from the frames and blocks that hold them. Each frame is read once for all of them.
    fn evaluate_live(&mut self, live: &LiveSnapshot, ids: HashSet<TraceId>) -> Result<(), QueryError> {
        let frames: BTreeMap<_, _> = ids
            .iter()
            .flat_map(|id| live.frames_of(id))
            .map(|frame| ((frame.pos().segment, frame.pos().offset), frame))
            .collect();
        let mut columns = Columns::new();
        for frame in frames.values() {
            match live.read(frame, Sections::ALL) {
                Ok(from) => {
                    let wanted = |row: &u32| ids.contains(&from.spans.trace_id[*row as usize]);
                    let rows: Vec<u32> = frame.live_rows().filter(wanted).collect();
                    append(&mut columns, &from, &rows)?;
                    self.budget.holds(columns.memory_bytes())?;
                }
                Err(error) => self.missing.note(format!("write-ahead log: {error}")),
            }
        }
        for id in &ids {
            let projection = &self.matcher.projection;
            stored_rows(&self.near, id, None, projection, &mut columns, &mut self.missing)?;
        }
        let mut by_trace: BTreeMap<TraceId, Vec<u32>> = BTreeMap::new();
        for (row, id) in columns.spans.trace_id.iter().enumerate() {
            by_trace.entry(*id).or_default().push(row as u32);
        }
        self.seen.extend(ids);
        let traces: Vec<Vec<u32>> =
            by_trace.into_values().map(|rows| distinct_rows(&columns, rows)).collect();
        self.judge(&columns, &traces)
    }
}
