//! What the log says further on about spans that are being read.
//!
//! Cuts are recorded close behind their spans, but for one case: a log that is too long for the index is
//! cut while it is read, and those cuts are recorded at its end. After a crash in between they must be known
//! before their spans fill the index again.

use cadenza_model::{TenantId, TraceId};
use cadenza_wal::{Control, FramePos, Wal};
use std::collections::{HashSet, VecDeque};
use uuid::Uuid;

/// Trace ids kept, 16 MiB. The newest cuts are kept, for they are the ones recorded far behind; what is
/// dropped is met in its order.
const TRACES_MAX: usize = 1 << 20;

/// A cut recorded in the log.
#[derive(Debug)]
pub(super) struct AheadCut {
    pub(super) block: Uuid,
    pub(super) tenant: TenantId,
    pub(super) traces: Vec<TraceId>,
    pub(super) up_to: FramePos,
    /// Its block is in the store.
    pub(super) built: bool,
}

/// The cuts of the log, by the place they reach.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    cuts: VecDeque<AheadCut>,
    /// Cuts handed out.
    done: HashSet<Uuid>,
    /// No entry has a say in what lies behind this place.
    end: Option<FramePos>,
}

impl Ahead {
    /// Reads the entries of the whole log. Blocking.
    pub(super) fn read(wal: &Wal) -> Self {
        let mut entries = Vec::new();
        wal.replay_controls(|pos, control| entries.push((pos, control)));
        Self::of(entries.into_iter(), TRACES_MAX)
    }

    fn of(entries: impl Iterator<Item = (FramePos, Control)>, traces_max: usize) -> Self {
        let mut ahead = Self::default();
        let (mut seen, mut built) = (HashSet::new(), HashSet::new());
        let mut kept: VecDeque<(FramePos, AheadCut)> = VecDeque::new();
        let mut traces_kept = 0;
        for (pos, control) in entries {
            match control {
                // New segments repeat those that are open.
                Control::Cut { block_id, .. } if !seen.insert(block_id) => {}
                Control::Cut { block_id: block, tenant, traces, up_to } => {
                    ahead.end = ahead.end.max(Some(up_to));
                    traces_kept += traces.len();
                    kept.push_back((pos, AheadCut { block, tenant, traces, up_to, built: false }));
                    while traces_kept > traces_max
                        && let Some((pos, dropped)) = kept.pop_front()
                    {
                        traces_kept -= dropped.traces.len();
                        ahead.end = ahead.end.max(Some(pos));
                    }
                }
                Control::Built { block_id } => {
                    built.insert(block_id);
                }
                Control::Released { up_to, .. } => ahead.end = ahead.end.max(Some(pos.max(up_to))),
                Control::Verdict { .. } => {}
            }
        }
        ahead.cuts = kept.into_iter().map(|(_, cut)| cut).collect();
        for cut in &mut ahead.cuts {
            cut.built = built.contains(&cut.block);
        }
        // Stable: cuts of one trace stay in their order.
        ahead.cuts.make_contiguous().sort_by_key(|cut| cut.up_to);
        ahead
    }

    /// The next cut that has nothing at `pos` or behind it.
    pub(super) fn next_before(&mut self, pos: &FramePos) -> Option<AheadCut> {
        if self.cuts.front()?.up_to >= *pos {
            return None;
        }
        let cut = self.cuts.pop_front()?;
        self.done.insert(cut.block);
        Some(cut)
    }

    /// True if the cut was handed out: its entries mean nothing any more.
    pub(super) fn is_done(&self, block: Uuid) -> bool {
        self.done.contains(&block)
    }

    /// True if no cut reaches behind this place, so that a new one can begin there.
    pub(super) fn is_past(&self, pos: &FramePos) -> bool {
        self.end.is_none_or(|end| end < *pos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> FramePos {
        FramePos { segment: 1, offset, bytes: 1 }
    }

    fn cut(block: u128, traces: usize, up_to: u64) -> Control {
        let traces = (0..traces).map(|n| TraceId((n as u128).to_be_bytes())).collect();
        Control::Cut {
            block_id: Uuid::from_u128(block),
            tenant: TenantId::single(),
            traces,
            up_to: at(up_to),
        }
    }

    fn built(block: u128) -> Control {
        Control::Built { block_id: Uuid::from_u128(block) }
    }

    fn handed_out(ahead: &mut Ahead, before: u64) -> Vec<(u128, bool)> {
        std::iter::from_fn(|| ahead.next_before(&at(before)).map(|cut| (cut.block.as_u128(), cut.built)))
            .collect()
    }

    #[test]
    fn cuts_are_handed_out_by_place_wherever_they_are_recorded() {
        let entries =
            [(at(30), cut(1, 2, 20)), (at(90), cut(2, 2, 10)), (at(91), cut(1, 2, 20)), (at(95), built(2))];
        let mut ahead = Ahead::of(entries.into_iter(), 100);
        assert_eq!(handed_out(&mut ahead, 10), []);
        assert_eq!(handed_out(&mut ahead, 11), [(2, true)]);
        assert_eq!(handed_out(&mut ahead, 50), [(1, false)], "once, though it is repeated");
        assert!(ahead.is_done(Uuid::from_u128(1)) && ahead.is_done(Uuid::from_u128(2)));
        assert!(!ahead.is_past(&at(20)) && ahead.is_past(&at(21)));
    }

    #[test]
    fn what_is_not_kept_is_waited_for() {
        let entries = [(at(30), cut(1, 8, 20)), (at(60), cut(2, 8, 50))];
        let mut ahead = Ahead::of(entries.into_iter(), 10);
        assert!(!ahead.is_past(&at(30)), "the entry itself must have been met");
        assert_eq!(handed_out(&mut ahead, 100), [(2, false)]);
        assert!(!ahead.is_done(Uuid::from_u128(1)));
    }
}
