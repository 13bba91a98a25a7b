//! Removing segments, oldest first.
//!
//! Order matters: a `Built` entry in a younger segment is what keeps an older one's spans from coming back
//! after a crash, and a younger segment's header is what voids the end of an older one. So the oldest goes
//! first, and its removal is durable before the next.

use cadenza_env::{Disk, Spawn};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Unlinker {
    disk: Arc<dyn Disk>,
    spawn: Arc<dyn Spawn>,
    dir: PathBuf,
    state: Mutex<State>,
    /// Bytes of all segments on the disk.
    pub(crate) disk_bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Taken out of the log, by number, with path and length.
    retired: BTreeMap<u64, (PathBuf, u64)>,
    /// Retired or not, no longer in anybody's hands.
    unused: BTreeSet<u64>,
    running: bool,
}

impl Unlinker {
    pub(crate) fn new(disk: Arc<dyn Disk>, spawn: Arc<dyn Spawn>, dir: PathBuf) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { disk, spawn, dir, state, disk_bytes: AtomicU64::new(0) })
    }

    /// The segment has left the log and goes once it is unused.
    pub(crate) fn retire(&self, segment: u64, path: PathBuf, bytes: u64) {
        self.state.lock().retired.insert(segment, (path, bytes));
    }

    /// The last user is gone.
    pub(crate) fn unused(self: &Arc<Self>, segment: u64) {
        let mut state = self.state.lock();
        if !state.retired.contains_key(&segment) {
            return;
        }
        state.unused.insert(segment);
        if state.running || !state.has_work() {
            return;
        }
        state.running = true;
        drop(state);
        let this = self.clone();
        self.spawn.spawn_blocking("wal-unlink", Box::new(move || this.run()));
    }

    fn run(&self) {
        loop {
            let (path, bytes) = {
                let mut state = self.state.lock();
                let Some(next) = state.next() else {
                    state.running = false;
                    return;
                };
                next
            };
            let removed = self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&self.dir));
            match removed {
                Ok(()) => {}
                // Not lost, not wrong: the next start finds it again and what it holds is known to be done.
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove write-ahead log segment");
                }
            }
            self.disk_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl State {
    fn has_work(&self) -> bool {
        self.retired.keys().next().is_some_and(|oldest| self.unused.contains(oldest))
    }

    fn next(&mut self) -> Option<(PathBuf, u64)> {
        if !self.has_work() {
            return None;
        }
        let (segment, file) = self.retired.pop_first()?;
        self.unused.remove(&segment);
        Some(file)
    }
}
