//! Learning which blocks are in the bucket.
//!
//! A tenant is listed once per poll; the meta of a block already known is not read again. A tenant that
//! fails keeps its old list.

use crate::blocklist::{CompactedBlock, Listed};
use crate::layout::{self, META, META_COMPACTED, UNFINISHED};
use crate::store::Store;
use crate::{StoreError, StoredBlock};
use cadenza_block::meta::BlockMeta;
use cadenza_model::TenantId;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{BTreeMap, HashMap, HashSet};
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

/// What a listing says about one block's directory.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Directory {
    pub(crate) live: bool,
    /// When it was marked as compacted, in seconds since the epoch.
    pub(crate) compacted_s: Option<u64>,
    /// A compactor began to write it and has not tidied up yet.
    pub(crate) unfinished: bool,
    /// Last change of any of its objects, in seconds since the epoch.
    pub(crate) changed_s: u64,
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

    /// Lists one tenant; the numbers of visible and of bad blocks.
    pub(crate) async fn poll_tenant(&self, tenant: &TenantId) -> Result<(usize, usize), StoreError> {
        let mark = self.blocklist.mark();
        let before = self.blocklist.listed(tenant);
        let compacted = before.compacted.into_iter().map(|compacted| compacted.block);
        let known: HashMap<Uuid, Arc<StoredBlock>> =
            before.live.into_iter().chain(compacted).map(|block| (block.meta().block_id, block)).collect();
        let directories = self.list_blocks(tenant).await?;
        let wanted = directories.into_iter().filter(|(_, found)| found.live || found.compacted_s.is_some());
        let loaded: Vec<(Option<u64>, Option<Arc<StoredBlock>>)> = stream::iter(wanted)
            .map(|(id, directory)| {
                let known = known.get(&id).cloned();
                async move {
                    let block = match known {
                        Some(block) => Some(block),
                        None => self.load(tenant, id, directory.compacted_s.is_some()).await?,
                    };
                    Ok((directory.compacted_s, block))
                }
            })
            .buffer_unordered(self.config.poll_concurrency_max)
            .try_collect()
            .await?;
        let mut found = Listed::default();
        let mut bad = 0;
        for (compacted_s, block) in loaded {
            match (compacted_s, block) {
                (None, Some(block)) => found.live.push(block),
                (Some(compacted_s), Some(block)) => {
                    found.compacted.push(CompactedBlock { block, compacted_s })
                }
                (None, None) => bad += 1,
                (Some(_), None) => {}
            }
        }
        self.metrics.inventory(tenant, &found);
        let length = self.blocklist.replace(tenant, found, mark);
        self.metrics.blocklist_length.with_label_values(&[tenant.as_str()]).set(length as i64);
        Ok((length, bad))
    }

    /// Every block directory of a tenant, whatever is in it.
    pub(crate) async fn list_blocks(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<Uuid, Directory>, StoreError> {
        let prefix = layout::tenant(tenant);
        let mut out = BTreeMap::<Uuid, Directory>::new();
        let mut objects = self.shared.objects.list(Some(&prefix));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| StoreError::object(&prefix, error))?;
            let Some((id, name)) = layout::parse_block_object(&object.location) else { continue };
            let directory = out.entry(id).or_default();
            let changed_s = u64::try_from(object.last_modified.timestamp()).unwrap_or(0);
            directory.changed_s = directory.changed_s.max(changed_s);
            match name {
                META => directory.live = true,
                META_COMPACTED => directory.compacted_s = Some(changed_s),
                UNFINISHED => directory.unfinished = true,
                _ => {}
            }
        }
        Ok(out)
    }

    /// `None`: the block vanished meanwhile or its meta is unusable; only that block is hurt.
    async fn load(
        &self,
        tenant: &TenantId,
        id: Uuid,
        compacted: bool,
    ) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        let path = layout::object(tenant, id, if compacted { META_COMPACTED } else { META });
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
