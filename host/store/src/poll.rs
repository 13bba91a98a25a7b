//! Learning which blocks are in the bucket, cycle by cycle.
//!
//! A tenant that fails is tried again, and keeps its old list when that does not help; when too many fail, the
//! store is left in peace until the next cycle.

use crate::blocklist::{CompactedBlock, Listed, Since};
use crate::index::TenantIndex;
use crate::store::Store;
use crate::{StoreError, StoredBlock};
use cadenza_block::meta::BlockMeta;
use cadenza_model::TenantId;
use futures::{StreamExt, stream};
use object_store::ObjectStore;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// What one poll found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PollReport {
    /// Tenants listed.
    pub tenants: usize,
    /// Live blocks of all tenants.
    pub blocks: usize,
    /// Tenants whose listing failed and whose old list stays.
    pub failed_tenants: usize,
    /// Tenants that were not tried because too many others failed.
    pub skipped_tenants: usize,
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
        let mut left = tenants.len();
        let polls = stream::iter(tenants).map(|tenant| async move {
            let outcome = self.poll_patiently(&tenant).await;
            (tenant, outcome)
        });
        let mut polls = polls.buffer_unordered(self.config.poll_tenant_concurrency_max.max(1));
        while let Some((tenant, outcome)) = polls.next().await {
            left -= 1;
            report.tenants += 1;
            match outcome {
                Ok((blocks, bad)) => {
                    report.blocks += blocks;
                    report.bad_blocks += bad;
                }
                Err(error) => {
                    tracing::warn!(%tenant, %error, "polling the bucket failed, the old block list stays");
                    report.failed_tenants += 1;
                    if report.failed_tenants > self.config.poll_failed_tenants_max {
                        report.skipped_tenants = left;
                        break;
                    }
                }
            }
        }
        self.metrics.poll_duration_seconds.observe((self.env.clock.monotonic() - started).as_secs_f64());
        Ok(report)
    }

    /// The tenants that have anything in the bucket.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn list_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let root = object_store::path::Path::default();
        let listed = self.shared.objects.list_with_delimiter(None).await;
        let listed = listed.map_err(|error| StoreError::object(&root, error))?;
        // Any other first-level prefix is not ours to judge: Tempo ignores it the same way.
        Ok(listed.common_prefixes.iter().filter_map(|path| TenantId::parse(path.filename()?).ok()).collect())
    }

    async fn poll_patiently(&self, tenant: &TenantId) -> Result<(usize, usize), StoreError> {
        let jitter_ms = u64::try_from(self.config.poll_jitter_max.as_millis()).unwrap_or(u64::MAX);
        if jitter_ms > 0 {
            self.env.clock.sleep(Duration::from_millis(self.env.random.below(jitter_ms))).await;
        }
        let mut attempt = 1;
        loop {
            match self.poll_tenant(tenant).await {
                Err(error) => {
                    self.metrics.poll_errors.inc();
                    if attempt >= self.config.poll_attempts_max {
                        return Err(error);
                    }
                    tracing::debug!(%tenant, %error, attempt, "polling again");
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// Lists one tenant; the numbers of visible and of bad blocks.
    async fn poll_tenant(&self, tenant: &TenantId) -> Result<(usize, usize), StoreError> {
        let labels = [tenant.as_str()];
        let builds = self.config.writes_index && !self.config.pulls_index;
        self.metrics.index_builder.with_label_values(&labels).set(builds.into());
        if self.config.pulls_index {
            match self.pulled(tenant).await {
                Ok((found, since)) => return Ok((self.publish(tenant, found, since), 0)),
                Err(error) => {
                    self.metrics.index_errors.with_label_values(&labels).inc();
                    if !self.config.index_fallback {
                        return Err(error);
                    }
                    tracing::debug!(%tenant, %error, "the index cannot be gone by, the bucket is listed");
                }
            }
        }
        let listed = self.relist(tenant).await?;
        // As Tempo: who has to list, although others should have built the index, builds it.
        if self.config.writes_index {
            let listed = self.blocklist.listed(tenant);
            match self.write_index(tenant, &listed).await {
                Ok(()) => self.metrics.index_age_seconds.with_label_values(&labels).set(0),
                Err(error) => {
                    tracing::warn!(%tenant, %error, "the tenant index could not be written");
                    self.metrics.index_errors.with_label_values(&labels).inc();
                }
            }
        }
        Ok(listed)
    }

    /// Lists one tenant in the bucket, whatever others may have indexed; the numbers of visible and of bad
    /// blocks.
    pub(crate) async fn relist(&self, tenant: &TenantId) -> Result<(usize, usize), StoreError> {
        let since = Since::Mark(self.blocklist.mark());
        let (found, bad) = self.list_tenant(tenant).await?;
        Ok((self.publish(tenant, found, since), bad))
    }

    fn publish(&self, tenant: &TenantId, found: Listed, since: Since) -> usize {
        self.metrics.inventory(tenant, &found);
        let length = self.blocklist.replace(tenant, found, since);
        self.metrics.blocklist_length.with_label_values(&[tenant.as_str()]).set(length as i64);
        length
    }

    /// The lists as somebody else built them.
    async fn pulled(&self, tenant: &TenantId) -> Result<(Listed, Since), StoreError> {
        let index = self.read_index(tenant).await?;
        let index = index.ok_or_else(|| StoreError::NoIndex { tenant: tenant.to_string() })?;
        let age_s = self.index_age_s(tenant, &index);
        if let Some(max) = self.config.index_age_max
            && age_s > max.as_secs()
        {
            return Err(StoreError::StaleIndex { age_s, max_s: max.as_secs() });
        }
        // The builder may have listed long before it wrote, and its clock may differ from ours by minutes.
        let unseen = Duration::from_secs(age_s) + self.config.poll_interval + CLOCK_SKEW_MAX;
        let since = Since::Moment(self.env.clock.monotonic().saturating_sub(unseen));
        let known = self.known(tenant);
        let block = |meta: BlockMeta| match known.get(&meta.block_id) {
            Some(block) => Arc::clone(block),
            None => self.stored_from_index(tenant, meta, index.is_ours),
        };
        let live: Vec<Arc<StoredBlock>> = index.live.into_iter().map(block).collect();
        let compacted = index.compacted.into_iter();
        let compacted =
            compacted.map(|(meta, compacted_s)| CompactedBlock { block: block(meta), compacted_s });
        Ok((Listed { live, compacted: compacted.collect() }, since))
    }

    pub(crate) fn index_age_s(&self, tenant: &TenantId, index: &TenantIndex) -> u64 {
        let created_s = u64::try_from(index.created_at.seconds()).unwrap_or(0);
        let age_s = self.env.clock.unix_seconds().saturating_sub(created_s);
        let gauge = self.metrics.index_age_seconds.with_label_values(&[tenant.as_str()]);
        gauge.set(i64::try_from(age_s).unwrap_or(i64::MAX));
        age_s
    }
}

/// Clocks of machines that share a bucket differ by less.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
