//! The index of one tenant: traces, their postings, the frames they point into, and pending cuts.
//!
//! Pure data under one lock: no disk, no clock, no log. What the log knows and this must not forget is
//! the order of frames: a cut covers the frames *up to* a place, so a frame that is durable but not
//! indexed yet must never lie before the place of a cut. Tickets see to that.

use super::frames::{FrameKey, LiveFrame};
use super::seen::Seen;
use cadenza_model::TraceId;
use cadenza_wal::FramePos;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use uuid::Uuid;

/// No posting.
pub(super) const NONE: u32 = u32::MAX;

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
    pub(super) head: u32,
    /// Live rows in no cut.
    pub(crate) spans: u32,
    /// Encoded bytes of those.
    pub(crate) bytes: u64,
    /// Encoded bytes of this life with what is reserved: what the size limit counts.
    pub(crate) life_bytes: u64,
    pub(super) reservations: u32,
    pub(crate) state: State,
    pub(super) opened_at: Duration,
    pub(super) touched_at: Duration,
    /// Number of the pending cut that has some of it; 0 is none.
    pub(super) cut: u32,
    pub(super) seen: Seen,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    pub(super) frame: FrameKey,
    pub(super) next: u32,
    pub(super) rows: u32,
    pub(super) bytes: u32,
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
pub(crate) struct Retired {
    pub(super) finished: u64,
    pub(super) frames: HashMap<TraceId, Vec<FrameKey>>,
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
    pub(super) traces: Vec<Trace>,
    pub(super) traces_free: Vec<u32>,
    pub(super) by_id: HashMap<TraceId, u32, FixedState>,
    pub(super) postings: Vec<Posting>,
    pub(super) postings_free: u32,
    pub(super) postings_used: usize,
    pub(super) frames: BTreeMap<FrameKey, Arc<LiveFrame>>,
    /// The last frame indexed.
    pub(super) last: Option<FramePos>,
    /// Batches between admission and index, with the last frame before each.
    pub(super) tickets: BTreeMap<u64, Option<FramePos>>,
    pub(super) tickets_issued: u64,
    pub(super) cuts: Vec<Arc<PendingCut>>,
    pub(super) cuts_made: u32,
    pub(super) cuts_finished: u64,
    pub(super) retired: Vec<Retired>,
    pub(super) pins: Vec<Weak<u64>>,
    pub(super) history: HashMap<TraceId, (u64, Duration), FixedState>,
    pub(super) open: u64,
    pub(super) closed: Closed,
    pub(super) bytes: u64,
    pub(super) seen_bytes: usize,
    pub(super) frame_bytes: usize,
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

    pub(super) fn remembered(&self, id: &TraceId, now: Duration) -> u64 {
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

    pub(super) fn insert(&mut self, id: TraceId, now: Duration) -> u32 {
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

    pub(super) fn reopen(&mut self, slot: u32, now: Duration) -> bool {
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
    pub(super) fn leave_closed(&mut self, slot: u32) {
        let trace = &self.traces[slot as usize];
        if trace.state == State::Closed {
            self.closed.spans -= u64::from(trace.spans);
            self.closed.bytes -= trace.bytes;
            if self.closed.spans == 0 {
                self.closed.since = None;
            }
        }
    }

    /// Where a trace is, while it is here.
    pub(crate) fn slot_of(&self, id: &TraceId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// Takes bytes off a reservation that goes on.
    pub(crate) fn release(&mut self, slot: u32, bytes: u64) {
        let trace = &mut self.traces[slot as usize];
        trace.life_bytes = trace.life_bytes.saturating_sub(bytes);
    }

    /// Gives back what was reserved.
    pub(crate) fn give_back(&mut self, slot: u32, bytes: u64, now: Duration, keep: Duration) {
        let trace = &mut self.traces[slot as usize];
        trace.life_bytes = trace.life_bytes.saturating_sub(bytes);
        trace.reservations -= 1;
        self.settle(slot, now, keep);
    }

    /// Ends the life of a trace that has nothing left.
    pub(super) fn settle(&mut self, slot: u32, now: Duration, keep: Duration) {
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

    pub(super) fn remember(&mut self, id: TraceId, bytes: u64, now: Duration, until: Duration) {
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
}
