//! Frames of the log that hold live spans, and the segments they keep.

use cadenza_model::{Columns, TraceId};
use cadenza_wal::FramePos;
use std::sync::Arc;

/// A frame's place as one number, in the order of the log: 24 bits of segment, 40 of offset. At 64 MiB a
/// segment that is an exbibyte of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FrameKey(u64);

const OFFSET_BITS: u32 = 40;

impl FrameKey {
    pub(crate) fn of(pos: &FramePos) -> Self {
        debug_assert!(pos.segment >> (64 - OFFSET_BITS) == 0 && pos.offset >> OFFSET_BITS == 0);
        Self(pos.segment << OFFSET_BITS | pos.offset)
    }
}

/// A segment of the log; while anything holds it, it is not released.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
}

/// A frame with live rows of one tenant. Never changes: what changes is which one the index has.
#[derive(Debug, Clone)]
pub struct LiveFrame {
    pub(crate) pos: FramePos,
    pub(crate) rows: u32,
    pub(crate) live_rows: u32,
    /// A bit a row, set for rows that are in a block already or arrived twice.
    pub(crate) dead: Option<Arc<[u64]>>,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    /// When it was indexed, nanoseconds since the epoch.
    pub(crate) at_ns: u64,
    /// Keeps the segment on the disk.
    _segment: Arc<Segment>,
}

impl LiveFrame {
    /// A frame just appended or replayed.
    pub(crate) fn new(
        pos: FramePos,
        starts_ns: &[u64],
        ends_ns: &[u64],
        at_ns: u64,
        segment: Arc<Segment>,
    ) -> Self {
        let rows = starts_ns.len() as u32;
        let start_ns = starts_ns.iter().copied().min().unwrap_or_default();
        let end_ns = ends_ns.iter().chain(starts_ns).copied().max().unwrap_or_default();
        Self { pos, rows, live_rows: rows, dead: None, start_ns, end_ns, at_ns, _segment: segment }
    }

    /// Where the frame lies in the log.
    pub fn pos(&self) -> &FramePos {
        &self.pos
    }

    /// Rows of the frame, dead ones included.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Earliest start of its spans.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Latest end of its spans.
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// False for rows that are answered by a block, or arrived a second time.
    pub fn is_live(&self, row: usize) -> bool {
        match &self.dead {
            Some(dead) => row < self.rows() && dead[row / 64] >> (row % 64) & 1 == 0,
            None => row < self.rows(),
        }
    }

    /// True when no row is dead.
    pub fn all_live(&self) -> bool {
        self.dead.is_none()
    }

    /// The live rows, in order.
    pub fn live_rows(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.rows).filter(|&row| self.is_live(row as usize))
    }

    /// The live rows of one trace, in order; `columns` must have been read from this frame with ids.
    pub fn rows_of(&self, columns: &Columns, trace: &TraceId) -> Vec<u32> {
        let ids = &columns.spans.trace_id;
        self.live_rows().filter(|&row| ids.get(row as usize) == Some(trace)).collect()
    }

    /// The frame without `rows`.
    pub(crate) fn without(&self, rows: &[u32]) -> Self {
        let words = self.rows().div_ceil(64);
        let mut dead = self.dead.as_deref().map_or_else(|| vec![0; words], <[u64]>::to_vec);
        let mut live_rows = self.live_rows;
        for &row in rows {
            let (word, bit) = (row as usize / 64, 1 << (row % 64));
            if dead[word] & bit == 0 {
                dead[word] |= bit;
                live_rows -= 1;
            }
        }
        Self { live_rows, dead: Some(dead.into()), ..self.clone() }
    }

    /// Bytes of memory of the frame in the index.
    pub(crate) fn memory_bytes(&self) -> usize {
        // The map's entry and the reference counts beside the frame itself.
        size_of::<Self>() + 48 + self.dead.as_ref().map_or(0, |dead| dead.len() * 8 + 16)
    }
}
