//! Closing traces, taking them into cuts, and letting them go.

use super::frames::{FrameKey, LiveFrame};
use super::index::{CutSize, Live, NONE, PendingCut, Posting, State, Trace};
use cadenza_model::TraceId;
use cadenza_wal::FramePos;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

impl Live {
    /// Closes traces that were idle or open for too long.
    pub(crate) fn close_due(&mut self, now: Duration, idle: Duration, live: Duration) {
        self.close(now, |trace| {
            now.saturating_sub(trace.touched_at) >= idle || now.saturating_sub(trace.opened_at) >= live
        });
    }

    /// Closes every trace that has spans.
    pub(crate) fn close_all(&mut self, now: Duration) {
        self.close(now, |_| true);
    }

    pub(super) fn close(&mut self, now: Duration, due: impl Fn(&Trace) -> bool) {
        for trace in &mut self.traces {
            if trace.state == State::Open && trace.spans > 0 && due(trace) {
                trace.state = State::Closed;
                self.open -= 1;
                self.closed.spans += u64::from(trace.spans);
                self.closed.bytes += trace.bytes;
                self.closed.since.get_or_insert(now);
            }
        }
    }

    /// Closes the traces that keep a segment.
    pub(crate) fn close_in_segment(&mut self, segment: u64, now: Duration) {
        let inside = |frames: &BTreeMap<FrameKey, Arc<LiveFrame>>, postings: &[Posting], mut at: u32| {
            while at != NONE {
                let posting = postings[at as usize];
                if frames.get(&posting.frame).is_some_and(|frame| frame.pos.segment <= segment) {
                    return true;
                }
                at = posting.next;
            }
            false
        };
        let (frames, postings) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.postings));
        self.close(now, |trace| inside(&frames, &postings, trace.head));
        (self.frames, self.postings) = (frames, postings);
    }

    /// Takes closed traces into a new cut, as many as its size allows. `None` if there are none. `end` is
    /// the place up to which the log of earlier runs is indexed, while it is not indexed to its end.
    pub(crate) fn make_cut(
        &mut self,
        block: Uuid,
        size: CutSize,
        end: Option<FramePos>,
    ) -> Option<Arc<PendingCut>> {
        // Nothing durable may lie before the place of the cut without being indexed. What is under way
        // now goes behind everything from earlier runs.
        let mut up_to = match (end, self.tickets.values().min()) {
            (Some(end), _) => end,
            (None, Some(floor)) => (*floor)?,
            (None, None) => self.last?,
        };
        let mut slots = Vec::new();
        let (mut spans, mut bytes) = (0_u64, 0_u64);
        for slot in 0..self.traces.len() as u32 {
            let trace = &self.traces[slot as usize];
            if trace.state != State::Closed || trace.cut != 0 {
                continue;
            }
            let (rows, taken) = self.open_until(slot, FrameKey::of(&up_to));
            if rows == 0 {
                continue;
            }
            let fits = spans + rows <= size.spans_max && bytes + taken <= size.bytes_max;
            if !fits && !slots.is_empty() {
                continue;
            }
            slots.push(slot);
            (spans, bytes) = (spans + rows, bytes + taken);
            if !fits {
                // One trace larger than a cut goes in parts.
                up_to = self.part_end(slot, up_to, size);
                (spans, bytes) = self.open_until(slot, FrameKey::of(&up_to));
                break;
            }
        }
        if slots.is_empty() {
            return None;
        }
        self.cuts_made = self.cuts_made.checked_add(1).unwrap_or(1);
        let traces: Vec<TraceId> = slots.iter().map(|&slot| self.traces[slot as usize].id).collect();
        let cut = self.enter_cut(block, up_to, traces, &slots);
        let cut = Arc::new(PendingCut { spans, bytes, ..cut });
        self.cuts.push(cut.clone());
        Some(cut)
    }

    /// A cut that the log recorded before a restart: the same traces up to the same place.
    pub(crate) fn restore_cut(&mut self, block: Uuid, up_to: FramePos, traces: &[TraceId]) {
        let known: Vec<(TraceId, u32)> =
            traces.iter().filter_map(|id| self.by_id.get(id).map(|&slot| (*id, slot))).collect();
        let slots: Vec<u32> = known.iter().map(|&(_, slot)| slot).collect();
        let (mut spans, mut bytes) = (0, 0);
        for &slot in &slots {
            let (rows, taken) = self.open_until(slot, FrameKey::of(&up_to));
            (spans, bytes) = (spans + rows, bytes + taken);
        }
        self.cuts_made = self.cuts_made.checked_add(1).unwrap_or(1);
        let cut = self.enter_cut(block, up_to, known.into_iter().map(|(id, _)| id).collect(), &slots);
        self.cuts.push(Arc::new(PendingCut { spans, bytes, ..cut }));
    }

    /// Rows and bytes of a trace in no cut, in frames up to a place.
    pub(super) fn open_until(&self, slot: u32, up_to: FrameKey) -> (u64, u64) {
        let (mut rows, mut bytes) = (0, 0);
        let mut at = self.traces[slot as usize].head;
        while at != NONE {
            let posting = self.postings[at as usize];
            if posting.frame <= up_to {
                rows += u64::from(posting.rows);
                bytes += u64::from(posting.bytes);
            }
            at = posting.next;
        }
        (rows, bytes)
    }

    /// The last frame of the first part of a large trace; at least one frame.
    pub(super) fn part_end(&self, slot: u32, up_to: FramePos, size: CutSize) -> FramePos {
        let mut parts = Vec::new();
        let mut at = self.traces[slot as usize].head;
        while at != NONE {
            parts.push(self.postings[at as usize]);
            at = self.postings[at as usize].next;
        }
        parts.sort_unstable_by_key(|posting| posting.frame);
        let (mut rows, mut bytes) = (0, 0);
        let mut end = None;
        for posting in parts {
            rows += u64::from(posting.rows);
            bytes += u64::from(posting.bytes);
            if end.is_some() && (rows > size.spans_max || bytes > size.bytes_max) {
                break;
            }
            end = Some(posting.frame);
        }
        end.and_then(|key| self.frames.get(&key)).map_or(up_to, |frame| frame.pos.min(up_to))
    }

    pub(super) fn enter_cut(
        &mut self,
        block: Uuid,
        up_to: FramePos,
        mut traces: Vec<TraceId>,
        slots: &[u32],
    ) -> PendingCut {
        let key = FrameKey::of(&up_to);
        let number = self.cuts_made;
        let mut keys = Vec::new();
        for &slot in slots {
            let (rows, bytes) = self.open_until(slot, key);
            self.collect_keys(slot, key, &mut keys);
            self.leave_closed(slot);
            let trace = &mut self.traces[slot as usize];
            trace.cut = number;
            trace.spans -= rows as u32;
            trace.bytes = trace.bytes.saturating_sub(bytes);
            self.bytes = self.bytes.saturating_sub(bytes);
            let empty = trace.spans == 0 && trace.reservations == 0;
            match trace.state {
                State::Closed if trace.spans == 0 => trace.state = State::Resting,
                State::Closed => {
                    self.closed.spans += u64::from(trace.spans);
                    self.closed.bytes += trace.bytes;
                }
                State::Open if empty => {
                    trace.state = State::Resting;
                    self.open -= 1;
                }
                State::Open | State::Resting => {}
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let frames = keys.iter().filter_map(|key| self.frames.get(key).cloned()).collect();
        traces.sort_unstable();
        PendingCut { number, block, up_to, traces, frames, spans: 0, bytes: 0 }
    }

    pub(super) fn collect_keys(&self, slot: u32, up_to: FrameKey, keys: &mut Vec<FrameKey>) {
        let mut at = self.traces[slot as usize].head;
        while at != NONE {
            let posting = self.postings[at as usize];
            if posting.frame <= up_to {
                keys.push(posting.frame);
            }
            at = posting.next;
        }
    }

    /// The pending cut of a block.
    pub(crate) fn cut_of(&self, block: Uuid) -> Option<Arc<PendingCut>> {
        self.cuts.iter().find(|cut| cut.block == block).cloned()
    }

    /// Pending cuts, oldest first.
    pub(crate) fn cuts(&self) -> &[Arc<PendingCut>] {
        &self.cuts
    }

    /// The block of a cut answers now: its rows (given by frame) leave the index.
    pub(crate) fn finish_cut(
        &mut self,
        cut: &PendingCut,
        rows: &[(FramePos, Vec<u32>)],
        now: Duration,
        keep: Duration,
    ) {
        self.cuts.retain(|other| other.number != cut.number);
        self.cuts_finished += 1;
        self.retire(cut);
        for (pos, rows) in rows {
            let key = FrameKey::of(pos);
            let Some(frame) = self.frames.get(&key) else { continue };
            self.frame_bytes -= frame.memory_bytes();
            let less = frame.without(rows);
            if less.live_rows == 0 {
                self.frames.remove(&key);
            } else {
                self.frame_bytes += less.memory_bytes();
                self.frames.insert(key, Arc::new(less));
            }
        }
        let up_to = FrameKey::of(&cut.up_to);
        for id in &cut.traces {
            let Some(&slot) = self.by_id.get(id) else { continue };
            if self.traces[slot as usize].cut != cut.number {
                continue;
            }
            self.unlink(slot, up_to);
            self.traces[slot as usize].cut = 0;
            self.settle(slot, now, keep);
        }
    }
}
