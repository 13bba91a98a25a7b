//! Frames that wait for a commit.

use crate::error::AppendError;
use crate::pos::Durable;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// Most bytes in one commit: longer ones would make all of it wait for the disk.
const COMMIT_BYTES_MAX: u64 = 16 << 20;
/// Waiting for company pays only when at least this many appends are in flight.
const COMPANY_FRAMES_MIN: usize = 8;
/// A commit of this size is worth a sync by itself.
const COMPANY_BYTES_MAX: u64 = 64 << 10;

pub(crate) type Receipt = oneshot::Sender<Result<Durable, AppendError>>;

/// A frame and who waits for it.
pub(crate) struct Pending {
    pub(crate) frame: Vec<u8>,
    /// Control frames may use the reserve.
    pub(crate) control: bool,
    pub(crate) receipt: Receipt,
}

#[derive(Default)]
struct State {
    frames: Vec<Pending>,
    bytes: u64,
    closed: bool,
    seal: bool,
    /// Frames at which the committer wants to be woken.
    wake_at: usize,
}

/// The queue between appenders and the committer.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

/// What the committer has to do.
pub(crate) struct Work {
    pub(crate) frames: Vec<Pending>,
    /// Close the active segment first.
    pub(crate) seal: bool,
    /// Nothing will follow.
    pub(crate) last: bool,
}

impl Queue {
    /// Adds a frame, if there is room for it.
    pub(crate) fn push(&self, pending: Pending, bytes_max: u64) -> Result<(), AppendError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        // An empty queue takes anything: a frame larger than the bound must get through at some time.
        // Control frames, few and small, may go as far as twice the bound.
        let bound = if pending.control { bytes_max.saturating_mul(2) } else { bytes_max };
        if state.bytes > 0 && state.bytes + pending.frame.len() as u64 > bound {
            return Err(AppendError::Busy { bytes: state.bytes, bytes_max });
        }
        state.bytes += pending.frame.len() as u64;
        state.frames.push(pending);
        if state.frames.len() >= state.wake_at || state.bytes >= COMPANY_BYTES_MAX {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Bytes waiting.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Frames waiting.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().frames.len()
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_one();
    }

    pub(crate) fn seal(&self) {
        self.state.lock().seal = true;
        self.wake.notify_one();
    }

    /// Waits until there is something to do. With `in_flight` appends expected, a small commit waits up to
    /// `company_wait` for most of them.
    pub(crate) fn wait(&self, in_flight: usize, company_wait: Duration) -> Work {
        let mut state = self.state.lock();
        state.wake_at = 1;
        while state.frames.is_empty() && !state.closed && !state.seal {
            self.wake.wait(&mut state);
        }
        let company = in_flight * 3 / 4;
        if company >= COMPANY_FRAMES_MIN && !state.closed {
            state.wake_at = company;
            let lonely = |state: &mut State| {
                state.frames.len() < company && state.bytes < COMPANY_BYTES_MAX && !state.closed
            };
            self.wake.wait_while_for(&mut state, lonely, company_wait);
        }
        state.take()
    }

    /// What there is to do now.
    pub(crate) fn take(&self) -> Work {
        self.state.lock().take()
    }
}

impl State {
    fn take(&mut self) -> Work {
        let mut bytes = 0;
        let fits = |pending: &&Pending| {
            bytes += pending.frame.len() as u64;
            bytes <= COMMIT_BYTES_MAX
        };
        let count = self.frames.iter().take_while(fits).count().max(1).min(self.frames.len());
        let frames: Vec<Pending> = if count == self.frames.len() {
            std::mem::take(&mut self.frames)
        } else {
            self.frames.drain(..count).collect()
        };
        self.bytes -= frames.iter().map(|pending| pending.frame.len() as u64).sum::<u64>();
        let last = self.closed && self.frames.is_empty();
        Work { frames, seal: std::mem::take(&mut self.seal), last }
    }
}
