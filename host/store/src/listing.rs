//! A tenant's blocks as a listing of the bucket has them.
//!
//! The meta of a block already known is not read again. Where many are unknown, as after a start, the tenant
//! index is asked first: metas never change.

use crate::blocklist::{CompactedBlock, Listed};
use crate::layout::{self, META, META_COMPACTED, UNFINISHED};
use crate::store::Store;
use crate::{StoreError, StoredBlock};
use cadenza_block::meta::BlockMeta;
use cadenza_model::TenantId;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// From so many unknown blocks on, reading the index costs less than reading their metas.
const INDEX_WORTH_BLOCKS: usize = 32;

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

impl Directory {
    fn exists(&self) -> bool {
        self.live || self.compacted_s.is_some()
    }
}

impl Store {
    /// Both lists, and the number of blocks that had to be left out.
    pub(crate) async fn list_tenant(&self, tenant: &TenantId) -> Result<(Listed, usize), StoreError> {
        let directories = self.list_blocks(tenant).await?;
        let mut known = self.known(tenant);
        let is_first = known.is_empty();
        // What an index of Tempo's told lacks our fields; by now there is time to read the metas themselves.
        known.retain(|_, block| !block.is_provisional());
        let unknown = directories.iter().filter(|(id, found)| found.exists() && !known.contains_key(id));
        if unknown.count() >= INDEX_WORTH_BLOCKS {
            self.learn_from_index(tenant, &mut known, is_first).await;
        }
        let wanted = directories.into_iter().filter(|(_, found)| found.exists());
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
        Ok((found, bad))
    }

    /// Blocks of the lists there are.
    pub(crate) fn known(&self, tenant: &TenantId) -> HashMap<Uuid, Arc<StoredBlock>> {
        let before = self.blocklist.listed(tenant);
        let compacted = before.compacted.into_iter().map(|compacted| compacted.block);
        before.live.into_iter().chain(compacted).map(|block| (block.meta().block_id, block)).collect()
    }

    async fn learn_from_index(
        &self,
        tenant: &TenantId,
        known: &mut HashMap<Uuid, Arc<StoredBlock>>,
        is_first: bool,
    ) {
        match self.read_index(tenant).await {
            // Once the blocks of an index of Tempo's are known, their metas are read one by one.
            Ok(Some(index)) if index.is_ours || is_first => {
                let compacted = index.compacted.into_iter().map(|(meta, _)| meta);
                for meta in index.live.into_iter().chain(compacted) {
                    let id = meta.block_id;
                    known.entry(id).or_insert_with(|| self.stored_from_index(tenant, meta, index.is_ours));
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%tenant, %error, "the tenant index cannot be read; each block's meta is");
                self.metrics.index_errors.with_label_values(&[tenant.as_str()]).inc();
            }
        }
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
