//! A folder of this machine.

use crate::ObjectsError;
use cadenza_env::Disk;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::PathBuf;
use std::sync::Arc;

/// `storage.trace.local`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `path`: made when it is missing.
    pub path: PathBuf,
}

/// Files appear whole or not at all, and are synced before a write is answered.
pub(crate) fn open(disk: &dyn Disk, config: &Config) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let path = &config.path;
    disk.create_dir_all(path)
        .map_err(|error| ObjectsError::file(path, format!("the block directory cannot be made: {error}")))?;
    let objects = LocalFileSystem::new_with_prefix(path)?;
    // A block that is deleted takes its directory with it, as Tempo does on a disk.
    Ok(Arc::new(objects.with_fsync(true).with_automatic_cleanup(true)))
}
