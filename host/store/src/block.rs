//! One block of the bucket, opened on demand.

use crate::range::ObjectRange;
use crate::store::{CachedBloom, Shared};
use crate::{StoreError, layout};
use cadenza_block::bloom;
use cadenza_block::meta::BlockMeta;
use cadenza_block::read::BlockReader;
use cadenza_model::{TenantId, TraceId};
use object_store::ObjectStoreExt;
use std::sync::{Arc, OnceLock};

/// A block that exists: its meta is known, everything else is read when asked for.
#[derive(Debug)]
pub struct StoredBlock {
    meta: Arc<BlockMeta>,
    pub(crate) tenant: TenantId,
    pub(crate) shared: Arc<Shared>,
    /// Its meta comes from an index that lacks our fields.
    provisional: bool,
    reader: OnceLock<Arc<BlockReader>>,
}

impl StoredBlock {
    pub(crate) fn new(
        tenant: TenantId,
        meta: Arc<BlockMeta>,
        shared: Arc<Shared>,
        provisional: bool,
    ) -> Self {
        Self { meta, tenant, shared, provisional, reader: OnceLock::new() }
    }

    pub(crate) fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// The block's description.
    pub fn meta(&self) -> &Arc<BlockMeta> {
        &self.meta
    }

    /// The last nanosecond that its traces may touch: a meta may round to seconds.
    pub fn end_ns(&self) -> u64 {
        self.meta.end_time.ns().saturating_add(999_999_999)
    }

    /// The reader of its data; opened once. Blocks the thread: call it off the async workers.
    ///
    /// # Errors
    /// When the data cannot be reached or is not a block. A failed opening is tried again next time.
    pub fn reader(&self) -> Result<Arc<BlockReader>, StoreError> {
        if let Some(reader) = self.reader.get() {
            return Ok(Arc::clone(reader));
        }
        let source = ObjectRange {
            store: Arc::clone(&self.shared.objects),
            path: layout::object(&self.tenant, self.meta.block_id, layout::DATA),
            runtime: self.shared.runtime.clone(),
        };
        let opened =
            BlockReader::open(Arc::clone(&self.meta), Arc::new(source), &self.shared.block_cache).map_err(
                |error| StoreError::Corrupt { block_id: self.meta.block_id, reason: error.to_string() },
            )?;
        Ok(Arc::clone(self.reader.get_or_init(|| Arc::new(opened))))
    }

    /// False when the trace is certainly not in the block. Blocks the thread like [`Self::reader`].
    ///
    /// # Errors
    /// When the filter cannot be reached or is damaged.
    pub fn may_contain(&self, trace_id: &TraceId) -> Result<bool, StoreError> {
        let number = bloom::shard_of(trace_id, self.meta.bloom_shards());
        let key = (self.meta.block_id, number);
        if let Some(cached) = self.shared.blooms.get(&key) {
            return Ok(cached.shard.may_contain(trace_id));
        }
        let path = layout::bloom(&self.tenant, self.meta.block_id, number as usize);
        let objects = &self.shared.objects;
        let object = self
            .shared
            .runtime
            .block_on(async { objects.get(&path).await?.bytes().await })
            .map_err(|error| StoreError::object(&path, error))?;
        let bytes = object.len() as u64;
        let shard = bloom::Shard::parse(object).map_err(|error| StoreError::Corrupt {
            block_id: self.meta.block_id,
            reason: error.to_string(),
        })?;
        let cached = Arc::new(CachedBloom { shard, bytes });
        self.shared.blooms.insert(key, Arc::clone(&cached));
        Ok(cached.shard.may_contain(trace_id))
    }
}
