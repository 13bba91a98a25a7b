//! The index of one tenant: traces, their postings, the frames they point into, and pending cuts.
//!
//! Pure data under one lock: no disk, no clock, no log. What the log knows and this must not forget is
//! the order of frames: a cut covers the frames *up to* a place, so a frame that is durable but not
//! indexed yet must never lie before the place of a cut. Tickets see to that.

use super::frames::{FrameKey, LiveFrame};
use super::groups::Groups;
use super::seen::Seen;
use cadenza_model::{SpanId, TraceId};
use cadenza_wal::FramePos;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use uuid::Uuid;

/// No posting.
const NONE: u32 = u32::MAX;

/// Sizes of traces that left the index and were large, so that a trace cannot pass its limit by pausing.
const HISTORY_MAX: usize = 1024;
/// Smaller traces are not remembered: a hundred of their lives fit into the default limit.
const HISTORY_TRACE_BYTES_MIN: u64 = 50_000;

/// Where a trace is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Counts against the tenant's cap.
    Open,
    /// Idle or old enough; goes into the next cut unless more arrives.
    Closed,
    /// Everything it has is in a pending cut.
    Resting,
}

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    head: u32,
    /// Live rows in no cut.
    pub(crate) spans: u32,
    /// Encoded bytes of those.
    pub(crate) bytes: u64,
    /// Encoded bytes of this life with what is reserved: what the size limit counts.
    pub(crate) life_bytes: u64,
    reservations: u32,
    pub(crate) state: State,
    opened_at: Duration,
    touched_at: Duration,
    /// Number of the pending cut that has some of it; 0 is none.
    cut: u32,
    pub(super) seen: Seen,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    frame: FrameKey,
    next: u32,
    rows: u32,
    bytes: u32,
}

/// Traces on their way into a block.
#[derive(Debug)]
pub(crate) struct PendingCut {
    pub(crate) number: u32,
    pub(crate) block: Uuid,
    /// Frames up to here belong to the cut, later ones of the same traces do not.
    pub(crate) up_to: FramePos,
    /// Sorted.
    pub(crate) traces: Vec<TraceId>,
    /// In the order of the log, as they were when the cut was made.
    pub(crate) frames: Vec<Arc<LiveFrame>>,
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
}

/// Where the spans of built traces were, for snapshots taken before they were built.
#[derive(Debug)]
struct Retired {
    finished: u64,
    frames: HashMap<TraceId, Vec<FrameKey>>,
}

/// Sums over closed traces.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    /// When the first of them was closed.
    pub(crate) since: Option<Duration>,
}

/// How much one cut may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutSize {
    pub(crate) spans_max: u64,
    pub(crate) bytes_max: u64,
}

#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) seed: u64,
    traces: Vec<Trace>,
    traces_free: Vec<u32>,
    by_id: HashMap<TraceId, u32, FixedState>,
    postings: Vec<Posting>,
    postings_free: u32,
    postings_used: usize,
    frames: BTreeMap<FrameKey, Arc<LiveFrame>>,
    /// The last frame indexed.
    last: Option<FramePos>,
    /// Batches between admission and index, with the last frame before each.
    tickets: BTreeMap<u64, Option<FramePos>>,
    tickets_issued: u64,
    cuts: Vec<Arc<PendingCut>>,
    cuts_made: u32,
    cuts_finished: u64,
    retired: Vec<Retired>,
    pins: Vec<Weak<u64>>,
    history: HashMap<TraceId, (u64, Duration), FixedState>,
    open: u64,
    closed: Closed,
    bytes: u64,
    seen_bytes: usize,
    frame_bytes: usize,
}

impl Live {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self {
            seed,
            traces: Vec::new(),
            traces_free: Vec::new(),
            by_id: HashMap::with_hasher(hasher.clone()),
            postings: Vec::new(),
            postings_free: NONE,
            postings_used: 0,
            frames: BTreeMap::new(),
            last: None,
            tickets: BTreeMap::new(),
            tickets_issued: 0,
            cuts: Vec::new(),
            cuts_made: 0,
            cuts_finished: 0,
            retired: Vec::new(),
            pins: Vec::new(),
            history: HashMap::with_hasher(hasher),
            open: 0,
            closed: Closed::default(),
            bytes: 0,
            seen_bytes: 0,
            frame_bytes: 0,
        }
    }

    /// Traces that count against the cap.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// Sums over closed traces.
    pub(crate) fn closed(&self) -> Closed {
        self.closed
    }

    /// Encoded bytes of spans in no cut.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// True when dropping the tenant would lose nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.by_id.is_empty() && self.frames.is_empty() && self.cuts.is_empty() && self.tickets.is_empty()
    }

    /// Bytes of memory in use. Vectors and maps may hold up to twice that until the index is empty.
    pub(crate) fn memory_bytes(&self) -> usize {
        // One control byte beside each slot of a hash map.
        let slot = size_of::<(TraceId, u32)>() + 1;
        self.by_id.len() * (size_of::<Trace>() + slot)
            + self.postings_used * size_of::<Posting>()
            + self.seen_bytes
            + self.frame_bytes
    }

    /// What the limits ask about a trace: bytes of its life so far, and whether it counts as live.
    pub(crate) fn peek(&self, id: &TraceId, now: Duration) -> (u64, bool) {
        match self.by_id.get(id) {
            Some(&slot) => {
                let trace = &self.traces[slot as usize];
                (trace.life_bytes, trace.state == State::Open)
            }
            None => (self.remembered(id, now), false),
        }
    }

    fn remembered(&self, id: &TraceId, now: Duration) -> u64 {
        self.history.get(id).filter(|(_, until)| now < *until).map_or(0, |(bytes, _)| *bytes)
    }

    /// Reserves `bytes` of a trace, which becomes or stays open. True if it was opened by this.
    pub(crate) fn reserve(&mut self, id: &TraceId, bytes: u64, now: Duration) -> (u32, bool) {
        let slot = match self.by_id.get(id) {
            Some(&slot) => slot,
            None => self.insert(*id, now),
        };
        let opened = self.reopen(slot, now);
        let trace = &mut self.traces[slot as usize];
        trace.life_bytes += bytes;
        trace.reservations += 1;
        (slot, opened)
    }

    fn insert(&mut self, id: TraceId, now: Duration) -> u32 {
        let trace = Trace {
            id,
            head: NONE,
            spans: 0,
            bytes: 0,
            life_bytes: self.remembered(&id, now),
            reservations: 0,
            state: State::Resting,
            opened_at: now,
            touched_at: now,
            cut: 0,
            seen: Seen::default(),
        };
        let slot = match self.traces_free.pop() {
            Some(slot) => {
                self.traces[slot as usize] = trace;
                slot
            }
            None => {
                self.traces.push(trace);
                (self.traces.len() - 1) as u32
            }
        };
        self.by_id.insert(id, slot);
        slot
    }

    fn reopen(&mut self, slot: u32, now: Duration) -> bool {
        if self.traces[slot as usize].state == State::Open {
            return false;
        }
        self.leave_closed(slot);
        let trace = &mut self.traces[slot as usize];
        trace.state = State::Open;
        trace.opened_at = now;
        self.open += 1;
        true
    }

    /// Takes a closed trace out of the sums.
    fn leave_closed(&mut self, slot: u32) {
        let trace = &self.traces[slot as usize];
        if trace.state == State::Closed {
            self.closed.spans -= u64::from(trace.spans);
            self.closed.bytes -= trace.bytes;
            if self.closed.spans == 0 {
                self.closed.since = None;
            }
        }
    }

    /// Gives back what was reserved.
    pub(crate) fn give_back(&mut self, slot: u32, bytes: u64, now: Duration, keep: Duration) {
        let trace = &mut self.traces[slot as usize];
        trace.life_bytes = trace.life_bytes.saturating_sub(bytes);
        trace.reservations -= 1;
        self.settle(slot, now, keep);
    }

    /// Ends the life of a trace that has nothing left.
    fn settle(&mut self, slot: u32, now: Duration, keep: Duration) {
        let trace = &mut self.traces[slot as usize];
        if trace.reservations > 0 || trace.spans > 0 {
            return;
        }
        match trace.state {
            State::Open => self.open -= 1,
            State::Closed | State::Resting => {}
        }
        trace.state = State::Resting;
        if trace.cut != 0 {
            return;
        }
        debug_assert_eq!(trace.head, NONE);
        let (id, life_bytes) = (trace.id, trace.life_bytes);
        let seen = std::mem::take(&mut trace.seen);
        self.seen_bytes -= seen.memory_bytes();
        self.by_id.remove(&id);
        self.traces_free.push(slot);
        if life_bytes >= HISTORY_TRACE_BYTES_MIN {
            self.remember(id, life_bytes, now, now + keep);
        }
        if self.by_id.is_empty() {
            // A burst must not hold its memory for ever.
            self.traces = Vec::new();
            self.traces_free = Vec::new();
            self.by_id.shrink_to(0);
            self.postings = Vec::new();
            self.postings_free = NONE;
        }
    }

    fn remember(&mut self, id: TraceId, bytes: u64, now: Duration, until: Duration) {
        if self.history.len() >= HISTORY_MAX {
            self.history.retain(|_, (_, until)| now < *until);
        }
        if self.history.len() < HISTORY_MAX {
            self.history.insert(id, (bytes, until));
        }
    }

    /// Issued at admission; ends when the batch is indexed or given up.
    pub(crate) fn issue_ticket(&mut self) -> u64 {
        self.tickets_issued += 1;
        self.tickets.insert(self.tickets_issued, self.last);
        self.tickets_issued
    }

    pub(crate) fn end_ticket(&mut self, ticket: u64) {
        self.tickets.remove(&ticket);
    }

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

    fn keys_of(&self, id: &TraceId) -> Vec<FrameKey> {
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

    fn add_posting(&mut self, posting: Posting) -> u32 {
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

    fn close(&mut self, now: Duration, due: impl Fn(&Trace) -> bool) {
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

    /// When the oldest frame with rows in no block was indexed.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.frames.first_key_value().map(|(_, frame)| frame.at_ns)
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

    /// Takes closed traces into a new cut, as many as its size allows. `None` if there are none.
    pub(crate) fn make_cut(&mut self, block: Uuid, size: CutSize) -> Option<Arc<PendingCut>> {
        // Nothing durable may lie before the place of the cut without being indexed.
        let mut up_to = match self.tickets.values().min() {
            Some(floor) => (*floor)?,
            None => self.last?,
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
    fn open_until(&self, slot: u32, up_to: FrameKey) -> (u64, u64) {
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
    fn part_end(&self, slot: u32, up_to: FramePos, size: CutSize) -> FramePos {
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

    fn enter_cut(
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

    fn collect_keys(&self, slot: u32, up_to: FrameKey, keys: &mut Vec<FrameKey>) {
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

    /// Removes the postings of a trace up to a place.
    fn unlink(&mut self, slot: u32, up_to: FrameKey) {
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

    /// Keeps the places of a finished cut while a snapshot from before may ask for them.
    fn retire(&mut self, cut: &PendingCut) {
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

    fn oldest_pin(&mut self) -> Option<u64> {
        self.pins.retain(|pin| pin.strong_count() > 0);
        self.pins.iter().filter_map(Weak::upgrade).map(|pin| *pin).min()
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
}
