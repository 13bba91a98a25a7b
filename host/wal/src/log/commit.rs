//! The committer: one write and one sync for all waiting frames.
//!
//! A failed write or sync poisons the segment. It is never written or synced again, since the kernel may
//! have dropped what it could not write and would report success the next time. What it held before
//! stays valid; the frames of the failed commit go into a fresh segment, whose header says where the
//! poisoned one ends, or are refused.

use super::queue::{Pending, Work};
use super::segment::{FIRST_COMMIT, FileHeader, Segment, file_name};
use super::shared::Shared;
use crate::Control;
use crate::error::{AppendError, Full};
use crate::frame::{BLOCK_BYTES, FRAME_BYTES_MAX, block_ceil, encode_controls, seal};
use crate::pos::{Durable, FramePos};
use cadenza_env::DiskFile;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Fresh segments tried for one commit. A disk that fails three files in a row will fail the fourth.
const ATTEMPTS_MAX: usize = 3;
/// A checkpoint frame is closed at this size.
const CHECKPOINT_FRAME_BYTES: usize = FRAME_BYTES_MAX / 4;

/// The segment appends go to.
struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    salt: u64,
    /// Where the next commit starts.
    end: u64,
}

/// Makes frames durable. There is one per log.
#[derive(Debug)]
pub struct Committer {
    shared: Arc<Shared>,
    active: Option<Active>,
    next_segment: u64,
    /// The newest segment with anything in it, and how far it counts.
    previous: (u64, u64),
    /// Appends thought to be in flight.
    in_flight: usize,
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} up to {}", self.segment, self.end)
    }
}

/// True for the errors that mean "no space".
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes everything, however short the single writes are.
fn write_all(file: &dyn DiskFile, mut bufs: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        match file.write_at(bufs, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut bufs, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Committer {
    /// Begins after the newest segment found.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let newest = shared.segments().last().map(|segment| segment.id);
        Self {
            shared,
            active: None,
            next_segment: newest.unwrap_or(0) + 1,
            previous: newest.map_or((0, u64::MAX), |newest| (newest, u64::MAX)),
            in_flight: 0,
        }
    }

    /// Commits until the log is closed and everything queued has been answered.
    pub(crate) fn run(mut self) {
        let company_wait = Duration::from_micros(self.shared.config.commit_wait_max_us);
        loop {
            let work = self.shared.queue.wait(self.in_flight, company_wait);
            let last = work.last;
            self.work(work);
            if last {
                break;
            }
        }
        self.finish();
    }

    /// Commits what is waiting now; for simulations, where nobody else does. Returns how many frames it
    /// took, made durable or not.
    pub fn step(&mut self) -> usize {
        let work = self.shared.queue.take();
        let frames = work.frames.len();
        self.work(work);
        frames
    }

    fn finish(&mut self) {
        self.seal_active();
        // The directory is free for the next process from here on.
        drop(self.shared.lock.lock().take());
        self.shared.finished.send_replace(());
    }

    fn work(&mut self, work: Work) {
        if work.seal {
            self.seal_active();
        }
        let taken = work.frames.len();
        let frames = self.refuse_when_full(work.frames);
        if !frames.is_empty() {
            self.commit(frames);
        }
        self.in_flight = taken + self.shared.queue.len();
    }

    /// Refuses the spans while the volume's reserve would be touched. Control frames go on: they are what
    /// makes room.
    fn refuse_when_full(&self, frames: Vec<Pending>) -> Vec<Pending> {
        let config = &self.shared.config;
        let free_bytes = match self.shared.env.disk.free_bytes(&config.path) {
            Ok(free_bytes) => free_bytes,
            // Not knowing is no reason to refuse: the write itself will tell.
            Err(_) => return frames,
        };
        let waiting: u64 = frames.iter().map(|pending| pending.frame.len() as u64).sum();
        let needed = block_ceil(waiting) + BLOCK_BYTES;
        let free_bytes_min = config.free_bytes_min;
        if free_bytes >= free_bytes_min.saturating_add(needed) {
            return frames;
        }
        let full = Full::Reserve { free_bytes, free_bytes_min };
        let (controls, spans): (Vec<_>, Vec<_>) = frames.into_iter().partition(|pending| pending.control);
        self.refuse(spans, &AppendError::DiskFull(full));
        controls
    }

    fn refuse(&self, frames: Vec<Pending>, error: &AppendError) {
        for pending in frames {
            self.shared.count_refusal(error);
            self.shared.recycle(pending.frame);
            // Nobody waits any more: fine, nothing was promised.
            drop(pending.receipt.send(Err(error.clone())));
        }
    }

    fn commit(&mut self, mut frames: Vec<Pending>) {
        let mut attempts = 0;
        let error = loop {
            attempts += 1;
            match self.try_commit(&mut frames) {
                Ok(offsets) => return self.answer(frames, &offsets),
                Err(error) if is_full(&error) => break AppendError::DiskFull(Full::NoSpace),
                Err(error) if attempts == ATTEMPTS_MAX => {
                    break AppendError::SyncFailed(Arc::new(error));
                }
                Err(error) => {
                    tracing::warn!(%error, "write-ahead log commit failed, trying a new segment");
                }
            }
        };
        tracing::error!(%error, frames = frames.len(), "write-ahead log refuses frames");
        self.refuse(frames, &error);
    }

    fn answer(&mut self, frames: Vec<Pending>, offsets: &[u64]) {
        let Some(active) = &self.active else { return };
        let segment = active.segment.id;
        let spans = frames.iter().filter(|pending| !pending.control).count();
        // Before the receipts: who has one must find its frame counted.
        active.segment.frames.fetch_add(spans as u64, Ordering::Release);
        self.shared.metrics.commits.inc();
        self.shared.metrics.frames.inc_by(frames.len() as u64);
        for (pending, &offset) in frames.into_iter().zip(offsets) {
            let pos = FramePos { segment, offset, bytes: pending.frame.len() as u32 };
            drop(pending.receipt.send(Ok(Durable::new(pos))));
            self.shared.recycle(pending.frame);
        }
        self.shared.metrics.bytes.set(self.shared.disk_bytes() as i64);
    }

    /// One write, one sync. Returns the frames' offsets.
    fn try_commit(&mut self, frames: &mut [Pending]) -> io::Result<Vec<u64>> {
        let bytes: u64 = frames.iter().map(|pending| pending.frame.len() as u64).sum();
        if let Some(active) = &self.active
            && active.end > FIRST_COMMIT
            && active.end + bytes > self.shared.config.segment_bytes_max
        {
            self.seal_active();
        }
        let written = match self.active.take() {
            Some(active) => self.extend(active, frames),
            None => self.begin(frames),
        };
        if written.is_err() {
            self.shared.trim();
        }
        written
    }

    /// Commits to the active segment.
    fn extend(&mut self, mut active: Active, frames: &mut [Pending]) -> io::Result<Vec<u64>> {
        let mut end = active.end;
        let written = place(&mut end, active.salt, frames.iter_mut().map(|pending| &mut pending.frame))
            .and_then(|offsets| {
                let mut slices: Vec<IoSlice<'_>> =
                    frames.iter().map(|pending| IoSlice::new(&pending.frame)).collect();
                self.write_and_sync(&*active.file, &mut slices, active.end, &mut end)?;
                Ok(offsets)
            });
        match written {
            Ok(offsets) => {
                self.shared.unlinker.disk_bytes.fetch_add(end - active.end, Ordering::Relaxed);
                active.end = end;
                active.segment.bytes.store(end, Ordering::Release);
                self.active = Some(active);
                Ok(offsets)
            }
            Err(error) => {
                self.previous = (active.segment.id, active.end);
                active.segment.active.store(false, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Commits to a fresh segment, after its header and the checkpoint.
    fn begin(&mut self, frames: &mut [Pending]) -> io::Result<Vec<u64>> {
        let shared = self.shared.clone();
        let id = self.next_segment;
        self.next_segment += 1;
        let header = FileHeader {
            segment: id,
            salt: shared.env.random.next_u64(),
            created_unix_ns: shared.env.clock.unix_ns(),
            previous: self.previous.0,
            previous_good: self.previous.1,
        };
        let path = shared.config.path.join(file_name(id));
        let file = shared.env.disk.create_new(&path)?;
        let written = self.write_first(&*file, &header, frames);
        match written {
            Ok((offsets, end)) => {
                let disk = shared.env.disk.clone();
                let segment =
                    Segment::made(header, file.clone(), &shared.config.path, disk, shared.unlinker.clone());
                segment.bytes.store(end, Ordering::Release);
                let segment = Arc::new(segment);
                shared.unlinker.disk_bytes.fetch_add(end, Ordering::Relaxed);
                shared.add_segment(segment.clone());
                self.active = Some(Active { segment, file, salt: header.salt, end });
                Ok(offsets)
            }
            Err(error) => {
                // It holds nothing that counts, also if it comes back: the next header skips it.
                drop(file);
                if let Err(error) = shared.env.disk.remove(&path) {
                    tracing::warn!(path = %path.display(), %error, "cannot remove failed segment");
                }
                Err(error)
            }
        }
    }

    fn write_first(
        &self,
        file: &dyn DiskFile,
        header: &FileHeader,
        frames: &mut [Pending],
    ) -> io::Result<(Vec<u64>, u64)> {
        let block = header.block();
        let mut checkpoint = self.checkpoint_frames();
        let mut end = FIRST_COMMIT;
        let all = checkpoint.iter_mut().chain(frames.iter_mut().map(|pending| &mut pending.frame));
        let mut offsets = place(&mut end, header.salt, all)?;
        let mut slices = vec![IoSlice::new(&block)];
        slices.extend(checkpoint.iter().map(|frame| IoSlice::new(frame)));
        slices.extend(frames.iter().map(|pending| IoSlice::new(&pending.frame)));
        self.write_and_sync(file, &mut slices, 0, &mut end)?;
        self.shared.env.disk.sync_dir(&self.shared.config.path)?;
        offsets.drain(..checkpoint.len());
        Ok((offsets, end))
    }

    /// Writes the slices from `start`, pads up to a whole block and syncs; `end` becomes the padded end.
    fn write_and_sync(
        &self,
        file: &dyn DiskFile,
        slices: &mut Vec<IoSlice<'_>>,
        start: u64,
        end: &mut u64,
    ) -> io::Result<()> {
        const ZEROS: [u8; BLOCK_BYTES as usize] = [0; BLOCK_BYTES as usize];
        let padded = block_ceil(*end);
        slices.push(IoSlice::new(&ZEROS[..(padded - *end) as usize]));
        write_all(file, slices, start)?;
        let begun = self.shared.env.clock.monotonic();
        file.sync_data()?;
        let took = self.shared.env.clock.monotonic().saturating_sub(begun);
        self.shared.metrics.fsync_seconds.observe(took.as_secs_f64());
        *end = padded;
        Ok(())
    }

    /// What the caller wants at the start of every segment.
    fn checkpoint_frames(&self) -> Vec<Vec<u8>> {
        let controls =
            self.shared.checkpoint.read().as_ref().map(|checkpoint| checkpoint()).unwrap_or_default();
        let size = |control: &Control| match control {
            Control::Cut { traces, .. } | Control::Released { traces, .. } => traces.len() * 16,
            Control::Built { .. } | Control::Verdict { .. } => 256,
        };
        let mut frames = Vec::new();
        let mut start = 0;
        let mut bytes = 0;
        for (at, control) in controls.iter().enumerate() {
            bytes += size(control);
            if bytes >= CHECKPOINT_FRAME_BYTES || at + 1 == controls.len() {
                let mut frame = Vec::new();
                match encode_controls(&controls[start..=at], &mut frame) {
                    Ok(()) => frames.push(frame),
                    // An entry this large could not have been appended in the first place.
                    Err(error) => tracing::error!(?error, "checkpoint entry is too large"),
                }
                start = at + 1;
                bytes = 0;
            }
        }
        frames
    }

    /// The active segment takes no more.
    fn seal_active(&mut self) {
        if let Some(active) = self.active.take() {
            self.previous = (active.segment.id, active.end);
            active.segment.active.store(false, Ordering::Release);
            drop(active);
            self.shared.trim();
        }
    }
}

/// Seals frames for their places from `end` on and moves `end` past them.
fn place<'a>(
    end: &mut u64,
    salt: u64,
    frames: impl Iterator<Item = &'a mut Vec<u8>>,
) -> io::Result<Vec<u64>> {
    let mut offsets = Vec::new();
    for frame in frames {
        seal(frame, salt, *end, offsets.is_empty());
        offsets.push(*end);
        *end += frame.len() as u64;
    }
    Ok(offsets)
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Nobody is left waiting for ever, also when a thread dies.
        self.shared.queue.close();
        let mut waiting = self.shared.queue.take().frames;
        while !waiting.is_empty() {
            self.refuse(waiting, &AppendError::Closed);
            waiting = self.shared.queue.take().frames;
        }
        drop(self.shared.lock.lock().take());
        self.shared.finished.send_replace(());
    }
}
