//! Rows of a batch by trace.

use cadenza_model::{Columns, TraceId};
use cadenza_wal::FrameIds;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::ops::Range;

/// The rows of one trace in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) id: TraceId,
    pub(crate) rows: u32,
    pub(crate) bytes: u64,
}

/// Groups in order of first appearance, and the group of each row.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) list: Vec<Group>,
    /// By row, from the start of the range that was collected.
    pub(crate) of_row: Vec<u32>,
    known: HashMap<TraceId, u32, FixedState>,
}

impl Groups {
    pub(crate) fn new(seed: u64) -> Self {
        let known = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { list: Vec::new(), of_row: Vec::new(), known }
    }

    /// Replaces the content by the groups of `rows`.
    pub(crate) fn collect(&mut self, columns: &Columns, rows: Range<usize>) {
        self.list.clear();
        self.of_row.clear();
        self.known.clear();
        let mut last: Option<(TraceId, u32)> = None;
        for row in rows {
            let id = columns.spans.trace_id[row];
            let group = match last {
                // Exporters send most spans of a trace in a run.
                Some((last_id, group)) if last_id == id => group,
                _ => *self.known.entry(id).or_insert_with(|| {
                    self.list.push(Group { id, rows: 0, bytes: 0 });
                    (self.list.len() - 1) as u32
                }),
            };
            last = Some((id, group));
            let entry = &mut self.list[group as usize];
            entry.rows += 1;
            entry.bytes += u64::from(columns.spans.wire_bytes[row]);
            self.of_row.push(group);
        }
    }

    /// Replaces the content by the groups of a frame met at replay.
    pub(crate) fn collect_replayed(&mut self, ids: &FrameIds) {
        self.list.clear();
        self.of_row.clear();
        self.list.extend(ids.traces.iter().map(|&id| Group { id, rows: 0, bytes: 0 }));
        for (&group, &bytes) in ids.trace_of.iter().zip(&ids.wire_bytes) {
            let entry = &mut self.list[group as usize];
            entry.rows += 1;
            entry.bytes += u64::from(bytes);
            self.of_row.push(group);
        }
    }
}
