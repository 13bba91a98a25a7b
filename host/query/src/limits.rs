//! Limits of a query: the tenant's, asked per request, and the server's own.

use cadenza_model::TenantId;

/// What a tenant's overrides say about queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// `global.max_bytes_per_trace`; 0 = no limit.
    pub trace_bytes_max: u64,
    /// `read.max_bytes_per_tag_values_query`; 0 = no limit.
    pub tag_bytes_max: usize,
    /// `read.max_blocks_per_tag_values_query`; 0 = all blocks.
    pub tag_blocks_max: usize,
    /// `read.max_condition_groups_per_tag_query`; 0 = no limit.
    pub tag_groups_max: usize,
    /// `read.max_search_duration` in seconds; 0 = the server's `search.max_duration`.
    pub search_range_max_s: u64,
    /// `read.left_pad_trace_ids`.
    pub pad_trace_ids: bool,
}

impl Default for QueryLimits {
    /// Tempo's defaults.
    fn default() -> Self {
        Self {
            trace_bytes_max: 5_000_000,
            tag_bytes_max: 1_000_000,
            tag_blocks_max: 0,
            tag_groups_max: 100,
            search_range_max_s: 0,
            pad_trace_ids: false,
        }
    }
}

/// Where limits come from: the overrides, which reload.
pub trait TenantLimits: Send + Sync + 'static {
    /// The limits of a tenant now.
    fn query_limits(&self, tenant: &TenantId) -> QueryLimits;
}

/// The same limits for everyone.
impl TenantLimits for QueryLimits {
    fn query_limits(&self, _tenant: &TenantId) -> QueryLimits {
        *self
    }
}
