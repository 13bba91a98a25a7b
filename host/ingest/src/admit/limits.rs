//! The limits of one tenant, as admission needs them.

use cadenza_model::TenantId;

/// Effective limits of a tenant; zero means unlimited where the field says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLimits {
    /// `ingestion.rate_limit_bytes`, a second. Zero lets nothing in, as in Tempo.
    pub rate_bytes: u64,
    /// `ingestion.burst_size_bytes`. Zero lets nothing in, as in Tempo.
    pub burst_bytes: u64,
    /// `ingestion.rate_strategy: global`. One server has the whole limit; only error texts differ.
    pub rate_global: bool,
    /// `ingestion.max_traces_per_user`; zero is unlimited.
    pub live_traces_max: u64,
    /// `global.max_bytes_per_trace`; zero is unlimited.
    pub trace_bytes_max: u64,
    /// `ingestion.max_attribute_bytes`; zero takes the server's.
    pub attribute_bytes_max: u64,
    /// `ingestion.retry_info_enabled`.
    pub retry_info_enabled: bool,
}

impl Default for TenantLimits {
    /// Tempo 3.0's defaults.
    fn default() -> Self {
        Self {
            rate_bytes: 30_000_000,
            burst_bytes: 30_000_000,
            rate_global: false,
            live_traces_max: 10_000,
            trace_bytes_max: 5_000_000,
            attribute_bytes_max: 0,
            retry_info_enabled: true,
        }
    }
}

/// Where limits come from; asked for every group of requests, so it must be quick.
pub trait LimitsProvider: Send + Sync + 'static {
    /// The limits in force for `tenant` now.
    fn limits(&self, tenant: &TenantId) -> TenantLimits;
}

/// The same limits for everybody.
impl LimitsProvider for TenantLimits {
    fn limits(&self, _tenant: &TenantId) -> TenantLimits {
        *self
    }
}
