//! Where spans are: postings into frames, and lookups for queries.

use super::frames::{FrameKey, LiveFrame};
use super::groups::Groups;
use super::index::{Live, NONE, PendingCut, Posting, Retired, State};
use cadenza_model::{SpanId, TraceId};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use uuid::Uuid;

impl Live {
    /// Notes the span ids of a batch. Returns the rows whose ids may have been seen before.
    pub(crate) fn note_spans(&mut self, span_ids: &[SpanId], groups: &Groups) -> Vec<u32> {
        let slots: Vec<Option<u32>> =
            groups.list.iter().map(|group| self.by_id.get(&group.id).copied()).collect();
        let mut suspects = Vec::new();
        for (row, &group) in groups.of_row.iter().enumerate() {
            let Some(slot) = slots[group as usize] else { continue };
            let seen = &mut self.traces[slot as usize].seen;
            let before = seen.memory_bytes();
            if !seen.insert(span_ids[row], self.seed) {
                suspects.push(row as u32);
            }
            self.seen_bytes += seen.memory_bytes() - before;
        }
        suspects
    }

    /// Frames that hold live or pending rows of a trace, oldest first.
    pub(crate) fn frames_of(&self, id: &TraceId) -> Vec<Arc<LiveFrame>> {
        let mut keys = self.keys_of(id);
        keys.sort_unstable();
        keys.dedup();
        keys.iter().filter_map(|key| self.frames.get(key).cloned()).collect()
    }

    pub(super) fn keys_of(&self, id: &TraceId) -> Vec<FrameKey> {
        let mut keys = Vec::new();
        if let Some(&slot) = self.by_id.get(id) {
            let mut at = self.traces[slot as usize].head;
            while at != NONE {
                let posting = self.postings[at as usize];
                keys.push(posting.frame);
                at = posting.next;
            }
        }
        keys
    }

    /// Indexes a durable frame: `groups` are those of its rows, and every trace in it holds a reservation.
    /// Duplicates are dead in `frame` already. Afterwards the rows are found.
    pub(crate) fn add_frame(&mut self, frame: LiveFrame, wire_bytes: &[u32], groups: &Groups, now: Duration) {
        let key = FrameKey::of(&frame.pos);
        self.last = self.last.max(Some(frame.pos));
        let mut gone: Vec<(u32, u64)> = vec![(0, 0); groups.list.len()];
        if !frame.all_live() {
            for (row, &group) in groups.of_row.iter().enumerate() {
                if !frame.is_live(row) {
                    let (rows, bytes) = &mut gone[group as usize];
                    *rows += 1;
                    *bytes += u64::from(wire_bytes[row]);
                }
            }
        }
        for (group, (gone_rows, gone_bytes)) in groups.list.iter().zip(gone) {
            let Some(&slot) = self.by_id.get(&group.id) else { continue };
            let (rows, bytes) = (group.rows - gone_rows, group.bytes - gone_bytes);
            let trace = &mut self.traces[slot as usize];
            trace.life_bytes = trace.life_bytes.saturating_sub(gone_bytes);
            trace.touched_at = now;
            if rows == 0 {
                continue;
            }
            if trace.state == State::Resting {
                self.reopen(slot, now);
            }
            self.bytes += bytes;
            let trace = &mut self.traces[slot as usize];
            if trace.state == State::Closed {
                self.closed.spans += u64::from(rows);
                self.closed.bytes += bytes;
            }
            trace.spans += rows;
            trace.bytes += bytes;
            let posting = Posting {
                frame: key,
                next: trace.head,
                rows,
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            };
            let at = self.add_posting(posting);
            self.traces[slot as usize].head = at;
        }
        if frame.live_rows > 0 {
            self.frame_bytes += frame.memory_bytes();
            self.frames.insert(key, Arc::new(frame));
        }
    }

    pub(super) fn add_posting(&mut self, posting: Posting) -> u32 {
        self.postings_used += 1;
        if self.postings_free == NONE {
            self.postings.push(posting);
            return (self.postings.len() - 1) as u32;
        }
        let at = self.postings_free;
        self.postings_free = self.postings[at as usize].next;
        self.postings[at as usize] = posting;
        at
    }

    /// When the oldest frame with rows in no block was indexed.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.frames.first_key_value().map(|(_, frame)| frame.at_ns)
    }

    /// Everything a query needs: frames in order, pending blocks, and a pin that keeps lookups possible.
    pub(crate) fn view(&mut self) -> (Vec<Arc<LiveFrame>>, Vec<Uuid>, Arc<u64>) {
        let pin = Arc::new(self.cuts_finished);
        self.pins.retain(|pin| pin.strong_count() > 0);
        self.pins.push(Arc::downgrade(&pin));
        let frames = self.frames.values().cloned().collect();
        (frames, self.cuts.iter().map(|cut| cut.block).collect(), pin)
    }

    /// Places of a trace for a snapshot of that pin: also those that have left the index since.
    pub(crate) fn places_since(&self, id: &TraceId, pin: u64) -> Vec<FrameKey> {
        let mut keys = self.keys_of(id);
        for retired in self.retired.iter().filter(|retired| retired.finished > pin) {
            keys.extend(retired.frames.get(id).into_iter().flatten());
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    pub(super) fn oldest_pin(&mut self) -> Option<u64> {
        self.pins.retain(|pin| pin.strong_count() > 0);
        self.pins.iter().filter_map(Weak::upgrade).map(|pin| *pin).min()
    }

    /// Keeps the places of a finished cut while a snapshot from before may ask for them.
    pub(super) fn retire(&mut self, cut: &PendingCut) {
        let oldest = self.oldest_pin();
        self.retired.retain(|retired| oldest.is_some_and(|oldest| retired.finished > oldest));
        if oldest.is_none() {
            return;
        }
        let up_to = FrameKey::of(&cut.up_to);
        let mut frames = HashMap::new();
        for id in &cut.traces {
            let keys: Vec<FrameKey> = self.keys_of(id).into_iter().filter(|key| *key <= up_to).collect();
            frames.insert(*id, keys);
        }
        self.retired.push(Retired { finished: self.cuts_finished, frames });
    }

    /// Removes the postings of a trace up to a place.
    pub(super) fn unlink(&mut self, slot: u32, up_to: FrameKey) {
        let mut at = std::mem::replace(&mut self.traces[slot as usize].head, NONE);
        let mut kept = Vec::new();
        while at != NONE {
            let posting = self.postings[at as usize];
            if posting.frame <= up_to {
                self.postings_used -= 1;
                self.postings[at as usize].next = self.postings_free;
                self.postings_free = at;
            } else {
                kept.push(at);
            }
            at = posting.next;
        }
        for at in kept.into_iter().rev() {
            self.postings[at as usize].next = self.traces[slot as usize].head;
            self.traces[slot as usize].head = at;
        }
    }
}
