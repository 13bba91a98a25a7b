//! Retention: blocks past their age are marked, marked ones are deleted after a while.

use crate::blocklist::Change;
use crate::compact::{CompactionConfig, TenantCompaction, TenantSettings};
use crate::store::Store;
use crate::{StoreError, layout};
use cadenza_model::TenantId;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::time::Duration;
use uuid::Uuid;

/// Objects of a block that a compactor of ours began and never finished are rubbish after this: no job runs
/// nearly as long.
const UNFINISHED_S: u64 = 24 * 3600;

/// What a run of retention did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RetentionReport {
    /// Blocks marked because of their age.
    pub marked: usize,
    /// Blocks whose objects were deleted.
    pub deleted: usize,
    /// Blocks that could not be marked or deleted; tried again next time.
    pub failed: usize,
    /// Blocks past the default retention that stay, because Tempo had a hand in them and nobody has written a
    /// retention down.
    pub spared: usize,
    /// True if Tempo's scheduler is at work on this bucket, and ours stood down.
    pub stood_down: bool,
}

impl Store {
    /// Marks blocks that ended before the retention, deletes those that have been marked long enough.
    ///
    /// # Errors
    /// When the store cannot say whether Tempo's scheduler is at work.
    pub async fn retain(
        &self,
        config: &CompactionConfig,
        settings: &dyn TenantSettings,
    ) -> Result<RetentionReport, StoreError> {
        let started = self.env.clock.monotonic();
        let mut report = RetentionReport::default();
        if self.scheduler_is_at_work().await? {
            report.stood_down = true;
            return Ok(report);
        }
        for tenant in self.tenants() {
            let own = settings.compaction(&tenant);
            // As Tempo: who switches compaction off for a tenant keeps its blocks.
            if !own.disabled {
                self.retain_tenant(&tenant, &own, config.dry_run, &mut report).await;
            }
        }
        let took = self.env.clock.monotonic() - started;
        self.metrics.retention_duration_seconds.observe(took.as_secs_f64());
        Ok(report)
    }

    async fn retain_tenant(
        &self,
        tenant: &TenantId,
        own: &TenantCompaction,
        dry_run: bool,
        report: &mut RetentionReport,
    ) {
        let now_s = self.env.clock.unix_seconds();
        let listed = self.blocklist.listed(tenant);
        for block in &listed.live {
            let meta = block.meta();
            let old = is_older(meta.end_time.ns() / 1_000_000_000, own.retention, now_s);
            if !old {
                continue;
            }
            if !meta.is_ours && !own.retention_explicit {
                report.spared += 1;
                continue;
            }
            if dry_run {
                tracing::info!(%tenant, block_id = %meta.block_id, "would mark: it is past its retention");
                continue;
            }
            match self.mark_compacted(tenant, meta.block_id).await {
                Ok(change) => {
                    self.changed(tenant, vec![change]);
                    self.metrics.retention_marked.inc();
                    report.marked += 1;
                }
                Err(error) => self.retention_failed(tenant, meta.block_id, &error, report),
            }
        }
        for compacted in &listed.compacted {
            let meta = compacted.block.meta();
            if !is_older(compacted.compacted_s, own.compacted_retention, now_s) {
                continue;
            }
            if !meta.is_ours && !own.retention_explicit {
                report.spared += 1;
                continue;
            }
            if dry_run {
                tracing::info!(%tenant, block_id = %meta.block_id, "would delete: it has been compacted");
                continue;
            }
            self.delete_and_count(tenant, meta.block_id, report).await;
        }
        if let Err(error) = self.collect_unfinished(tenant, dry_run, now_s, report).await {
            tracing::error!(%tenant, %error, "unfinished blocks could not be looked for");
            self.metrics.retention_errors.inc();
        }
    }

    /// Objects of outputs that were never finished, and markers of those that were.
    async fn collect_unfinished(
        &self,
        tenant: &TenantId,
        dry_run: bool,
        now_s: u64,
        report: &mut RetentionReport,
    ) -> Result<(), StoreError> {
        for (id, directory) in self.list_blocks(tenant).await? {
            if !directory.unfinished {
                continue;
            }
            let exists = directory.live || directory.compacted_s.is_some();
            if !exists && !is_older(directory.changed_s, Duration::from_secs(UNFINISHED_S), now_s) {
                continue;
            }
            if dry_run {
                tracing::info!(%tenant, block_id = %id, "would delete what is left of an unfinished block");
            } else if exists {
                let marker = layout::object(tenant, id, layout::UNFINISHED);
                let gone = self.shared.objects.delete(&marker).await;
                gone.map_err(|error| StoreError::object(&marker, error))?;
            } else {
                self.delete_and_count(tenant, id, report).await;
            }
        }
        Ok(())
    }

    async fn delete_and_count(&self, tenant: &TenantId, id: Uuid, report: &mut RetentionReport) {
        match self.delete_block(tenant, id).await {
            Ok(()) => {
                self.changed(tenant, vec![Change::Deleted(id)]);
                self.shared.block_cache.forget(id);
                self.metrics.retention_deleted.inc();
                report.deleted += 1;
            }
            Err(error) => self.retention_failed(tenant, id, &error, report),
        }
    }

    fn retention_failed(
        &self,
        tenant: &TenantId,
        id: Uuid,
        error: &StoreError,
        report: &mut RetentionReport,
    ) {
        tracing::error!(%tenant, block_id = %id, %error, "retention failed for a block and tries again");
        self.metrics.retention_errors.inc();
        report.failed += 1;
    }

    /// Deletes all objects of a block, what says that it is compacted or unfinished last: a delete that is
    /// cut short is found again.
    async fn delete_block(&self, tenant: &TenantId, id: Uuid) -> Result<(), StoreError> {
        let prefix = layout::block(tenant, id);
        let objects = &self.shared.objects;
        let listed = objects.list(Some(&prefix)).map_ok(|object| object.location);
        let paths: Vec<Path> =
            listed.try_collect().await.map_err(|error| StoreError::object(&prefix, error))?;
        let is_last =
            |path: &Path| matches!(path.filename(), Some(layout::META_COMPACTED | layout::UNFINISHED));
        let (last, first): (Vec<Path>, Vec<Path>) = paths.into_iter().partition(is_last);
        for paths in [first, last] {
            let stream = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
            let mut deleted = objects.delete_stream(stream);
            while let Some(result) = deleted.next().await {
                match result {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(StoreError::object(&prefix, error)),
                }
            }
        }
        Ok(())
    }
}

/// Zero keeps for ever.
fn is_older(then_s: u64, age: Duration, now_s: u64) -> bool {
    !age.is_zero() && then_s.saturating_add(age.as_secs()) < now_s
}
