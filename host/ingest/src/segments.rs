//! Which segments of the log are still needed.
//!
//! A segment is needed while a live frame, a pending cut or a snapshot points into it, or while a batch
//! may have been appended to it without being indexed. Segments go strictly oldest first: the control
//! frames that say what became of a segment's spans lie in later ones.

use crate::live::frames::Segment;
use cadenza_wal::SegmentInfo;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// A smaller active segment is left open: closing it would free less than a new file costs.
const SEAL_BYTES_MIN: u64 = 1 << 20;

/// References to segments, and batches under way.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    used: Mutex<BTreeMap<u64, Weak<Segment>>>,
    batches: Mutex<Batches>,
    /// Segments found unused, with the first batch that cannot have gone there.
    unused: Mutex<BTreeMap<u64, u64>>,
}

#[derive(Debug, Default)]
struct Batches {
    issued: u64,
    open: BTreeSet<u64>,
}

/// A batch between admission and index.
#[derive(Debug)]
pub(crate) struct Batch {
    of: Arc<Segments>,
    number: u64,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.of.batches.lock().open.remove(&self.number);
    }
}

impl Segments {
    /// Begins a batch.
    pub(crate) fn begin(self: &Arc<Self>) -> Batch {
        let mut batches = self.batches.lock();
        batches.issued += 1;
        let number = batches.issued;
        batches.open.insert(number);
        Batch { of: self.clone(), number }
    }

    /// A reference that keeps the segment.
    pub(crate) fn keep(&self, number: u64) -> Arc<Segment> {
        let mut used = self.used.lock();
        if let Some(segment) = used.get(&number).and_then(Weak::upgrade) {
            return segment;
        }
        let segment = Arc::new(Segment { number });
        used.insert(segment.number, Arc::downgrade(&segment));
        segment
    }

    /// True if the active segment holds nothing that is needed, but enough to be worth closing: it is the
    /// only one that cannot be released, and on a full disk no append would ever close it.
    pub(crate) fn active_is_unused(&self, all: &[SegmentInfo]) -> bool {
        let used = self.used.lock();
        let needed = |segment: u64| used.get(&segment).is_some_and(|held| held.strong_count() > 0);
        all.iter().any(|info| info.active && info.bytes >= SEAL_BYTES_MIN && !needed(info.segment))
    }

    /// The segments that may go now, oldest first, out of `all` in order. A segment must be found unused
    /// twice, with every batch of the first time finished at the second.
    pub(crate) fn releasable(&self, all: &[SegmentInfo]) -> Vec<u64> {
        let (next, oldest_open) = {
            let batches = self.batches.lock();
            (batches.issued + 1, batches.open.first().copied())
        };
        let mut used = self.used.lock();
        used.retain(|_, segment| segment.strong_count() > 0);
        let mut unused = self.unused.lock();
        let mut ready = Vec::new();
        let mut in_order = true;
        for info in all {
            if info.inert {
                // Not ours to remove; whoever repairs it wants it there.
                continue;
            }
            if info.active || used.contains_key(&info.segment) {
                in_order = false;
                unused.remove(&info.segment);
                continue;
            }
            let barrier = *unused.entry(info.segment).or_insert(next);
            if in_order && oldest_open.is_none_or(|open| open >= barrier) {
                ready.push(info.segment);
            } else {
                in_order = false;
            }
        }
        unused.retain(|segment, _| !ready.contains(segment));
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(segment: u64, active: bool) -> SegmentInfo {
        SegmentInfo { segment, bytes: 1, created_unix_ns: 0, frames: 1, active, inert: false }
    }

    #[test]
    fn segments_go_oldest_first_and_never_under_a_reference() {
        let segments = Arc::new(Segments::default());
        let all = [info(1, false), info(2, false), info(3, false), info(4, true)];
        let second = segments.keep(2);
        assert_eq!(segments.releasable(&all), [1]);
        assert_eq!(segments.releasable(&all[1..]), [0_u64; 0]);
        drop(second);
        assert_eq!(segments.releasable(&all[1..]), [2, 3]);
        assert_eq!(segments.releasable(&all[3..]), [0_u64; 0]);
    }

    #[test]
    fn active_segment_is_closed_when_it_is_large_and_nothing_needs_it() {
        let segments = Arc::new(Segments::default());
        let large = SegmentInfo { bytes: SEAL_BYTES_MIN, ..info(1, true) };
        let held = segments.keep(1);
        assert!(!segments.active_is_unused(&[large]), "a live frame needs it");
        drop(held);
        assert!(segments.active_is_unused(&[large]));
        assert!(!segments.active_is_unused(&[info(1, true)]), "too small");
        assert!(!segments.active_is_unused(&[SegmentInfo { active: false, ..large }]), "closed already");
    }

    #[test]
    fn batch_that_began_before_a_segment_was_seen_unused_keeps_it() {
        let segments = Arc::new(Segments::default());
        let all = [info(1, false), info(2, true)];
        let early = segments.begin();
        assert_eq!(segments.releasable(&all), [0_u64; 0]);
        let late = segments.begin();
        assert_eq!(segments.releasable(&all), [0_u64; 0], "the early batch may have gone to segment 1");
        drop(early);
        assert_eq!(segments.releasable(&all), [1], "the late one cannot have");
        drop(late);
    }
}
