//! The real seams: the operating system and tokio. The only place that may name them.
#![expect(clippy::disallowed_methods, reason = "this module is what the bans point at")]

use crate::{BoxFuture, Clock, Disk, DiskFile, DiskLock, Entry, Random, Spawn};
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn unix_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Seeds from the operating system (through std's per-process hash keys), stretched by hashing a counter.
#[derive(Debug, Default)]
pub struct OsRandom {
    keys: RandomState,
    calls: AtomicU64,
}

impl Random for OsRandom {
    fn next_u64(&self) -> u64 {
        self.keys.hash_one(self.calls.fetch_add(1, Ordering::Relaxed))
    }
}

/// Tasks on the current tokio runtime.
#[derive(Debug, Clone)]
pub struct TokioSpawn {
    runtime: tokio::runtime::Handle,
}

impl TokioSpawn {
    /// Spawns on the given runtime.
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { runtime }
    }

    fn watch(&self, name: &'static str, handle: tokio::task::JoinHandle<()>) {
        drop(self.runtime.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, %error, "task panicked");
            }
        }));
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.watch(name, self.runtime.spawn(task));
    }

    fn spawn_blocking(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) {
        self.watch(name, self.runtime.spawn_blocking(work));
    }

    fn spawn_thread(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) {
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        drop(started.expect("the system can start one more thread"));
    }
}

/// The operating system's files.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

struct RealFile(File);

struct FileLock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

impl DiskLock for FileLock {}

impl Disk for RealDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // Removed between listing and looking: it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Ok(name) = entry.file_name().into_string() {
                let bytes = if meta.is_dir() { 0 } else { meta.len() };
                entries.push(Entry { name, bytes, is_dir: meta.is_dir() });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(FileLock(file)))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        // The kernel takes at most 1,024 buffers a call; the caller continues after a short write.
        const BUFFERS_MAX: usize = 1024;
        Ok(rustix::io::pwritev(&self.0, &bufs[..bufs.len().min(BUFFERS_MAX)], offset)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn stamp(&self) -> io::Result<Option<[u64; 3]>> {
        let data = self.0.metadata()?;
        let modified_ns = data.mtime().wrapping_mul(1_000_000_000).wrapping_add(data.mtime_nsec());
        Ok(Some([data.ino(), data.len(), modified_ns.cast_unsigned()]))
    }
}
