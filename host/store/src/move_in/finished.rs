//! A finished block that waits for its upload: its objects are those of the bucket.

use super::{DONE, META, Moving, Obstacle, Outcome};
use crate::layout;
use crate::upload::Upload;
use cadenza_block::meta::{BlockMeta, META_BYTES_MAX};
use cadenza_env::DiskFile;
use cadenza_model::TenantId;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Written once the block is uploaded.
const FLUSHED: &str = "flushed";
const BLOOM: &str = "bloom-";
/// Copied at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Bloom objects and indexes are shorter.
const SIDECAR_BYTES_MAX: u64 = 256 << 20;

impl Moving {
    pub(super) fn finished(
        &self,
        tenant: &TenantId,
        block_id: Uuid,
        path: &Path,
    ) -> Result<Outcome, Obstacle> {
        if self.has(path, DONE)? {
            self.remove(path)?;
            return Ok(Outcome::Removed);
        }
        self.must_rest(path)?;
        if self.exists(tenant, block_id)? {
            self.finish(path)?;
            return Ok(Outcome::Removed);
        }
        if self.has(path, FLUSHED)? {
            // In another bucket, or compacted and deleted since: either way it is not ours to decide.
            let reason =
                "it was uploaded, but is not in this bucket: remove it yourself if that is as it should be";
            return Err(Obstacle::Ever(reason.to_owned()));
        }
        let json = self.disk.read_whole(&path.join(META), META_BYTES_MAX as u64);
        let json = json.map_err(|error| Obstacle::Ever(format!("{META}: {error}")))?;
        let meta = BlockMeta::parse(&json).map_err(|error| Obstacle::Ever(error.to_string()))?;
        if meta.block_id != block_id || meta.tenant_id != tenant.as_str() {
            return Err(Obstacle::Ever(format!("{META} is of block {} of another owner", meta.block_id)));
        }
        let data = self.disk.open_to_read(&path.join(layout::DATA));
        let data = data.map_err(|error| Obstacle::Ever(format!("{}: {error}", layout::DATA)))?;
        if data.len()? != meta.size {
            let reason = format!("{} has {} bytes, {META} says {}", layout::DATA, data.len()?, meta.size);
            return Err(Obstacle::Ever(reason));
        }
        let names: Vec<String> = self.disk.list(path)?.into_iter().map(|entry| entry.name).collect();
        for shard in 0..meta.bloom_shards() {
            if !names.contains(&format!("{BLOOM}{shard}")) {
                return Err(Obstacle::Ever(format!("{BLOOM}{shard} is missing")));
            }
        }
        self.copy_data(tenant, block_id, &*data)?;
        for name in names.iter().filter(|name| name.starts_with(BLOOM) || *name == layout::INDEX) {
            let bytes = self.disk.read_whole(&path.join(name), SIDECAR_BYTES_MAX)?;
            self.put(tenant, block_id, name, bytes)?;
        }
        // The meta makes the block exist.
        self.put(tenant, block_id, META, json)?;
        let store = &self.store;
        store.changed(tenant, vec![crate::blocklist::Change::Added(store.stored(tenant, Arc::new(meta)))]);
        self.finish(path)?;
        Ok(Outcome::Moved)
    }

    fn put(&self, tenant: &TenantId, block_id: Uuid, name: &str, bytes: Vec<u8>) -> Result<(), Obstacle> {
        let path = layout::object(tenant, block_id, name);
        Ok(self.store.shared.runtime.block_on(self.store.put(path, bytes.into()))?)
    }

    fn copy_data(&self, tenant: &TenantId, block_id: Uuid, data: &dyn DiskFile) -> Result<(), Obstacle> {
        let (shared, length) = (&self.store.shared, data.len()?);
        let path = layout::object(tenant, block_id, layout::DATA);
        let part_bytes = self.store.config.part_bytes;
        let mut upload =
            Upload::new(Arc::clone(&shared.objects), path, shared.runtime.clone(), length, part_bytes);
        let mut at = 0;
        while at < length {
            let some = usize::try_from(length - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            let mut buffer = vec![0; some];
            data.read_exact_at(&mut buffer, at)?;
            upload.write_all(&buffer)?;
            at += some as u64;
        }
        Ok(upload.finish()?)
    }
}
