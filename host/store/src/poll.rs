//! Learning which blocks are in the bucket.
//!
//! A tenant is listed once per poll; the meta of a block already known is not read again. A tenant that
//! fails keeps its old list.

use crate::layout::{self, META, META_COMPACTED};
use crate::store::Store;
use crate::{StoreError, StoredBlock};
use cadenza_block::meta::BlockMeta;
use cadenza_model::TenantId;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// What one poll found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PollReport {
    /// Tenants listed.
    pub tenants: usize,
    /// Live blocks of all tenants.
    pub blocks: usize,
    /// Tenants whose listing failed and whose old list stays.
    pub failed_tenants: usize,
    /// Blocks left out because their meta could not be read or understood.
    pub bad_blocks: usize,
}

impl Store {
    /// Lists the bucket and replaces the block lists.
    ///
    /// # Errors
    /// When not even the tenants can be listed. A failing tenant is counted in the report instead.
    pub async fn poll(&self) -> Result<PollReport, StoreError> {
        let started = self.env.clock.monotonic();
        let mut report = PollReport::default();
        let mut tenants: HashSet<TenantId> = self.list_tenants().await?.into_iter().collect();
        tenants.extend(self.blocklist.tenants());
        for tenant in tenants {
            report.tenants += 1;
            match self.poll_tenant(&tenant).await {
                Ok((blocks, bad)) => {
                    report.blocks += blocks;
                    report.bad_blocks += bad;
                }
                Err(error) => {
                    tracing::warn!(%tenant, %error, "polling the bucket failed, the old block list stays");
                    self.metrics.poll_errors.inc();
                    report.failed_tenants += 1;
                }
            }
        }
        self.metrics.poll_duration_seconds.observe((self.env.clock.monotonic() - started).as_secs_f64());
        Ok(report)
    }

    async fn list_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let root = object_store::path::Path::default();
        let listed = self.shared.objects.list_with_delimiter(None).await;
        let listed = listed.map_err(|error| StoreError::object(&root, error))?;
        // Any other first-level prefix is not ours to judge: Tempo ignores it the same way.
        Ok(listed.common_prefixes.iter().filter_map(|path| TenantId::parse(path.filename()?).ok()).collect())
    }

    async fn poll_tenant(&self, tenant: &TenantId) -> Result<(usize, usize), StoreError> {
        let before: HashMap<Uuid, Arc<StoredBlock>> =
            self.blocks(tenant).iter().map(|block| (block.meta().block_id, Arc::clone(block))).collect();
        let (live, compacted) = self.list_blocks(tenant).await?;
        let wanted = live.into_iter().filter(|id| !compacted.contains(id));
        let loaded: Vec<Option<Arc<StoredBlock>>> = stream::iter(wanted)
            .map(|id| {
                let known = before.get(&id).cloned();
                async move {
                    match known {
                        Some(block) => Ok(Some(block)),
                        None => self.load(tenant, id).await,
                    }
                }
            })
            .buffer_unordered(self.config.poll_concurrency_max)
            .try_collect()
            .await?;
        let bad = loaded.iter().filter(|block| block.is_none()).count();
        let found: Vec<_> = loaded.into_iter().flatten().collect();
        let current = self.blocks(tenant);
        let added_since: HashSet<Uuid> =
            current.iter().map(|b| b.meta().block_id).filter(|id| !before.contains_key(id)).collect();
        let length = self.blocklist.replace(tenant, found, &added_since);
        self.metrics.blocklist_length.with_label_values(&[tenant.as_str()]).set(length as i64);
        Ok((length, bad))
    }

    async fn list_blocks(&self, tenant: &TenantId) -> Result<(HashSet<Uuid>, HashSet<Uuid>), StoreError> {
        let prefix = layout::tenant(tenant);
        let (mut live, mut compacted) = (HashSet::new(), HashSet::new());
        let mut objects = self.shared.objects.list(Some(&prefix));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| StoreError::object(&prefix, error))?;
            match layout::parse_block_object(&object.location) {
                Some((id, META)) => drop(live.insert(id)),
                Some((id, META_COMPACTED)) => drop(compacted.insert(id)),
                _ => {}
            }
        }
        Ok((live, compacted))
    }

    /// `None`: the block vanished meanwhile or its meta is unusable; only that block is hurt.
    async fn load(&self, tenant: &TenantId, id: Uuid) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        let path = layout::object(tenant, id, META);
        let read = async { self.shared.objects.get(&path).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(StoreError::object(&path, error)),
        };
        match BlockMeta::parse(&bytes) {
            Ok(meta) if meta.block_id == id => Ok(Some(self.stored(tenant, Arc::new(meta)))),
            Ok(meta) => {
                tracing::error!(%tenant, block_id = %id, names = %meta.block_id, "meta.json names another block");
                Ok(None)
            }
            Err(error) => {
                tracing::error!(%tenant, block_id = %id, %error, "meta.json is unusable, the block is left out");
                Ok(None)
            }
        }
    }
}
