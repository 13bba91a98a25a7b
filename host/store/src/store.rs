//! The bucket as the rest of the server sees it.

use crate::blocklist::{Blocklist, Change};
use crate::quarantine::Quarantine;
use crate::{Config, Metrics, StoreError, StoredBlock, layout};
use bytes::Bytes;
use cadenza_block::bloom;
use cadenza_block::meta::BlockMeta;
use cadenza_block::read::Cache;
use cadenza_block::write::BuiltBlock;
use cadenza_env::Env;
use cadenza_model::TenantId;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use tokio::runtime::Handle;
use uuid::Uuid;

/// Weighs a bloom filter by its bits.
#[derive(Debug, Clone)]
pub(crate) struct BloomBytes;

/// One shard of a block's bloom filter, with the bytes it occupies.
#[derive(Debug)]
pub(crate) struct CachedBloom {
    pub(crate) shard: bloom::Shard,
    pub(crate) bytes: u64,
}

impl quick_cache::Weighter<(Uuid, u32), Arc<CachedBloom>> for BloomBytes {
    fn weight(&self, _key: &(Uuid, u32), bloom: &Arc<CachedBloom>) -> u64 {
        bloom.bytes
    }
}

/// What every [`StoredBlock`] needs to reach its bytes.
pub(crate) struct Shared {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) runtime: Handle,
    pub(crate) block_cache: Arc<Cache>,
    pub(crate) blooms: quick_cache::sync::Cache<(Uuid, u32), Arc<CachedBloom>, BloomBytes>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({})", self.objects)
    }
}

/// All blocks of all tenants in one bucket (or directory).
#[derive(Debug)]
pub struct Store {
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) shared: Arc<Shared>,
    pub(crate) blocklist: Blocklist,
    pub(crate) quarantine: Quarantine,
}

impl Store {
    /// Over `objects`, whose root is the configured prefix. Lists nothing yet: see [`Store::poll`].
    pub fn new(
        env: Env,
        config: Config,
        metrics: Metrics,
        objects: Arc<dyn ObjectStore>,
        runtime: Handle,
    ) -> Self {
        // The average weight only sizes the cache's tables.
        const BLOOM_BYTES_TYPICAL: u64 = 100 << 10;
        let items = (config.bloom_cache_bytes_max / BLOOM_BYTES_TYPICAL).max(1) as usize;
        let blooms = quick_cache::sync::Cache::with_weighter(items, config.bloom_cache_bytes_max, BloomBytes);
        let block_cache = Cache::new(config.block_cache_bytes_max as usize);
        let shared = Arc::new(Shared { objects, runtime, block_cache, blooms });
        Self {
            env,
            config,
            metrics,
            shared,
            blocklist: Blocklist::default(),
            quarantine: Quarantine::default(),
        }
    }

    /// The tenant's blocks at this moment, newest end time first.
    pub fn blocks(&self, tenant: &TenantId) -> Arc<[Arc<StoredBlock>]> {
        self.blocklist.snapshot(tenant)
    }

    /// Tenants that have blocks, sorted.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.blocklist.tenants()
    }

    /// Time between two polls.
    pub fn poll_interval(&self) -> std::time::Duration {
        self.config.poll_interval
    }

    /// Writes a block: data, blooms, index, then `meta.json`, which makes it exist. When this returns, the
    /// block is durable and listed. Writing the same block again is harmless.
    ///
    /// # Errors
    /// When an object could not be written; the block then does not exist and the call may be repeated.
    pub async fn put_block(&self, tenant: &TenantId, block: BuiltBlock) -> Result<(), StoreError> {
        let id = block.meta.block_id;
        self.put(layout::object(tenant, id, layout::DATA), block.data).await?;
        let stored = self.put_sidecars(tenant, block.meta, block.blooms, block.index).await?;
        self.changed(tenant, vec![Change::Added(stored)]);
        Ok(())
    }

    /// Writes all of a block but its data, `meta.json` last.
    pub(crate) async fn put_sidecars(
        &self,
        tenant: &TenantId,
        meta: BlockMeta,
        blooms: Vec<Bytes>,
        index: Bytes,
    ) -> Result<Arc<StoredBlock>, StoreError> {
        let id = meta.block_id;
        for (shard, bloom) in blooms.into_iter().enumerate() {
            self.put(layout::bloom(tenant, id, shard), bloom).await?;
        }
        self.put(layout::object(tenant, id, layout::INDEX), index).await?;
        let json = meta
            .to_json()
            .map_err(|error| StoreError::Corrupt { block_id: id, reason: error.to_string() })?;
        self.put(layout::object(tenant, id, layout::META), json.into()).await?;
        Ok(self.stored(tenant, Arc::new(meta)))
    }

    /// True when the block exists or existed: its meta, or the meta of its compacted form, is there.
    ///
    /// # Errors
    /// When the bucket cannot tell.
    pub async fn exists(&self, tenant: &TenantId, block_id: Uuid) -> Result<bool, StoreError> {
        for name in [layout::META, layout::META_COMPACTED] {
            let path = layout::object(tenant, block_id, name);
            match self.shared.objects.head(&path).await {
                Ok(_) => return Ok(true),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::object(&path, error)),
            }
        }
        Ok(false)
    }

    /// Lists a block that is in the bucket already, as after a restart between upload and release.
    ///
    /// # Errors
    /// When its meta cannot be read.
    pub async fn adopt(&self, tenant: &TenantId, block_id: Uuid) -> Result<(), StoreError> {
        let path = layout::object(tenant, block_id, layout::META);
        let read = async { self.shared.objects.get(&path).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            // Compacted meanwhile: whoever did it lists the outcome.
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(StoreError::object(&path, error)),
        };
        let meta = BlockMeta::parse(&bytes)
            .map_err(|error| StoreError::Corrupt { block_id, reason: error.to_string() })?;
        self.changed(tenant, vec![Change::Added(self.stored(tenant, Arc::new(meta)))]);
        Ok(())
    }

    /// Lists what this process has just done to the bucket.
    pub(crate) fn changed(&self, tenant: &TenantId, changes: Vec<Change>) {
        let length = self.blocklist.apply(tenant, changes, self.env.clock.monotonic());
        self.metrics.blocklist_length.with_label_values(&[tenant.as_str()]).set(length as i64);
    }

    pub(crate) fn stored(&self, tenant: &TenantId, meta: Arc<BlockMeta>) -> Arc<StoredBlock> {
        Arc::new(StoredBlock::new(tenant.clone(), meta, Arc::clone(&self.shared), false))
    }

    /// A block whose meta an index told; complete only if one of us wrote that.
    pub(crate) fn stored_from_index(
        &self,
        tenant: &TenantId,
        meta: BlockMeta,
        complete: bool,
    ) -> Arc<StoredBlock> {
        Arc::new(StoredBlock::new(tenant.clone(), Arc::new(meta), Arc::clone(&self.shared), !complete))
    }

    pub(crate) async fn put(&self, path: Path, bytes: Bytes) -> Result<(), StoreError> {
        self.shared
            .objects
            .put(&path, bytes.into())
            .await
            .map_err(|error| StoreError::object(&path, error))?;
        Ok(())
    }
}
