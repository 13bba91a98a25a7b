//! The object store: which one, and what is stacked around it. The only place that stacks.

use anyhow::{Context, Result};
use cadenza_config::Storage;
use cadenza_env::{Disk, Env};
use cadenza_store::decorate::{Counting, ReadOnly};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::Path;
use std::sync::Arc;

/// From the inside out: the store itself, what counts its requests, what keeps it from being changed.
pub(super) fn stack(
    env: &Env,
    storage: &Storage,
    metrics: &cadenza_store::Metrics,
) -> Result<Arc<dyn ObjectStore>> {
    let store = local(env, &storage.local_path)?;
    let counted = Arc::new(Counting::new(store, metrics.clone(), Arc::clone(&env.clock)));
    Ok(if storage.read_only { Arc::new(ReadOnly::new(counted)) } else { counted })
}

/// The local backend: files appear whole or not at all, and are synced before a write is answered.
fn local(env: &Env, path: &Path) -> Result<Arc<dyn ObjectStore>> {
    let disk: &dyn Disk = env.disk.as_ref();
    disk.create_dir_all(path)
        .with_context(|| format!("cannot make the block directory {}", path.display()))?;
    let objects = LocalFileSystem::new_with_prefix(path);
    let objects = objects.with_context(|| format!("cannot use the block directory {}", path.display()))?;
    // A block that is deleted takes its directory with it, as Tempo does on a disk.
    Ok(Arc::new(objects.with_fsync(true).with_automatic_cleanup(true)))
}
