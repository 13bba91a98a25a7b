//! What of the bucket can be set.

use std::time::Duration;

/// Settings of [`crate::Store`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Time between two listings of the bucket (`storage.trace.blocklist_poll`).
    pub poll_interval: Duration,
    /// Metas read at the same time (`storage.trace.blocklist_poll_concurrency`).
    pub poll_concurrency_max: usize,
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
            bloom_cache_bytes_max: BLOOM_CACHE_BYTES_DEFAULT,
            block_cache_bytes_max: BLOCK_CACHE_BYTES_DEFAULT,
        }
    }
}
