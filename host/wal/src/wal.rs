//! The log's surface.

use crate::{
    AppendError, Config, Control, Durable, FramePos, Metrics, OpenError, ReadError, ReplayItem, ReplayStats,
    Sections,
};
use cadenza_env::Env;
use cadenza_model::{Columns, Processed, SpanBatch, TenantId};
use prometheus::Registry;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The open log of a server. Share it in an `Arc`.
///
/// Dropping it closes it; [`Wal::close`] also waits until everything appended is on the disk.
#[derive(Debug)]
pub struct Wal {
    config: Config,
    metrics: Arc<Metrics>,
}

/// An append under way: completes when the frame is on the disk, or will not be.
///
/// # Cancel safety
/// Dropping it gives up the receipt only; the frame is written all the same.
#[derive(Debug)]
pub struct Appending {
    receipt: Result<oneshot::Receiver<Result<Durable, AppendError>>, AppendError>,
}

impl Future for Appending {
    type Output = Result<Durable, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.receipt {
            Err(error) => Poll::Ready(Err(error.clone())),
            Ok(receipt) => {
                Pin::new(receipt).poll(context).map(|answer| answer.unwrap_or(Err(AppendError::Closed)))
            }
        }
    }
}

/// Keeps every segment of its moment on the disk, so that positions taken before stay readable.
#[derive(Debug)]
pub struct ReadGuard {}

/// A segment on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub segment: u64,
    /// Its length.
    pub bytes: u64,
    /// When it was begun, nanoseconds since the epoch; 0 while unknown (before replay has read its header).
    pub created_unix_ns: u64,
    /// True while appends may still go there.
    pub active: bool,
}

impl ReadGuard {
    /// [`Wal::read`], also from segments released since the guard was taken.
    ///
    /// # Errors
    /// As [`Wal::read`].
    pub fn read(&self, pos: &FramePos, sections: Sections) -> Result<Arc<Columns>, ReadError> {
        let _ = sections;
        Err(ReadError::Gone { segment: pos.segment })
    }
}

impl Wal {
    /// Opens the log in `config.path`: makes the directory, locks it, lists its segments. Reads none of
    /// them, so it is quick whatever the log holds.
    ///
    /// # Errors
    /// When the directory cannot be made, listed or locked. Never because of what is in it.
    pub fn open(env: Env, config: Config, registry: &Registry) -> Result<Self, OpenError> {
        let metrics = Arc::new(Metrics::new(registry, env.clock.clone())?);
        Ok(Self { config, metrics })
    }

    /// Encodes the batch on the caller's thread and queues the frame for the next commit.
    pub fn append<R>(&self, batch: &SpanBatch<Processed<R>>) -> Appending {
        self.append_again(batch.tenant(), batch.chain_digest(), batch.columns())
    }

    /// As [`Wal::append`], for rows that were read from this log and are copied forward so that their
    /// segment can be released.
    pub fn append_again(&self, tenant: &TenantId, chain_digest: &[u8; 32], columns: &Columns) -> Appending {
        let _ = (tenant, chain_digest, columns);
        Appending { receipt: Err(AppendError::Closed) }
    }

    /// Queues control entries for the next commit, as one frame. They may use the reserve that spans may
    /// not: they are what makes room.
    pub fn append_controls(&self, controls: &[Control]) -> Appending {
        let _ = controls;
        Appending { receipt: Err(AppendError::Closed) }
    }

    /// [`Wal::append_controls`] with one entry.
    pub fn append_control(&self, control: Control) -> Appending {
        self.append_controls(&[control])
    }

    /// What every new segment begins with, from now on: the cuts still open and the verdicts still valid.
    /// Called on the committer's thread: it must be quick and must not wait for an append.
    pub fn set_checkpoint(&self, checkpoint: impl Fn() -> Vec<Control> + Send + Sync + 'static) {
        let _ = checkpoint;
    }

    /// Reads sections of a frame through the cache. Blocking; columns of other sections stay empty.
    ///
    /// # Errors
    /// When the segment is gone, the disk fails, or the bytes are not what was written.
    pub fn read(&self, pos: &FramePos, sections: Sections) -> Result<Arc<Columns>, ReadError> {
        let _ = sections;
        Err(ReadError::Gone { segment: pos.segment })
    }

    /// Pins all present segments until the guard is dropped.
    pub fn pin(&self) -> ReadGuard {
        ReadGuard {}
    }

    /// Hands out what segments from before the opening hold, oldest first. Blocking, in bounded memory;
    /// appends may go on meanwhile. Damage is reported and passed over.
    pub fn replay(&self, visit: impl FnMut(ReplayItem<'_>) -> ControlFlow<()>) -> ReplayStats {
        let _ = visit;
        ReplayStats::default()
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        Vec::new()
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Gives a segment up. It is unlinked once no [`ReadGuard`], read or replay from before uses it. The
    /// active one is closed first; the next append begins a new one.
    pub fn release(&self, segment: u64) {
        let _ = segment;
    }

    /// Tells the metric since when acknowledged spans have been waiting to be stored (`None`: none wait).
    pub fn set_oldest_unflushed(&self, unix_ns: Option<u64>) {
        self.metrics.oldest.tell(unix_ns);
    }

    /// The metrics, for those who count along.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The settings it was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Refuses further appends and waits until everything queued has been committed.
    pub async fn close(&self) {}
}
