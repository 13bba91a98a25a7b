//! Finished cuts become blocks in the store.

use super::map::{BlockSettings, dedicated};
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_config::Overrides;
use cadenza_env::BoxFuture;
use cadenza_ingest::{BlockSink, PreparedBlock};
use cadenza_model::{Columns, TenantId};
use cadenza_store::Store;
use std::sync::Arc;
use uuid::Uuid;

/// Builds with the tenant's settings, stores in the bucket.
pub(super) struct StoreSink {
    store: Arc<Store>,
    settings: BlockSettings,
    overrides: Arc<Overrides>,
}

struct Built {
    store: Arc<Store>,
    tenant: TenantId,
    block: BuiltBlock,
}

impl StoreSink {
    pub(super) fn new(store: Arc<Store>, settings: BlockSettings, overrides: Arc<Overrides>) -> Self {
        Self { store, settings, overrides }
    }

    pub(super) fn built(
        &self,
        tenant: &TenantId,
        block: Uuid,
        spans: &Columns,
    ) -> Result<BuiltBlock, String> {
        let limits = self.overrides.limits(tenant);
        let own = limits.dedicated_columns.as_deref().map(dedicated);
        let mut options = WriteOptions::new(block, tenant.clone());
        options.version = self.settings.version;
        options.bloom_false_positive = self.settings.bloom_false_positive;
        options.bloom_shard_bytes = self.settings.bloom_shard_bytes as u32;
        options.row_group_bytes_max = usize::try_from(self.settings.row_group_bytes).unwrap_or(usize::MAX);
        options.dedicated_columns = own.unwrap_or_else(|| self.settings.dedicated_columns.clone());
        build(spans, &options).map_err(|error| error.to_string())
    }
}

impl BlockSink for StoreSink {
    fn build(
        &self,
        tenant: &TenantId,
        block: Uuid,
        spans: &Columns,
    ) -> Result<Box<dyn PreparedBlock>, String> {
        let block = self.built(tenant, block, spans)?;
        Ok(Box::new(Built { store: Arc::clone(&self.store), tenant: tenant.clone(), block }))
    }

    fn exists<'a>(&'a self, tenant: &'a TenantId, block: Uuid) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move {
            if !self.store.exists(tenant, block).await.map_err(|error| error.to_string())? {
                return Ok(false);
            }
            // It answers for the spans from now on, so it must be listed before the log lets go of them.
            self.store.adopt(tenant, block).await.map_err(|error| error.to_string())?;
            Ok(true)
        })
    }
}

impl PreparedBlock for Built {
    fn bytes(&self) -> u64 {
        self.block.data.len() as u64
    }

    fn put(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // Cheap: the parts are shared bytes.
            self.store.put_block(&self.tenant, self.block.clone()).await.map_err(|error| error.to_string())
        })
    }
}
