//! From Tempo's keys to each crate's settings: one function a crate, no logic elsewhere.

use super::Upkeep;
use crate::resources::{cache_bytes, memory_limit_bytes};
use cadenza_block::meta::{DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType};
use cadenza_block::schema::Version;
use cadenza_config::{Backend, BlockVersion, ColumnKind, ColumnOption, ColumnScope, Config};
use cadenza_store::compact::{CompactionConfig, Selection, TenantSettings};
use std::sync::Arc;
use std::time::Duration;

/// No cache gets more of a container's memory than this share of it.
const CACHE_SHARE: u64 = 12;

/// Loops of upkeep rest at least this long, whatever the configuration says.
const CYCLE_MIN: Duration = Duration::from_secs(1);

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn store(config: &Config) -> cadenza_store::Config {
    let defaults = cadenza_store::Config::default();
    let (limit, poll) = (memory_limit_bytes(), &config.storage.poll);
    cadenza_store::Config {
        poll_interval: poll.interval,
        poll_concurrency_max: poll.concurrency_max,
        poll_tenant_concurrency_max: poll.tenant_concurrency_max,
        poll_attempts_max: poll.tolerated_errors.saturating_add(1),
        poll_failed_tenants_max: poll.tolerated_tenant_failures,
        poll_jitter_max: poll.jitter,
        pulls_index: !poll.builds_index,
        writes_index: !config.storage.read_only,
        index_age_max: (!poll.stale_index.is_zero()).then_some(poll.stale_index),
        index_fallback: poll.fallback,
        part_bytes: part_bytes(&config.storage.backend),
        bloom_cache_bytes_max: cache_bytes(defaults.bloom_cache_bytes_max, limit, CACHE_SHARE),
        block_cache_bytes_max: cache_bytes(defaults.block_cache_bytes_max, limit, CACHE_SHARE),
    }
}

/// What users set for the buffers of Tempo's clients; parts must not be smaller than any store takes.
fn part_bytes(backend: &Backend) -> Option<usize> {
    const PART_BYTES_MIN: u64 = 5 << 20;
    let bytes = match backend {
        Backend::Local(_) => 0,
        Backend::S3(s3) => s3.part_bytes,
        Backend::Gcs(gcs) => gcs.part_bytes,
        Backend::Azure(azure) => azure.part_bytes,
    };
    (bytes > 0).then(|| usize::try_from(bytes.max(PART_BYTES_MIN)).unwrap_or(usize::MAX))
}

/// `None` where the bucket is not ours to tidy.
pub(super) fn upkeep(config: &Config, settings: Arc<dyn TenantSettings>) -> Option<Upkeep> {
    let compaction = &config.compaction;
    if compaction.disabled || config.storage.read_only {
        return None;
    }
    let block = block(config);
    Some(Upkeep {
        compaction: CompactionConfig {
            owner: node_id(config),
            selection: Selection {
                window_s: compaction.compaction_window.as_secs(),
                blocks_min: compaction.input_blocks_min,
                blocks_max: compaction.input_blocks_max,
                objects_max: compaction.objects_max,
                bytes_max: compaction.block_bytes_max,
                level_max: compaction.level_max,
            },
            bloom_false_positive: block.bloom_false_positive,
            bloom_shard_bytes: block.bloom_shard_bytes as u32,
            row_group_bytes_max: usize::try_from(block.row_group_bytes).unwrap_or(usize::MAX),
            tenant_time_max: compaction.tenant_time_max,
            dry_run: compaction.dry_run,
        },
        settings,
        cycle: compaction.cycle.max(CYCLE_MIN),
        retention_interval: compaction.retention_interval.max(CYCLE_MIN),
    })
}

/// Names this process among those that share a bucket.
fn node_id(config: &Config) -> String {
    format!("{}/{}", crate::settings::host_name(), config.storage.wal_path.display())
}

pub(super) fn wal(config: &Config) -> cadenza_wal::Config {
    let mut wal = cadenza_wal::Config::at(&config.storage.wal_path);
    wal.read_cache_bytes_max = cache_bytes(wal.read_cache_bytes_max, memory_limit_bytes(), CACHE_SHARE);
    wal
}

pub(super) fn ingest(config: &Config) -> cadenza_ingest::Config {
    let receivers = &config.distributor.otlp;
    let defaults = cadenza_ingest::Config::default();
    let grpc = receivers.iter().filter_map(|r| r.grpc.as_ref()).map(|g| g.message_bytes_max).max();
    let http = receivers.iter().filter_map(|r| r.http.as_ref()).map(|h| h.body_bytes_max).max();
    cadenza_ingest::Config {
        node_id: node_id(config),
        multitenancy_enabled: config.multitenancy_enabled,
        retry_after_on_resource_exhausted: config.distributor.retry_after,
        attribute_bytes_max: config.distributor.attribute_bytes_max as u64,
        grpc_message_bytes_max: grpc.unwrap_or(defaults.grpc_message_bytes_max),
        http_body_bytes_max: http.unwrap_or(defaults.http_body_bytes_max),
        flush_check_period: config.live.flush_check_period,
        trace_idle: config.live.trace_idle,
        trace_live: config.live.trace_live_max,
        block_duration_max: config.live.block_duration_max,
        block_bytes_max: config.live.block_bytes_max,
        ..defaults
    }
}

/// What every block of this server is written with.
#[derive(Debug, Clone)]
pub(super) struct BlockSettings {
    pub(super) version: Version,
    pub(super) bloom_false_positive: f64,
    pub(super) bloom_shard_bytes: usize,
    pub(super) row_group_bytes: u64,
    pub(super) dedicated_columns: Vec<DedicatedColumn>,
}

pub(super) fn block(config: &Config) -> BlockSettings {
    let block = &config.storage.block;
    BlockSettings {
        version: match block.version {
            BlockVersion::V4 => Version::V4,
            BlockVersion::V5 => Version::V5,
        },
        bloom_false_positive: block.bloom_false_positive,
        bloom_shard_bytes: block.bloom_shard_bytes,
        row_group_bytes: block.row_group_bytes,
        dedicated_columns: dedicated(&block.dedicated_columns),
    }
}

pub(super) fn dedicated(columns: &[cadenza_config::DedicatedColumn]) -> Vec<DedicatedColumn> {
    let map = |column: &cadenza_config::DedicatedColumn| DedicatedColumn {
        scope: match column.scope {
            ColumnScope::Resource => DedicatedScope::Resource,
            ColumnScope::Span => DedicatedScope::Span,
            ColumnScope::Event => DedicatedScope::Event,
        },
        name: column.name.clone(),
        ty: match column.kind {
            ColumnKind::String => DedicatedType::String,
            ColumnKind::Int => DedicatedType::Int,
        },
        options: column
            .options
            .iter()
            .map(|option| match option {
                ColumnOption::Array => DedicatedOption::Array,
                ColumnOption::Blob => DedicatedOption::Blob,
            })
            .collect(),
    };
    columns.iter().map(map).collect()
}

pub(super) fn query(config: &Config) -> cadenza_query::Config {
    cadenza_query::Config {
        waiting_per_tenant_max: config.query_frontend.outstanding_per_tenant_max,
        deadline_ms: millis(config.querier.search_timeout),
        ..cadenza_query::Config::default()
    }
}

pub(super) fn api(config: &Config) -> cadenza_api::Config {
    let frontend = &config.query_frontend;
    cadenza_api::Config {
        http_api_prefix: config.http_api_prefix.clone(),
        multitenancy_enabled: config.multitenancy_enabled,
        multi_tenant_queries_enabled: frontend.multi_tenant_queries_enabled,
        query_backend_after_s: frontend.search.query_backend_after.as_secs(),
        query_bytes_max: frontend.query_bytes_max,
        search_limit_default: frontend.search.results_default,
        search_limit_max: frontend.search.results_max,
        search_range_max_s: frontend.search.range_max.as_secs(),
        spans_per_spanset_default: frontend.search.spans_per_span_set_default,
        spans_per_spanset_max: frontend.search.spans_per_span_set_max,
        api_timeout_ms: millis(frontend.api_timeout),
        ..cadenza_api::Config::default()
    }
}
