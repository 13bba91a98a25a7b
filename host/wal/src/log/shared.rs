//! What appenders, readers and the committer share.

use super::cache::Cache;
use super::queue::{Pending, Queue};
use super::segment::{Segment, is_released};
use super::unlink::Unlinker;
use crate::error::{AppendError, Full};
use crate::frame::{Encoder, TooLarge};
use crate::{Appending, Config, Control, Metrics};
use cadenza_env::{DiskLock, Entry, Env};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{oneshot, watch};

/// Buffers kept for reuse: as many as appends are usually in flight.
const POOL_MAX: usize = 128;
/// Larger buffers are given back: one huge request must not be remembered for ever.
const POOL_BYTES_MAX: usize = 256 << 10;

/// An immutable list of segments, oldest first.
pub(crate) type Segments = Arc<Vec<Arc<Segment>>>;
pub(crate) type Checkpoint = Box<dyn Fn() -> Vec<Control> + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) queue: Queue,
    pub(crate) unlinker: Arc<Unlinker>,
    pub(crate) cache: Cache,
    pub(crate) checkpoint: RwLock<Option<Checkpoint>>,
    /// Names in the directory that are not the log's.
    pub(crate) foreign: Vec<Entry>,
    segments: RwLock<Segments>,
    encoders: Mutex<Vec<Encoder>>,
    buffers: Mutex<Vec<Vec<u8>>>,
    /// Closed when the committer is done.
    pub(crate) finished: watch::Sender<()>,
    /// Given back by the committer.
    pub(crate) lock: Mutex<Option<Box<dyn DiskLock>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wal({})", self.config.path.display())
    }
}

impl Shared {
    pub(crate) fn new(
        env: Env,
        config: Config,
        metrics: Metrics,
        unlinker: Arc<Unlinker>,
        segments: Vec<Arc<Segment>>,
        foreign: Vec<Entry>,
        lock: Box<dyn DiskLock>,
    ) -> Self {
        let cache = Cache::new(config.read_cache_bytes_max);
        let shared = Self {
            env,
            config,
            metrics,
            queue: Queue::default(),
            unlinker,
            cache,
            checkpoint: RwLock::new(None),
            foreign,
            segments: RwLock::new(Arc::new(segments)),
            encoders: Mutex::new(Vec::new()),
            buffers: Mutex::new(Vec::new()),
            finished: watch::Sender::new(()),
            lock: Mutex::new(Some(lock)),
        };
        shared.measure();
        shared
    }

    pub(crate) fn segments(&self) -> Segments {
        self.segments.read().clone()
    }

    /// The youngest one begins.
    pub(crate) fn add_segment(&self, segment: Arc<Segment>) {
        let mut list = self.segments.write();
        let mut segments = (**list).clone();
        segments.push(segment);
        *list = Arc::new(segments);
        drop(list);
        self.measure();
    }

    /// Lets go of the oldest segments as far as they are released.
    pub(crate) fn trim(&self) {
        let mut list = self.segments.write();
        let mut released = true;
        let goes = |segment: &Arc<Segment>| {
            // The unreadable ones stay, and hold nobody up.
            if segment.inert.load(Ordering::Acquire) {
                return false;
            }
            released = released && is_released(segment);
            released
        };
        let (gone, kept): (Vec<_>, Vec<_>) = list.iter().cloned().partition(goes);
        if gone.is_empty() {
            return;
        }
        let old = std::mem::replace(&mut *list, Arc::new(kept));
        drop(list);
        for segment in &gone {
            let bytes = segment.bytes.load(Ordering::Acquire);
            self.unlinker.retire(segment.id, segment.path.clone(), bytes);
            self.cache.forget(segment.id);
        }
        drop(old);
        drop(gone);
        self.measure();
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        let segments = self.segments();
        self.metrics.segments.set(segments.len() as i64);
        self.metrics.bytes.set(self.disk_bytes() as i64);
        let oldest = segments.iter().find_map(|segment| segment.known_header());
        self.metrics.oldest.set_segment(oldest.map_or(0, |header| header.created_unix_ns));
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.unlinker.disk_bytes.load(Ordering::Relaxed)
    }

    /// Queues a frame that `encode` writes.
    pub(crate) fn append(
        &self,
        control: bool,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> Result<(), TooLarge>,
    ) -> Appending {
        let queued = self.try_append(control, encode);
        if let Err(error) = &queued {
            self.count_refusal(error);
        }
        Appending::new(queued)
    }

    fn try_append(
        &self,
        control: bool,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> Result<(), TooLarge>,
    ) -> Result<oneshot::Receiver<Result<crate::Durable, AppendError>>, AppendError> {
        if !control {
            self.check_room()?;
        }
        let mut frame = self.buffers.lock().pop().unwrap_or_default();
        let mut encoder = self.encoders.lock().pop().unwrap_or_default();
        let encoded = encode(&mut encoder, &mut frame);
        let mut encoders = self.encoders.lock();
        if encoders.len() < POOL_MAX && encoder.memory_bytes() <= 8 * POOL_BYTES_MAX {
            encoders.push(encoder);
        }
        drop(encoders);
        encoded.map_err(|TooLarge { bytes, bytes_max }| AppendError::FrameTooLarge {
            bytes: bytes as u64,
            bytes_max: bytes_max as u64,
        })?;
        let (receipt, answer) = oneshot::channel();
        self.queue.push(Pending { frame, control, receipt }, self.config.queue_bytes_max)?;
        Ok(answer)
    }

    /// Spans are refused early, before work is spent on them.
    fn check_room(&self) -> Result<(), AppendError> {
        let bytes = self.disk_bytes() + self.queue.bytes();
        let bytes_max = self.config.bytes_max;
        if bytes > bytes_max { Err(AppendError::DiskFull(Full::Log { bytes, bytes_max })) } else { Ok(()) }
    }

    pub(crate) fn count_refusal(&self, error: &AppendError) {
        self.metrics.refusals.with_label_values(&[error.kind().label()]).inc();
    }

    /// Takes a frame's buffer back.
    pub(crate) fn recycle(&self, mut frame: Vec<u8>) {
        if frame.capacity() > POOL_BYTES_MAX {
            return;
        }
        frame.clear();
        let mut buffers = self.buffers.lock();
        if buffers.len() < POOL_MAX {
            buffers.push(frame);
        }
    }
}
