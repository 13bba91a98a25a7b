//! Second arrivals: an exporter that lost an answer sends its spans again.
//!
//! Fingerprints raise a suspicion, the frames decide: a span is a second arrival if its trace already
//! has one with the same span id and kind.

use super::frames::LiveFrame;
use cadenza_model::{Columns, SpanId, TraceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Frames looked at for one trace, newest first. A retry follows within seconds; a trace that got more
/// frames than this in between is answered with both copies, which queries combine.
const FRAMES_MAX: usize = 256;

/// Spans of one trace that may have arrived before.
#[derive(Debug)]
pub(crate) struct Suspect {
    pub(crate) trace: TraceId,
    /// Rows of the new batch, ascending.
    pub(crate) rows: Vec<u32>,
    /// Frames that have spans of the trace already, oldest first.
    pub(crate) frames: Vec<Arc<LiveFrame>>,
}

/// Ids and kinds of a batch, whichever way it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchIds<'a> {
    pub(crate) span_id: &'a [SpanId],
    pub(crate) kind: &'a [i32],
    /// The group (trace) of each row.
    pub(crate) group: &'a [u32],
}

/// The rows that are second arrivals, ascending. `read` gives the ids of a frame; a frame that cannot
/// be read convicts nobody.
pub(crate) fn confirm(
    suspects: &[Suspect],
    batch: BatchIds<'_>,
    mut read: impl FnMut(&LiveFrame) -> Option<Arc<Columns>>,
) -> Vec<u32> {
    let mut firsts: HashMap<(u32, SpanId, i32), u32> = HashMap::new();
    for (row, ((&group, &span), &kind)) in batch.group.iter().zip(batch.span_id).zip(batch.kind).enumerate() {
        firsts.entry((group, span, kind)).or_insert(row as u32);
    }
    let mut dead = Vec::new();
    for suspect in suspects {
        let mut wanted: HashSet<(SpanId, i32)> =
            suspect.rows.iter().map(|&row| identity(batch, row)).collect();
        let mut stored = HashSet::new();
        for frame in suspect.frames.iter().rev().take(FRAMES_MAX) {
            if wanted.is_empty() {
                break;
            }
            let Some(columns) = read(frame) else { continue };
            for row in frame.rows_of(&columns, &suspect.trace) {
                let found = (columns.spans.span_id[row as usize], columns.spans.kind[row as usize]);
                if wanted.remove(&found) {
                    stored.insert(found);
                }
            }
        }
        for &row in &suspect.rows {
            let (span, kind) = identity(batch, row);
            let first = firsts.get(&(batch.group[row as usize], span, kind));
            if stored.contains(&(span, kind)) || first.is_some_and(|&first| first < row) {
                dead.push(row);
            }
        }
    }
    dead.sort_unstable();
    dead
}

fn identity(batch: BatchIds<'_>, row: u32) -> (SpanId, i32) {
    (batch.span_id[row as usize], batch.kind[row as usize])
}
