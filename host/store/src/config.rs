//! What of the bucket can be set.

use std::time::Duration;

/// Settings of [`crate::Store`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Time between two listings of the bucket (`storage.trace.blocklist_poll`).
    pub poll_interval: Duration,
    /// Metas read at the same time (`storage.trace.blocklist_poll_concurrency`).
    pub poll_concurrency_max: usize,
    /// Tenants polled at the same time (`blocklist_poll_tenant_concurrency`).
    pub poll_tenant_concurrency_max: usize,
    /// Attempts at one tenant in a poll: `blocklist_poll_tolerate_consecutive_errors` and one more.
    pub poll_attempts_max: usize,
    /// Tenants that may fail before a poll is given up (`blocklist_poll_tolerate_tenant_failures`).
    pub poll_failed_tenants_max: usize,
    /// Longest random delay before a tenant is polled (`blocklist_poll_jitter_ms`).
    pub poll_jitter_max: Duration,
    /// Go by the tenant index that others write (`blocklist_poll_tenant_index_builders: 0`) instead of listing.
    pub pulls_index: bool,
    /// Write the tenant index after listing: the store is not read-only.
    pub writes_index: bool,
    /// An index that is older is not gone by (`blocklist_poll_stale_tenant_index`); `None` for any age.
    pub index_age_max: Option<Duration>,
    /// List the bucket where there is no index to go by (`blocklist_poll_fallback`).
    pub index_fallback: bool,
    /// Parts of larger objects have this length, in bytes; `None` for what the store is best at.
    pub part_bytes: Option<usize>,
    /// Memory for bloom filters, in bytes.
    pub bloom_cache_bytes_max: u64,
    /// Memory for footers, page indexes and dictionaries of blocks, in bytes.
    pub block_cache_bytes_max: u64,
}

/// Tempo's default.
const POLL_INTERVAL_DEFAULT: Duration = Duration::from_secs(300);
/// Tempo's default.
const POLL_CONCURRENCY_DEFAULT: usize = 50;
/// 160 default-size bloom shards; a miss costs one object read.
const BLOOM_CACHE_BYTES_DEFAULT: u64 = 16 << 20;
/// Holds the dictionaries of about 12 blocks of 400 k spans.
const BLOCK_CACHE_BYTES_DEFAULT: u64 = 64 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            poll_interval: POLL_INTERVAL_DEFAULT,
            poll_concurrency_max: POLL_CONCURRENCY_DEFAULT,
            poll_tenant_concurrency_max: 1,
            poll_attempts_max: 2,
            poll_failed_tenants_max: 1,
            poll_jitter_max: Duration::ZERO,
            pulls_index: false,
            writes_index: true,
            index_age_max: None,
            index_fallback: true,
            part_bytes: None,
            bloom_cache_bytes_max: BLOOM_CACHE_BYTES_DEFAULT,
            block_cache_bytes_max: BLOCK_CACHE_BYTES_DEFAULT,
        }
    }
}
