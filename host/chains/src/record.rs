//! The last batches of a tenant, in memory only: what a candidate is tried on.

use cadenza_model::Columns;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// Batches kept of a tenant.
const BATCHES_MAX: usize = 4;
/// Larger batches are not kept: a trial must be short, and memory bounded.
const BATCH_BYTES_MAX: usize = 512 << 10;
/// A copy costs about as much as a frame; one in this time is nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// Batches before their chain has seen them.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    batches: VecDeque<Columns>,
    last: Option<Duration>,
}

impl Recorder {
    /// Keeps a copy, if it is time for one.
    pub(crate) fn offer(&self, columns: &Columns, now: Duration) {
        let Some(mut recorded) = self.0.try_lock() else { return };
        let soon = recorded.last.is_some_and(|last| now < last + PAUSE);
        if soon || columns.memory_bytes() > BATCH_BYTES_MAX {
            return;
        }
        recorded.last = Some(now);
        if recorded.batches.len() == BATCHES_MAX {
            recorded.batches.pop_front();
        }
        recorded.batches.push_back(columns.clone());
    }

    /// Copies of what is kept.
    pub(crate) fn batches(&self) -> Vec<Columns> {
        self.0.lock().batches.iter().cloned().collect()
    }
}
