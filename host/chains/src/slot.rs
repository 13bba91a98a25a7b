//! One tenant's place: the version that runs, or why none does.

use crate::record::Recorder;
use crate::source::Content;
use crate::{Assembled, ChainStatus, Entry, Fault, VersionStatus};
use cadenza_env::Clock;
use cadenza_ingest::chain::{Chain, Hold, Processing};
use cadenza_model::{Columns, TenantId, hex};
use parking_lot::{Mutex, RwLock};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A client whose tenant waits for its chain, or has too many batches in it, comes again after this.
const HOLD_RETRY: Duration = Duration::from_secs(2);
/// Versions whose numbers are remembered.
const EARLIER_MAX: usize = 10;

/// What a chain is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) entries: Vec<Entry>,
    pub(crate) contents: Vec<Content>,
    pub(crate) secrets: u64,
}

/// A published version.
pub(crate) struct Running {
    pub(crate) assembled: Arc<dyn Assembled>,
    pub(crate) status: VersionStatus,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What outlives the versions of a tenant's chain.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) recorder: Recorder,
    in_chain: AtomicUsize,
    batches_max: usize,
}

enum Now {
    /// Ingest waits.
    Loading,
    /// No plugins.
    Empty,
    Running(Arc<Running>),
}

/// What the loader knows of the newest candidate.
#[derive(Debug, Default)]
pub(crate) struct Candidate {
    /// The last one that was tried.
    pub(crate) tried: Option<Wanted>,
    /// Why it does not run.
    pub(crate) faults: Vec<Fault>,
    /// Numbers and digests of versions before the running one, the newest first.
    pub(crate) earlier: Vec<(u64, String)>,
}

pub(crate) struct Slot {
    pub(crate) tenant: TenantId,
    pub(crate) shared: Arc<Shared>,
    now: RwLock<Now>,
    pub(crate) candidate: Mutex<Candidate>,
    pub(crate) settled: Notify,
}

impl Slot {
    /// A tenant that has a chain, or has none.
    pub(crate) fn new(tenant: TenantId, has_chain: bool, batches_max: usize) -> Self {
        Self {
            tenant,
            shared: Arc::new(Shared { batches_max, ..Shared::default() }),
            now: RwLock::new(if has_chain { Now::Loading } else { Now::Empty }),
            candidate: Mutex::default(),
            settled: Notify::new(),
        }
    }

    /// The chain in force.
    pub(crate) fn chain(&self) -> Result<Option<Arc<dyn Chain>>, Hold> {
        match &*self.now.read() {
            Now::Empty => return Ok(None),
            Now::Running(running) => return Ok(Some(Arc::clone(running) as Arc<dyn Chain>)),
            Now::Loading => {}
        }
        let candidate = self.candidate.lock();
        let message = match candidate.faults.as_slice() {
            [] => "the plugin chain is being loaded".to_owned(),
            faults => format!("the plugin chain is not loaded: {}", join(faults)),
        };
        Err(Hold { message, retry_after: Some(HOLD_RETRY) })
    }

    /// True until the first candidate was tried.
    pub(crate) fn is_new(&self) -> bool {
        matches!(&*self.now.read(), Now::Loading) && self.candidate.lock().tried.is_none()
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(&*self.now.read(), Now::Loading)
    }

    pub(crate) fn has_chain(&self) -> bool {
        matches!(&*self.now.read(), Now::Running(_))
    }

    /// True if the version in force is as this one would be.
    pub(crate) fn runs(&self, other: &VersionStatus) -> bool {
        let same = |running: &Running| {
            let status = &running.status;
            status.digest == other.digest
                && status.plugins == other.plugins
                && status.left_out == other.left_out
        };
        matches!(&*self.now.read(), Now::Running(running) if same(running))
    }

    /// True if shadows are not part of the version in force.
    pub(crate) fn has_left_out(&self) -> bool {
        matches!(&*self.now.read(), Now::Running(running) if !running.status.left_out.is_empty())
    }

    /// Puts a version in force; batches that began with the one before end with it.
    pub(crate) fn publish(&self, version: Option<Running>) {
        let next = version.map_or(Now::Empty, |running| Now::Running(Arc::new(running)));
        let before = std::mem::replace(&mut *self.now.write(), next);
        if let Now::Running(before) = before {
            let mut candidate = self.candidate.lock();
            let status = &before.status;
            candidate.earlier.insert(0, (status.number, status.digest.clone()));
            candidate.earlier.truncate(EARLIER_MAX);
        }
    }

    pub(crate) fn status(&self) -> ChainStatus {
        let (state, version) = match &*self.now.read() {
            Now::Loading => ("loading", None),
            Now::Empty => ("none", None),
            Now::Running(running) => {
                let counters = running.assembled.status();
                ("running", Some(VersionStatus { counters, ..running.status.clone() }))
            }
        };
        let candidate = self.candidate.lock();
        ChainStatus {
            tenant: self.tenant.to_string(),
            state,
            version,
            faults: candidate.faults.iter().map(Fault::to_string).collect(),
            earlier: candidate.earlier.clone(),
        }
    }
}

/// Faults in one line.
pub(crate) fn join(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

impl Running {
    pub(crate) fn digest_text(assembled: &dyn Assembled) -> String {
        hex(&assembled.digest())
    }
}

/// Counts a batch in, and out however it ends.
struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Chain for Running {
    fn digest(&self) -> [u8; 32] {
        self.assembled.digest()
    }

    fn calls_guests(&self) -> bool {
        self.assembled.calls_guests()
    }

    fn run(&self, columns: &mut Columns, requests: &[Range<usize>]) -> Result<Processing, Hold> {
        let shared = &self.shared;
        let before = shared.in_chain.fetch_add(1, Ordering::AcqRel);
        let _inside = Inside(&shared.in_chain);
        if self.assembled.calls_guests() && before >= shared.batches_max {
            let message = format!(
                "{before} batches of the tenant are in its plugins, the limit is {}",
                shared.batches_max
            );
            return Err(Hold { message, retry_after: Some(HOLD_RETRY) });
        }
        shared.recorder.offer(columns, self.clock.monotonic());
        self.assembled.run(columns, requests)
    }
}
