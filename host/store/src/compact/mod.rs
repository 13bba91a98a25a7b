//! Compaction: several blocks of a tenant become one.
//!
//! The output's id follows from the inputs, and its meta lists them: whoever sees an output hides its
//! inputs. So a crash at any step leaves either the inputs or the output visible, and the next cycle goes on
//! where the last one stopped: an output that exists is not written again, and inputs that an output hides
//! are marked.

mod claim;
mod select;

pub use select::Selection;

use crate::blocklist::{Change, Listed};
use crate::range::ObjectRange;
use crate::store::Store;
use crate::upload::Upload;
use crate::{StoreError, StoredBlock, layout};
use cadenza_block::merge::{Input, MergeOptions, Merged, merge};
use cadenza_block::meta::BlockMeta;
use cadenza_block::schema::Version;
use cadenza_model::TenantId;
use object_store::ObjectStoreExt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Block ids of compaction are UUIDs of version 5 in this namespace, over the ids of the inputs.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b6e_2f0a_9d1c_5e44_a2f3_8c70_51d9_e6b8);
/// A job list of Tempo's scheduler younger than this means that one runs: it writes every minute.
const SCHEDULER_FRESH_S: u64 = 5 * 60;

/// Settings of compaction and retention that hold for all tenants.
#[derive(Debug, Clone)]
pub struct CompactionConfig {
    /// Names this process in claims.
    pub owner: String,
    /// What belongs together.
    pub selection: Selection,
    /// How outputs are written.
    pub bloom_false_positive: f64,
    /// Tempo's `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: u32,
    /// Tempo's `parquet_row_group_size_bytes`.
    pub row_group_bytes_max: usize,
    /// `max_time_per_tenant`: a cycle starts no job of a tenant after this.
    pub tenant_time_max: Duration,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
}

/// A tenant's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantCompaction {
    /// `compaction_window`.
    pub window: Duration,
    /// `compaction_disabled`.
    pub disabled: bool,
    /// `block_retention`; zero keeps blocks for ever.
    pub retention: Duration,
    /// True if somebody wrote that number down, for this tenant or for all. The default deletes no block
    /// that Tempo had a hand in.
    pub retention_explicit: bool,
    /// `compacted_block_retention`.
    pub compacted_retention: Duration,
}

/// Where a tenant's settings come from.
pub trait TenantSettings: Send + Sync {
    /// As they are now.
    fn compaction(&self, tenant: &TenantId) -> TenantCompaction;
}

/// What a cycle did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CycleReport {
    /// Blocks written.
    pub outputs: usize,
    /// Blocks marked as compacted.
    pub inputs: usize,
    /// Jobs that failed; their blocks stay as they are.
    pub failed: usize,
    /// True if Tempo's scheduler is at work on this bucket, and ours stood down.
    pub stood_down: bool,
}

impl Store {
    /// Compacts what there is to compact, one job after the other, the tenants with the largest backlog
    /// first.
    ///
    /// # Errors
    /// When the store cannot say whether Tempo's scheduler is at work.
    pub async fn compact(
        &self,
        config: &CompactionConfig,
        settings: &dyn TenantSettings,
    ) -> Result<CycleReport, StoreError> {
        let mut report = CycleReport::default();
        if self.scheduler_is_at_work().await? {
            report.stood_down = true;
            return Ok(report);
        }
        let mut tenants = Vec::new();
        for tenant in self.tenants() {
            let own = settings.compaction(&tenant);
            if own.disabled {
                continue;
            }
            let listed = self.blocklist.listed(&tenant);
            let jobs = self.jobs(&listed, config, &own);
            let outstanding: usize = jobs.iter().map(Vec::len).sum();
            let gauge = &self.metrics.compaction_outstanding_blocks;
            gauge.with_label_values(&[tenant.as_str()]).set(outstanding as i64);
            let hidden = listed.replaced();
            if outstanding > 0 || listed.live.iter().any(|block| hidden.contains(&block.meta().block_id)) {
                tenants.push((listed.live.len() + outstanding, tenant));
            }
        }
        tenants.sort_by(|a, b| b.cmp(a));
        for (_, tenant) in tenants {
            self.compact_tenant(&tenant, config, settings, &mut report).await;
        }
        Ok(report)
    }

    async fn compact_tenant(
        &self,
        tenant: &TenantId,
        config: &CompactionConfig,
        settings: &dyn TenantSettings,
        report: &mut CycleReport,
    ) {
        let started = self.env.clock.monotonic();
        if let Err(error) = self.finish_marking(tenant, config, report).await {
            self.job_failed(tenant, &error, report);
        }
        let mut tried = std::collections::HashSet::new();
        while self.env.clock.monotonic() - started < config.tenant_time_max {
            let own = settings.compaction(tenant);
            let jobs = self.jobs(&self.blocklist.listed(tenant), config, &own);
            let next = jobs.into_iter().find(|job| !own.disabled && !tried.contains(&output_id(job)));
            let Some(job) = next else { return };
            tried.insert(output_id(&job));
            if config.dry_run {
                let inputs: Vec<String> = job.iter().map(|meta| meta.block_id.to_string()).collect();
                tracing::info!(%tenant, inputs = inputs.join(", "), output = %output_id(&job), "would compact");
                continue;
            }
            match self.run(tenant, &job, config).await {
                Ok(true) => {
                    report.outputs += 1;
                    report.inputs += job.len();
                }
                // Somebody else is at it.
                Ok(false) => {}
                Err(error) => {
                    self.look_for_damage(tenant, &job, &error).await;
                    self.job_failed(tenant, &error, report);
                    // What of it took effect is in the bucket, not in the list.
                    if let Err(error) = self.relist(tenant).await {
                        tracing::warn!(%tenant, %error, "polling after a failed compaction failed, too");
                    }
                }
            }
        }
    }

    /// Puts the block apart that made a job fail: the others must not wait for it for ever.
    async fn look_for_damage(&self, tenant: &TenantId, job: &[Arc<BlockMeta>], error: &StoreError) {
        let now_s = self.env.clock.unix_seconds();
        if let Some(id) = error.damaged_block() {
            self.quarantine.add(tenant, id, &error.to_string(), now_s);
            return;
        }
        for meta in job {
            // A store answers a range beyond the end with an error like any other.
            let path = layout::object(tenant, meta.block_id, layout::DATA);
            let reason = match self.shared.objects.head(&path).await {
                Ok(found) if found.size == meta.size => continue,
                Ok(found) => format!("data.parquet has {} bytes, meta.json says {}", found.size, meta.size),
                Err(object_store::Error::NotFound { .. }) => "data.parquet is missing".to_owned(),
                Err(_) => continue,
            };
            self.quarantine.add(tenant, meta.block_id, &reason, now_s);
        }
    }

    fn job_failed(&self, tenant: &TenantId, error: &StoreError, report: &mut CycleReport) {
        tracing::error!(%tenant, %error, "compaction failed, the blocks stay as they are");
        self.metrics.compaction_errors.inc();
        report.failed += 1;
    }

    fn jobs(
        &self,
        listed: &Listed,
        config: &CompactionConfig,
        own: &TenantCompaction,
    ) -> Vec<Vec<Arc<BlockMeta>>> {
        let hidden = listed.replaced();
        let metas: Vec<Arc<BlockMeta>> = listed
            .live
            .iter()
            .map(|block| block.meta())
            .filter(|meta| Version::parse(&meta.format).is_ok() && !hidden.contains(&meta.block_id))
            .filter(|meta| !self.quarantine.holds(meta.block_id))
            .cloned()
            .collect();
        let window_s = if own.window.is_zero() { config.selection.window_s } else { own.window.as_secs() };
        let selection = Selection { window_s, ..config.selection.clone() };
        select::select(&metas, &selection, self.env.clock.unix_seconds())
    }

    /// True while Tempo's scheduler keeps its job list fresh: two that share a bucket must not both compact.
    pub(crate) async fn scheduler_is_at_work(&self) -> Result<bool, StoreError> {
        let path = object_store::path::Path::from(layout::SCHEDULER_JOBS);
        match self.shared.objects.head(&path).await {
            Ok(found) => {
                let written_s = u64::try_from(found.last_modified.timestamp()).unwrap_or(0);
                Ok(self.env.clock.unix_seconds().saturating_sub(written_s) < SCHEDULER_FRESH_S)
            }
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::object(&path, error)),
        }
    }

    /// Marks what outputs replace: a crash, or another reader of ours, may have been in between.
    async fn finish_marking(
        &self,
        tenant: &TenantId,
        config: &CompactionConfig,
        report: &mut CycleReport,
    ) -> Result<(), StoreError> {
        let listed = self.blocklist.listed(tenant);
        let hidden = listed.replaced();
        for block in &listed.live {
            let id = block.meta().block_id;
            if !hidden.contains(&id) {
                continue;
            }
            if config.dry_run {
                tracing::info!(%tenant, block_id = %id, "would mark as compacted: another block replaces it");
                continue;
            }
            let change = self.mark_compacted(tenant, id).await?;
            self.changed(tenant, vec![change]);
            report.inputs += 1;
        }
        Ok(())
    }

    /// One job. False: not ours to do now.
    async fn run(
        &self,
        tenant: &TenantId,
        inputs: &[Arc<BlockMeta>],
        config: &CompactionConfig,
    ) -> Result<bool, StoreError> {
        let ids: Vec<Uuid> = inputs.iter().map(|meta| meta.block_id).collect();
        for id in &ids {
            // The list may be some minutes old: another compactor may have been faster.
            if !self.is_there(tenant, *id, layout::META).await?
                || self.is_there(tenant, *id, layout::NO_COMPACT).await?
            {
                return Ok(false);
            }
        }
        if !self.claim(tenant, &ids, &config.owner).await? {
            return Ok(false);
        }
        let done = self.run_claimed(tenant, inputs, config).await;
        if done.is_err() {
            self.release(tenant, &ids).await;
        }
        done.map(|()| true)
    }

    async fn run_claimed(
        &self,
        tenant: &TenantId,
        inputs: &[Arc<BlockMeta>],
        config: &CompactionConfig,
    ) -> Result<(), StoreError> {
        let output = output_id(inputs);
        let mut changes = Vec::new();
        if self.is_there(tenant, output, layout::META).await? {
            self.adopt(tenant, output).await?;
        } else if self.is_there(tenant, output, layout::META_COMPACTED).await? {
            // Others have been here and further. What they made must be listed before this is hidden.
            self.relist(tenant).await?;
            return Ok(());
        } else {
            changes.push(Change::Added(self.write(tenant, inputs, output, config).await?));
        }
        let level = inputs.iter().map(|meta| meta.compaction_level).max().unwrap_or(0).to_string();
        for meta in inputs {
            changes.push(self.mark_compacted(tenant, meta.block_id).await?);
            self.metrics.compaction_blocks.with_label_values(&[&level]).inc();
            self.metrics.blocks_compacted.inc();
        }
        self.changed(tenant, changes);
        Ok(())
    }

    /// Writes the output, its meta last.
    async fn write(
        &self,
        tenant: &TenantId,
        inputs: &[Arc<BlockMeta>],
        output: Uuid,
        config: &CompactionConfig,
    ) -> Result<Arc<StoredBlock>, StoreError> {
        let marker = layout::object(tenant, output, layout::UNFINISHED);
        self.put(marker.clone(), bytes::Bytes::new()).await?;
        let options = MergeOptions {
            bloom_false_positive: config.bloom_false_positive,
            bloom_shard_bytes: config.bloom_shard_bytes,
            row_group_bytes_max: config.row_group_bytes_max,
            ..MergeOptions::new(output, tenant.clone())
        };
        let sources = inputs.iter().map(|meta| Input {
            meta: Arc::clone(meta),
            data: Arc::new(ObjectRange {
                store: Arc::clone(&self.shared.objects),
                path: layout::object(tenant, meta.block_id, layout::DATA),
                runtime: self.shared.runtime.clone(),
            }),
        });
        let sources: Vec<Input> = sources.collect();
        let bytes = inputs.iter().map(|meta| meta.size).sum();
        let path = layout::object(tenant, output, layout::DATA);
        let mut upload = Upload::new(
            Arc::clone(&self.shared.objects),
            path,
            self.shared.runtime.clone(),
            bytes,
            self.config.part_bytes,
        );
        let work = move || -> Result<Merged, StoreError> {
            let merged = merge(sources, &options, &mut upload)
                .map_err(|source| StoreError::Merge { output, source })?;
            upload.finish()?;
            Ok(merged)
        };
        let merged = self.env.spawn.blocking("compaction", work).await;
        let merged = merged.ok_or_else(|| StoreError::Corrupt {
            block_id: output,
            reason: "the merge panicked; the log says where".to_owned(),
        })??;
        let level = (merged.meta.compaction_level - 1).to_string();
        self.metrics.count_merge(&level, &merged);
        let block = self.put_sidecars(tenant, merged.meta, merged.blooms, merged.index).await?;
        // The block exists: what is left of this only hides the marker.
        if let Err(error) = self.shared.objects.delete(&marker).await {
            tracing::warn!(%tenant, block_id = %output, %error, "the marker of an unfinished block is left over");
        }
        Ok(block)
    }

    /// Replaces `meta.json` by `meta.compacted.json`, copy first. The time of the mark is the store's.
    pub(crate) async fn mark_compacted(&self, tenant: &TenantId, id: Uuid) -> Result<Change, StoreError> {
        let from = layout::object(tenant, id, layout::META);
        let to = layout::object(tenant, id, layout::META_COMPACTED);
        let objects = &self.shared.objects;
        // Not a copy of the store's: a local one is a second link to the file, with the time of the first.
        match async { objects.get(&from).await?.bytes().await }.await {
            Ok(meta) => self.put(to, meta).await?,
            // Marked before: by a cycle that did not get further, or by another compactor.
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(StoreError::object(&from, error)),
        }
        match objects.delete(&from).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(StoreError::object(&from, error)),
        }
        Ok(Change::Compacted(id, self.env.clock.unix_seconds()))
    }

    async fn is_there(&self, tenant: &TenantId, id: Uuid, name: &str) -> Result<bool, StoreError> {
        let path = layout::object(tenant, id, name);
        match self.shared.objects.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::object(&path, error)),
        }
    }
}

/// The id of what these blocks become, whoever merges them and however often.
fn output_id(inputs: &[Arc<BlockMeta>]) -> Uuid {
    let mut ids: Vec<Uuid> = inputs.iter().map(|meta| meta.block_id).collect();
    ids.sort();
    let name: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    Uuid::new_v5(&NAMESPACE, &name)
}
