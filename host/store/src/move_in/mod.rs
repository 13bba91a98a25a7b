//! Moving in: what a Tempo left on this machine's disk becomes blocks in the bucket.
//!
//! Below the path of its log, Tempo keeps a directory per block under way (`log`) and finished blocks that may
//! not be uploaded yet (`finished`). Each is stored first, then marked as done, then removed, so that ending
//! anywhere loses nothing and stores nothing twice. What cannot be read is left untouched and named.

mod finished;
mod log;

use crate::Store;
use cadenza_block::write::BuiltBlock;
use cadenza_env::Disk;
use cadenza_model::{Columns, TenantId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The description of a block; written before each page of a log is closed.
const META: &str = "meta.json";
/// What [`META`] is renamed to when a directory may go.
const DONE: &str = "meta.deleted.json";
/// Below the log's path, finished blocks by tenant.
const FINISHED: &str = "blocks";

/// A running Tempo cuts its logs and uploads its blocks within this time.
const REST: Duration = Duration::from_secs(120);

/// Makes a block of spans by the tenant's settings.
pub type BuildBlock = dyn Fn(&TenantId, Uuid, &Columns) -> Result<BuiltBlock, String> + Send + Sync;

/// What became of what was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MoveInReport {
    /// Blocks that are in the bucket now.
    pub moved: usize,
    /// Directories that were done with already and are gone now.
    pub removed: usize,
    /// Directories whose content could not be stored or removed; worth trying again.
    pub failed: usize,
    /// Directories that cannot be read, and stay as they are.
    pub left: usize,
}

/// Why a directory was not moved in.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    /// Trying again may help.
    #[error("{0}")]
    Now(String),
    /// Trying again does not help.
    #[error("{0}")]
    Ever(String),
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Self {
        Self::Now(error.to_string())
    }
}

impl From<crate::StoreError> for Obstacle {
    fn from(error: crate::StoreError) -> Self {
        Self::Now(error.to_string())
    }
}

/// How a directory ended.
enum Outcome {
    Moved,
    Removed,
}

impl Store {
    /// Moves in all that lies below the path of a log of Tempo's. A path that is not there is fine.
    pub async fn move_in(self: &Arc<Self>, root: PathBuf, build: Arc<BuildBlock>) -> MoveInReport {
        let moving = Moving { store: Arc::clone(self), disk: Arc::clone(&self.env.disk), root, build };
        // A panic is logged where it happened; nothing of what was found is gone.
        let panicked = MoveInReport { failed: 1, ..MoveInReport::default() };
        self.env.spawn.blocking("move-in", move || moving.run()).await.unwrap_or(panicked)
    }
}

struct Moving {
    store: Arc<Store>,
    disk: Arc<dyn Disk>,
    root: PathBuf,
    build: Arc<BuildBlock>,
}

impl Moving {
    fn run(&self) -> MoveInReport {
        let mut report = MoveInReport::default();
        // Finished blocks first: a log that is marked as done has become one of them.
        for tenant in self.directories(&self.root.join(FINISHED)) {
            let Ok(id) = TenantId::parse(&tenant) else { continue };
            let folder = self.root.join(FINISHED).join(&tenant);
            for block in self.directories(&folder) {
                if let Ok(block_id) = Uuid::try_parse(&block) {
                    let path = folder.join(&block);
                    self.count(&mut report, &path, self.finished(&id, block_id, &path));
                }
            }
        }
        for name in self.directories(&self.root) {
            let mut parts = name.split('+');
            let (Some(block), Some(tenant), Some(version), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let (Ok(block_id), Ok(tenant)) = (Uuid::try_parse(block), TenantId::parse(tenant)) else {
                continue;
            };
            let path = self.root.join(&name);
            self.count(&mut report, &path, self.log(&tenant, block_id, version, &path));
        }
        report
    }

    fn count(&self, report: &mut MoveInReport, path: &Path, outcome: Result<Outcome, Obstacle>) {
        let shown = path.display();
        match outcome {
            Ok(Outcome::Moved) => {
                tracing::info!(path = %shown, "what Tempo left was moved into the bucket");
                report.moved += 1;
            }
            Ok(Outcome::Removed) => report.removed += 1,
            Err(Obstacle::Now(reason)) => {
                tracing::warn!(path = %shown, reason, "what Tempo left could not be moved in yet");
                report.failed += 1;
            }
            Err(Obstacle::Ever(reason)) => {
                tracing::error!(path = %shown, reason, "what Tempo left cannot be moved in, it stays as it is");
                report.left += 1;
            }
        }
    }

    /// Names of the directories in one that may not be there.
    fn directories(&self, path: &Path) -> Vec<String> {
        let entries = match self.disk.list(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what Tempo may have left cannot be listed");
                return Vec::new();
            }
        };
        entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name).collect()
    }

    fn has(&self, path: &Path, name: &str) -> io::Result<bool> {
        Ok(self.disk.list(path)?.iter().any(|entry| entry.name == name))
    }

    /// Refuses what changed a moment ago: a Tempo that still runs on this disk may be writing it.
    fn must_rest(&self, path: &Path) -> Result<(), Obstacle> {
        let now_ns = self.store.env.clock.unix_ns();
        for entry in self.disk.list(path)?.into_iter().filter(|entry| !entry.is_dir) {
            let stamp = self.disk.open_to_read(&path.join(&entry.name))?.stamp()?;
            if let Some([_, _, changed_ns]) = stamp
                && now_ns.saturating_sub(changed_ns) < REST.as_nanos() as u64
            {
                let reason =
                    format!("{} changed within {} s: a Tempo may be at work", entry.name, REST.as_secs());
                return Err(Obstacle::Now(reason));
            }
        }
        Ok(())
    }

    fn exists(&self, tenant: &TenantId, block_id: Uuid) -> Result<bool, Obstacle> {
        Ok(self.store.shared.runtime.block_on(self.store.exists(tenant, block_id))?)
    }

    /// Marks a directory as done, durably, and removes it.
    fn finish(&self, path: &Path) -> Result<(), Obstacle> {
        if self.has(path, META)? {
            self.disk.rename(&path.join(META), &path.join(DONE))?;
            self.disk.sync_dir(path)?;
        }
        self.remove(path)
    }

    /// Removes a directory that is marked as done, the mark last.
    fn remove(&self, path: &Path) -> Result<(), Obstacle> {
        let entries = self.disk.list(path)?;
        if let Some(folder) = entries.iter().find(|entry| entry.is_dir) {
            return Err(Obstacle::Ever(format!("a directory of nobody's is in it: {}", folder.name)));
        }
        let (mark, rest): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.name == DONE);
        for entry in rest.into_iter().chain(mark) {
            self.disk.remove(&path.join(&entry.name))?;
        }
        self.disk.remove_dir(path)?;
        if let Some(parent) = path.parent() {
            self.disk.sync_dir(parent)?;
        }
        Ok(())
    }
}
