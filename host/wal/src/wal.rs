//! The log's surface.

use crate::error::{AppendError, OpenError, ReadError};
use crate::frame::encode_controls;
use crate::log::commit::Committer;
use crate::log::segment::{Segment, parse_file_name};
use crate::log::shared::{Segments, Shared};
use crate::log::unlink::Unlinker;
use crate::log::{read, scan};
use crate::{Config, Control, Durable, FramePos, Metrics, ReplayItem, ReplayStats, Sections};
use cadenza_env::{Disk, DiskLock, Env};
use cadenza_model::{Columns, Processed, SpanBatch, TenantId};
use prometheus::Registry;
use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// Name of the lock file.
const LOCK: &str = "lock";

/// The open log of a server. Share it in an `Arc`.
///
/// Dropping it closes it; [`Wal::close`] also waits until everything appended is on the disk.
#[derive(Debug)]
pub struct Wal {
    shared: Arc<Shared>,
}

/// An append under way: completes when the frame is on the disk, or will not be.
///
/// # Cancel safety
/// Dropping it gives up the receipt only; the frame is written all the same.
#[derive(Debug)]
pub struct Appending {
    receipt: Result<oneshot::Receiver<Result<Durable, AppendError>>, AppendError>,
}

impl Appending {
    pub(crate) fn new(receipt: Result<oneshot::Receiver<Result<Durable, AppendError>>, AppendError>) -> Self {
        Self { receipt }
    }

    /// The answer, if it is there. For callers that commit step by step.
    pub fn try_answer(&mut self) -> Option<Result<Durable, AppendError>> {
        match &mut self.receipt {
            Err(error) => Some(Err(error.clone())),
            Ok(receipt) => match receipt.try_recv() {
                Ok(answer) => Some(answer),
                Err(oneshot::error::TryRecvError::Empty) => None,
                Err(oneshot::error::TryRecvError::Closed) => Some(Err(AppendError::Closed)),
            },
        }
    }
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
#[derive(Debug, Clone)]
pub struct ReadGuard {
    shared: Arc<Shared>,
    segments: Segments,
}

impl ReadGuard {
    /// [`Wal::read`], also from segments released since the guard was taken.
    ///
    /// # Errors
    /// As [`Wal::read`].
    pub fn read(&self, pos: &FramePos, sections: Sections) -> Result<Arc<Columns>, ReadError> {
        match read::find(&self.segments, pos.segment) {
            Some(segment) => read::read(&self.shared, segment, pos, sections).map(Arc::new),
            None => read_now(&self.shared, pos, sections),
        }
    }
}

fn read_now(shared: &Shared, pos: &FramePos, sections: Sections) -> Result<Arc<Columns>, ReadError> {
    let segments = shared.segments();
    let segment = read::find(&segments, pos.segment).ok_or(ReadError::Gone { segment: pos.segment })?;
    read::read(shared, segment, pos, sections).map(Arc::new)
}

/// A segment on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub segment: u64,
    /// Its length.
    pub bytes: u64,
    /// When it was begun, nanoseconds since the epoch; 0 while unknown (before replay has read its header).
    pub created_unix_ns: u64,
    /// Frames of spans made durable in it, or found by replay. A caller that has indexed fewer of them is
    /// about to learn of more: it must not release the segment yet.
    pub frames: u64,
    /// True while appends may still go there.
    pub active: bool,
    /// True if it cannot be read and will be left alone.
    pub inert: bool,
}

impl Wal {
    /// Opens the log in `config.path`: makes the directory, locks it, lists its segments. Reads none of
    /// them, so it is quick whatever the log holds. Commits run on a thread of their own.
    ///
    /// # Errors
    /// When the directory cannot be made, listed or locked. Never because of what is in it.
    pub fn open(env: Env, config: Config, registry: &Registry) -> Result<Self, OpenError> {
        let (wal, committer) = Self::open_stepped(env, config, registry)?;
        wal.shared.env.spawn.spawn_thread("wal-commit", Box::new(move || committer.run()));
        Ok(wal)
    }

    /// As [`Wal::open`], but nothing is committed except by [`Committer::step`]: for simulations.
    ///
    /// # Errors
    /// As [`Wal::open`].
    pub fn open_stepped(
        env: Env,
        config: Config,
        registry: &Registry,
    ) -> Result<(Self, Committer), OpenError> {
        let failed = |action: &'static str| {
            let path = config.path.clone();
            move |source| OpenError::Io { action, path, source }
        };
        make_dir(&*env.disk, &config.path).map_err(failed("make"))?;
        let lock = take_lock(&*env.disk, &config.path)?;
        let unlinker = Unlinker::new(env.disk.clone(), env.spawn.clone(), config.path.clone());
        let mut segments = Vec::new();
        let mut foreign = Vec::new();
        for entry in env.disk.list(&config.path).map_err(failed("list"))? {
            match parse_file_name(&entry.name).filter(|_| !entry.is_dir) {
                Some(id) => {
                    unlinker.disk_bytes.fetch_add(entry.bytes, Ordering::Relaxed);
                    let (disk, unlinker) = (env.disk.clone(), unlinker.clone());
                    segments.push(Arc::new(Segment::found(id, &config.path, entry.bytes, disk, unlinker)));
                }
                None if entry.name == LOCK => {}
                None => foreign.push(entry),
            }
        }
        segments.sort_by_key(|segment| segment.id);
        let metrics = Metrics::new(registry, env.clock.clone())?;
        let shared = Arc::new(Shared::new(env, config, metrics, unlinker, segments, foreign, lock));
        let committer = Committer::new(shared.clone());
        Ok((Self { shared }, committer))
    }

    /// Encodes the batch on the caller's thread and queues the frame for the next commit.
    pub fn append<R>(&self, batch: &SpanBatch<Processed<R>>) -> Appending {
        self.append_again(batch.tenant(), batch.chain_digest(), batch.columns())
    }

    /// As [`Wal::append`], for rows that were read from this log and are copied forward so that their
    /// segment can be released.
    pub fn append_again(&self, tenant: &TenantId, chain_digest: &[u8; 32], columns: &Columns) -> Appending {
        self.shared.append(false, |encoder, frame| encoder.encode(tenant, chain_digest, columns, frame))
    }

    /// Queues control entries for the next commit, as one frame. They may use the reserve that spans may
    /// not: they are what makes room.
    pub fn append_controls(&self, controls: &[Control]) -> Appending {
        self.shared.append(true, |_, frame| encode_controls(controls, frame))
    }

    /// [`Wal::append_controls`] with one entry.
    pub fn append_control(&self, control: Control) -> Appending {
        self.append_controls(&[control])
    }

    /// What every new segment begins with, from now on: the cuts still open and the verdicts still valid.
    /// Called on the committer's thread: it must be quick and must not wait for an append.
    pub fn set_checkpoint(&self, checkpoint: impl Fn() -> Vec<Control> + Send + Sync + 'static) {
        *self.shared.checkpoint.write() = Some(Box::new(checkpoint));
    }

    /// Reads sections of a frame through the cache. Blocking; columns of other sections stay empty.
    ///
    /// # Errors
    /// When the segment is gone, the disk fails, or the bytes are not what was written.
    pub fn read(&self, pos: &FramePos, sections: Sections) -> Result<Arc<Columns>, ReadError> {
        read_now(&self.shared, pos, sections)
    }

    /// Pins all present segments until the guard is dropped.
    pub fn pin(&self) -> ReadGuard {
        ReadGuard { shared: self.shared.clone(), segments: self.shared.segments() }
    }

    /// Hands out what segments from before the opening hold, oldest first. Blocking, in bounded memory;
    /// appends may go on meanwhile. Damage is reported and passed over.
    pub fn replay(&self, mut visit: impl FnMut(ReplayItem<'_>) -> ControlFlow<()>) -> ReplayStats {
        scan::replay(&self.shared, &mut visit)
    }

    /// The control entries that [`Wal::replay`] will find, beforehand: what was cut, and what of it is built.
    /// Blocking; reads little more than the frames' headers. Damage is passed over in silence: replay
    /// reports it.
    pub fn replay_controls(&self, visit: impl FnMut(FramePos, Control)) {
        scan::controls(&self.shared, visit);
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |segment: &Arc<Segment>| SegmentInfo {
            segment: segment.id,
            bytes: segment.bytes.load(Ordering::Acquire),
            created_unix_ns: segment.known_header().map_or(0, |header| header.created_unix_ns),
            frames: segment.frames.load(Ordering::Acquire),
            active: segment.active.load(Ordering::Acquire),
            inert: segment.inert.load(Ordering::Acquire),
        };
        self.shared.segments().iter().map(info).collect()
    }

    /// Bytes of all segments, pinned ones that were released included.
    pub fn bytes(&self) -> u64 {
        self.shared.disk_bytes()
    }

    /// Closes the active segment; the next append begins a new one. Takes effect soon, not at once.
    pub fn seal(&self) {
        self.shared.queue.seal();
    }

    /// Gives a segment up: nothing in it is needed any more, control entries included. It is unlinked
    /// once all older segments are and no [`ReadGuard`] from before holds it. False if it is still active (see
    /// [`Wal::seal`]), unreadable or gone.
    pub fn release(&self, segment: u64) -> bool {
        let segments = self.shared.segments();
        let Some(segment) = read::find(&segments, segment) else { return false };
        if segment.active.load(Ordering::Acquire) || segment.inert.load(Ordering::Acquire) {
            return false;
        }
        segment.released.store(true, Ordering::Release);
        drop(segments);
        self.shared.trim();
        true
    }

    /// Tells the metric since when acknowledged spans have been waiting to be stored (`None`: none wait).
    /// Until told the first time, it shows the age of the oldest segment.
    pub fn set_oldest_unflushed(&self, unix_ns: Option<u64>) {
        self.shared.metrics.oldest.tell(unix_ns);
    }

    /// The metrics, for those who count along.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The settings it was opened with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Refuses further appends and waits until everything queued has been committed and the directory is
    /// unlocked.
    pub async fn close(&self) {
        let mut finished = self.shared.finished.subscribe();
        self.shared.queue.close();
        let done = || self.shared.lock.lock().is_none();
        while !done() && finished.changed().await.is_ok() {}
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// Makes the directory durable together with the parents that were missing.
fn make_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for dir in path.ancestors().take_while(|dir| !dir.as_os_str().is_empty()) {
        match disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(dir),
            _ => break,
        }
    }
    disk.create_dir_all(path)?;
    for dir in missing.into_iter().rev() {
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => disk.sync_dir(parent)?,
            _ => disk.sync_dir(Path::new("."))?,
        }
    }
    Ok(())
}

fn take_lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskLock>, OpenError> {
    disk.lock(&path.join(LOCK)).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { path: path.to_owned() },
        _ => OpenError::Io { action: "lock", path: path.to_owned(), source },
    })
}
