//! Cuts that wait to be built and stored.

use crate::live::index::PendingCut;
use crate::tenant::Tenant;
use cadenza_wal::Control;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// One cut on its way.
pub(crate) struct Job {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) cut: Arc<PendingCut>,
    /// The log has its `Cut`.
    pub(crate) recorded: bool,
    /// An earlier run may have stored its block.
    pub(crate) may_exist: bool,
    pub(crate) failures: u32,
    pub(crate) not_before: Duration,
}

/// Cuts in the order they were made; failed ones at the end, with a delay.
pub(crate) struct CutQueue {
    jobs: Mutex<VecDeque<Job>>,
    /// Made and not finished, being worked on included.
    outstanding: AtomicUsize,
    /// The last try of any of them failed.
    failing: AtomicBool,
    /// Told with every end and every failure, for those who wait on a thread of their own.
    progress: (Mutex<()>, Condvar),
    pub(crate) added: Notify,
    pub(crate) finished: Notify,
    /// What every new segment of the log repeats.
    open: Arc<Mutex<BTreeMap<Uuid, Control>>>,
    /// Block bytes for a thousand encoded bytes, as the last blocks had it.
    ratio_permille: AtomicU64,
}

/// Before the first block: what our generator's spans come to.
const RATIO_PERMILLE: u64 = 160;

impl Default for CutQueue {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            outstanding: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            progress: (Mutex::new(()), Condvar::new()),
            added: Notify::new(),
            finished: Notify::new(),
            open: Arc::default(),
            ratio_permille: AtomicU64::new(RATIO_PERMILLE),
        }
    }
}

impl CutQueue {
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Acquire)
    }

    /// Adds a new cut.
    pub(crate) fn add(&self, job: Job) {
        let cut = &job.cut;
        let control = Control::Cut {
            block_id: cut.block,
            tenant: job.tenant.id.clone(),
            traces: cut.traces.clone(),
            up_to: cut.up_to,
        };
        self.open.lock().insert(cut.block, control);
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        self.jobs.lock().push_back(job);
        self.added.notify_one();
    }

    /// Puts a failed cut back.
    pub(crate) fn put_back(&self, job: Job) {
        self.jobs.lock().push_back(job);
        self.added.notify_one();
        self.failing.store(true, Ordering::Release);
        self.tell_progress();
    }

    /// True if the last try to build or store a cut failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    fn tell_progress(&self) {
        drop(self.progress.0.lock());
        self.progress.1.notify_all();
    }

    /// Blocks while `waiting`, which is asked after every end and failure of a cut, and now and then.
    pub(crate) fn wait_while(&self, waiting: impl Fn(&Self) -> bool) {
        // So that a stop, which tells nothing here, is noticed.
        const LOOK: Duration = Duration::from_millis(100);
        let mut lock = self.progress.0.lock();
        while waiting(self) {
            self.progress.1.wait_for(&mut lock, LOOK);
        }
    }

    /// The first cut whose time has come, or else when the next one's will.
    pub(crate) fn take(&self, now: Duration) -> Result<Job, Option<Duration>> {
        let mut jobs = self.jobs.lock();
        match jobs.iter().position(|job| job.not_before <= now) {
            Some(at) => jobs.remove(at).ok_or(None),
            None => Err(jobs.iter().map(|job| job.not_before).min()),
        }
    }

    /// Ends a cut.
    pub(crate) fn finish(&self, block: Uuid) {
        self.open.lock().remove(&block);
        self.outstanding.fetch_sub(1, Ordering::AcqRel);
        self.failing.store(false, Ordering::Release);
        self.finished.notify_waiters();
        self.tell_progress();
    }

    /// What is open now, as the log's checkpoint wants it.
    pub(crate) fn checkpoint(&self) -> impl Fn() -> Vec<Control> + Send + Sync + 'static {
        let open = self.open.clone();
        move || open.lock().values().cloned().collect()
    }

    /// The record of a cut.
    pub(crate) fn control(&self, block: Uuid) -> Option<Control> {
        self.open.lock().get(&block).cloned()
    }

    /// Estimated size of a block of spans with `bytes` on the wire.
    pub(crate) fn estimate(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.ratio_permille.load(Ordering::Relaxed)) / 1000
    }

    /// Learns from a block.
    pub(crate) fn learn(&self, bytes: u64, block_bytes: u64) {
        // Small blocks are mostly footer.
        const LEARN_BYTES_MIN: u64 = 1 << 20;
        if bytes >= LEARN_BYTES_MIN {
            let seen = (block_bytes.saturating_mul(1000) / bytes).clamp(10, 2000);
            let before = self.ratio_permille.load(Ordering::Relaxed);
            self.ratio_permille.store((before * 3 + seen) / 4, Ordering::Relaxed);
        }
    }
}
