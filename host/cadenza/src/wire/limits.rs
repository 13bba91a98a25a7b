//! A tenant's limits, as the write path and the query path each want them.

use cadenza_config::{Config, Overrides};
use cadenza_ingest::LimitsProvider;
use cadenza_model::TenantId;
use cadenza_query::QueryLimits;
use cadenza_store::compact::{TenantCompaction, TenantSettings};
use std::sync::Arc;
use std::time::Duration;

/// The overrides behind both paths.
pub(super) struct Limits {
    config: Arc<Config>,
    overrides: Arc<Overrides>,
}

impl Limits {
    pub(super) fn new(config: Arc<Config>, overrides: Arc<Overrides>) -> Self {
        Self { config, overrides }
    }
}

impl LimitsProvider for Limits {
    fn limits(&self, tenant: &TenantId) -> cadenza_ingest::TenantLimits {
        let limits = self.overrides.limits(tenant);
        cadenza_ingest::TenantLimits {
            rate_bytes: limits.rate_limit_bytes,
            burst_bytes: limits.burst_size_bytes,
            rate_global: limits.rate_global,
            live_traces_max: limits.live_traces_max(),
            trace_bytes_max: limits.max_bytes_per_trace,
            attribute_bytes_max: limits.max_attribute_bytes,
            retry_info_enabled: limits.retry_info_enabled,
        }
    }
}

impl cadenza_query::TenantLimits for Limits {
    fn query_limits(&self, tenant: &TenantId) -> QueryLimits {
        let limits = self.overrides.limits(tenant);
        let usize_of = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let own_range = limits.max_search_duration;
        let range = if own_range.is_zero() { self.config.query_frontend.search.range_max } else { own_range };
        QueryLimits {
            trace_bytes_max: limits.max_bytes_per_trace,
            tag_bytes_max: usize_of(limits.max_bytes_per_tag_values_query),
            tag_blocks_max: usize_of(limits.max_blocks_per_tag_values_query),
            tag_groups_max: usize_of(limits.max_condition_groups_per_tag_query),
            search_range_max_s: range.as_secs(),
            pad_trace_ids: limits.left_pad_trace_ids,
        }
    }
}

impl TenantSettings for Limits {
    fn compaction(&self, tenant: &TenantId) -> TenantCompaction {
        let limits = self.overrides.limits(tenant);
        let compaction = &self.config.compaction;
        let or = |own: Duration, all: Duration| if own.is_zero() { all } else { own };
        TenantCompaction {
            window: or(limits.compaction_window, compaction.compaction_window),
            disabled: limits.compaction_disabled,
            retention: or(limits.block_retention, compaction.block_retention),
            retention_explicit: limits.block_retention_set || compaction.block_retention_set,
            compacted_retention: compaction.compacted_block_retention,
        }
    }
}
