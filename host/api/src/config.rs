//! What the surface needs to know of the configuration.

/// Settings of the HTTP surface; defaults are Tempo's unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `http_api_prefix`: put before every `/api/…` path; empty or `/x`, without a slash at the end.
    pub http_api_prefix: String,
    /// `multitenancy_enabled`.
    pub multitenancy_enabled: bool,
    /// `query_frontend.multi_tenant_queries_enabled`.
    pub multi_tenant_queries_enabled: bool,
    /// `query_frontend.query_end_cutoff`. Tempo's default is 30; ours is 0, since nothing is hidden.
    pub query_end_cutoff_s: u64,
    /// `query_frontend.query_backend_after`: the window of a search that names none.
    pub query_backend_after_s: u64,
    /// `query_frontend.max_query_expression_size_bytes`.
    pub query_bytes_max: usize,
    /// `query_frontend.search.default_result_limit`.
    pub search_limit_default: usize,
    /// `query_frontend.search.max_result_limit`; 0 = no limit.
    pub search_limit_max: usize,
    /// `query_frontend.search.max_duration`; 0 = no limit.
    pub search_range_max_s: u64,
    /// `query_frontend.search.default_spans_per_span_set`.
    pub spans_per_spanset_default: usize,
    /// `query_frontend.search.max_spans_per_span_set`; 0 = no limit.
    pub spans_per_spanset_max: usize,
    /// `query_frontend.search.duration_slo`; 0 = none.
    pub search_slo_ms: u64,
    /// `query_frontend.trace_by_id.duration_slo`; 0 = none.
    pub trace_slo_ms: u64,
    /// `query_frontend.api_timeout`; 0 = off.
    pub api_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http_api_prefix: String::new(),
            multitenancy_enabled: false,
            multi_tenant_queries_enabled: true,
            query_end_cutoff_s: 0,
            query_backend_after_s: 15 * 60,
            query_bytes_max: 128 << 10,
            search_limit_default: 20,
            search_limit_max: 256 << 10,
            search_range_max_s: 168 * 3600,
            spans_per_spanset_default: 3,
            spans_per_spanset_max: 100,
            search_slo_ms: 0,
            trace_slo_ms: 0,
            api_timeout_ms: 0,
        }
    }
}
