//! `live_store` of 3.0, `ingester` of 2.x, `block_builder`.

use super::shared::{KVSTORE, PARTITION_RING, RING};
use super::storage::BLOCK;
use super::{Key, Kind, boolean, count, duration, float, int, section, text, texts};

pub(super) static LIVE_STORE: &[Key] = &[
    section("ring", RING),
    section("partition_ring", PARTITION_RING),
    duration("commit_interval", "5s"),
    section(
        "wal",
        &[
            text("path", "").used(),
            duration("ingestion_time_range_slack", "2m"),
            text("version", ""),
            text("v2_encoding", ""),
            text("search_encoding", ""),
        ],
    ),
    text("shutdown_marker_dir", "/var/tempo/live-store/shutdown-marker").used(),
    duration("max_trace_idle", "5s").used(),
    duration("max_trace_live", "30s").used(),
    duration("max_block_duration", "30s").used(),
    count("max_block_bytes", "52428800").used(),
    duration("complete_block_timeout", "20m").used(),
    count("complete_block_concurrency", "2").used(),
    duration("block_reclaim_grace", "2m"),
    duration("flush_check_period", "5s").used(),
    duration("flush_op_timeout", "5m").used(),
    count("max_live_traces_bytes", "250000000").used(),
    int("query_block_concurrency", "10"),
    duration("readiness_target_lag", "0s"),
    duration("readiness_max_wait", "30m"),
    boolean("fail_on_high_lag", "true"),
    boolean("remove_owner_on_shutdown", "true"),
    section("metrics", &[float("time_overlap_cutoff", "0.2")]),
    section("block_config", BLOCK),
];

static LIFECYCLER: &[Key] = &[
    section(
        "ring",
        &[
            section("kvstore", KVSTORE),
            duration("heartbeat_timeout", "5m"),
            int("replication_factor", "1"),
            boolean("zone_awareness_enabled", "false"),
            texts("excluded_zones", ""),
        ],
    ),
    int("num_tokens", "128"),
    duration("heartbeat_period", "5s"),
    duration("heartbeat_timeout", "1m"),
    duration("observe_period", "0s"),
    duration("join_after", "0s"),
    duration("min_ready_duration", "15s"),
    texts("interface_names", ""),
    boolean("enable_inet6", "false"),
    duration("final_sleep", "0s"),
    text("tokens_file_path", ""),
    text("availability_zone", ""),
    boolean("unregister_on_shutdown", "true"),
    boolean("readiness_check_ring_health", "true"),
    text("address", ""),
    int("port", "0"),
    text("id", ""),
];

/// Its defaults hold only for a file that has this section and no `live_store`.
pub(super) static INGESTER: &[Key] = &[
    section("lifecycler", LIFECYCLER),
    section("partition_ring", PARTITION_RING),
    duration("trace_idle_period", "5s").used(),
    duration("trace_live_period", "30s").used(),
    duration("max_block_duration", "30m").used(),
    count("max_block_bytes", "524288000").used(),
    duration("complete_block_timeout", "15m").used(),
    count("concurrent_flushes", "4").used(),
    duration("flush_check_period", "10s").used(),
    duration("flush_op_timeout", "5m").used(),
    boolean("flush_all_on_shutdown", "false").used(),
    boolean("flush_object_storage", "true"),
    text("override_ring_key", "ring"),
    boolean("use_flatbuffer_search", "false"),
    int("query_sharding", "0"),
];

const BLOCK_BUILDER_BLOCK: [Key; BLOCK.len() + 1] = {
    let mut keys = [count("max_block_bytes", "20971520"); BLOCK.len() + 1];
    let mut i = 0;
    while i < BLOCK.len() {
        keys[i] = Key { effect: super::Effect::Ignored, ..BLOCK[i] };
        i += 1;
    }
    keys
};

pub(super) static BLOCK_BUILDER: &[Key] = &[
    text("instance_id", ""),
    Key::new("assigned_partitions", Kind::CountsMap, ""),
    int("partitions_per_instance", "0"),
    duration("consume_cycle_duration", "5m"),
    count("max_consuming_bytes", "5000000000"),
    section("block", &BLOCK_BUILDER_BLOCK),
    section(
        "wal",
        &[
            text("path", "/var/tempo/block-builder/traces"),
            duration("ingestion_time_range_slack", "2m"),
            text("version", ""),
            text("v2_encoding", ""),
            text("search_encoding", ""),
        ],
    ),
    text("override_ring_key", ""),
];
