//! What an operator can set, in plain types; the binary maps Tempo's keys onto it.

use std::time::Duration;

/// Settings of the write path. [`Config::default`] has Tempo 3.0's values where Tempo has the key.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seed of block ids; two servers that share a bucket must differ.
    pub node_id: String,
    /// `multitenancy_enabled`: tenants come from `X-Scope-OrgID`.
    pub multitenancy_enabled: bool,
    /// `distributor.retry_after_on_resource_exhausted`; zero sends no retry delay for tenant limits.
    pub retry_after_on_resource_exhausted: Duration,
    /// `distributor.max_attribute_bytes`: longer keys and string values are cut; zero is off.
    pub attribute_bytes_max: u64,
    /// Largest gRPC message, after decompression (`max_recv_msg_size_mib`).
    pub grpc_message_bytes_max: usize,
    /// Largest HTTP body, before and after decompression (`max_request_body_size`).
    pub http_body_bytes_max: usize,
    /// Bytes of requests that may be on their way at once, over all tenants.
    pub in_flight_bytes_max: usize,
    /// Tenants that may have live state at once.
    pub tenants_max: usize,
    /// `flush_check_period`: how often cutting is considered.
    pub flush_check_period: Duration,
    /// `max_trace_idle`, 2.x `trace_idle_period`.
    pub trace_idle: Duration,
    /// `max_trace_live`, 2.x `trace_live_period`.
    pub trace_live: Duration,
    /// `max_block_duration`.
    pub block_duration_max: Duration,
    /// `max_block_bytes`: estimated size of the block in the store.
    pub block_bytes_max: u64,
    /// Spans of one cut.
    pub cut_spans_max: u64,
    /// Bytes of one cut, decoded; bounds the memory of a build.
    pub cut_bytes_max: u64,
    /// Bytes of the live index over all tenants; above it traces are cut early, then refused.
    pub live_index_bytes_max: u64,
    /// `wal.max_bytes`: above four fifths of it traces are cut early; above it ingest is refused.
    pub wal_bytes_max: u64,
    /// First delay after a failed build or upload; doubles up to [`Config::flush_backoff_max`].
    pub flush_backoff: Duration,
    /// Longest delay between two tries; there is no last try.
    pub flush_backoff_max: Duration,
}

/// Tempo's default message size of grpc-go.
const GRPC_MESSAGE_BYTES_MAX: usize = 4 << 20;
/// The Collector's `max_request_body_size`.
const HTTP_BODY_BYTES_MAX: usize = 20 << 20;
/// Sixteen full gRPC messages: keeps two cores busy, and bounds what a burst of clients costs.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;
/// An idle tenant costs about 2 KiB here and a few dozen metric series.
const TENANTS_MAX: usize = 10_000;
/// Decision 19: the plan of one build stays below 24 bytes a span, 12 MiB.
const CUT_SPANS_MAX: u64 = 512 << 10;
/// A build takes about this much for its columns and pages. Decision 19 allows twice as much; measured, that
/// did not keep the server within 350 MiB under load.
const CUT_BYTES_MAX: u64 = 64 << 20;
/// About a million traces in 100 bytes each.
const LIVE_INDEX_BYTES_MAX: u64 = 128 << 20;
/// An hour of store outage at 5,000 spans a second, and well below a usual volume.
const WAL_BYTES_MAX: u64 = 8 << 30;

impl Default for Config {
    fn default() -> Self {
        Self {
            node_id: "cadenza".to_owned(),
            multitenancy_enabled: false,
            retry_after_on_resource_exhausted: Duration::from_secs(5),
            attribute_bytes_max: 2048,
            grpc_message_bytes_max: GRPC_MESSAGE_BYTES_MAX,
            http_body_bytes_max: HTTP_BODY_BYTES_MAX,
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
            tenants_max: TENANTS_MAX,
            flush_check_period: Duration::from_secs(5),
            trace_idle: Duration::from_secs(5),
            trace_live: Duration::from_secs(30),
            block_duration_max: Duration::from_secs(30),
            block_bytes_max: 50 << 20,
            cut_spans_max: CUT_SPANS_MAX,
            cut_bytes_max: CUT_BYTES_MAX,
            live_index_bytes_max: LIVE_INDEX_BYTES_MAX,
            wal_bytes_max: WAL_BYTES_MAX,
            flush_backoff: Duration::from_secs(1),
            flush_backoff_max: Duration::from_secs(60),
        }
    }
}
