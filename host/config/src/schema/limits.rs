//! Limits per tenant in their scoped form, and the old flat names.

use super::generator::{FILTER, INTRINSIC, MAPPING};
use super::plugins::TENANT;
use super::storage::COLUMN;
use super::{
    Key, Kind, boolean, choice, count, duration, float, floats, int, long_duration, secret_map, section,
    sections, text, text_map, texts,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const GENERATOR: &str = "the metrics generator is not implemented yet: no metrics are made from spans";
const FORWARD: &str = "forwarding is not implemented yet, and the copies would be lost silently";
static INGESTION: &[Key] = &[
    choice("rate_strategy", &["local", "global"], "local").used(),
    count("rate_limit_bytes", "30000000").used(),
    count("burst_size_bytes", "30000000").used(),
    count("max_traces_per_user", "10000").used(),
    count("max_global_traces_per_user", "0").used(),
    int("tenant_shard_size", "0"),
    count("max_attribute_bytes", "0").used(),
    duration("artificial_delay", "0s"),
    boolean("retry_info_enabled", "true").used(),
];

static READ: &[Key] = &[
    count("max_bytes_per_tag_values_query", "1000000").used(),
    count("max_blocks_per_tag_values_query", "0").used(),
    count("max_condition_groups_per_tag_query", "100").used(),
    long_duration("max_search_duration", "0s").used(),
    long_duration("max_metrics_duration", "0s").used(),
    boolean("unsafe_query_hints", "false"),
    boolean("left_pad_trace_ids", "false").used(),
    boolean("metrics_spanonly_fetch", "false"),
];

static COMPACTION: &[Key] = &[
    long_duration("block_retention", "0s").used(),
    long_duration("compaction_window", "0s").used(),
    boolean("compaction_disabled", "false").used(),
];

static SERVICE_GRAPHS: &[Key] = &[
    floats("histogram_buckets", ""),
    texts("dimensions", ""),
    texts("peer_attributes", ""),
    sections("filter_policies", FILTER),
    boolean("enable_client_server_prefix", "false"),
    boolean("enable_messaging_system_latency_histogram", "false"),
    boolean("enable_virtual_node_label", "false"),
    text("span_multiplier_key", ""),
    boolean("enable_tracestate_span_multiplier", "false"),
];

static SPAN_METRICS: &[Key] = &[
    floats("histogram_buckets", ""),
    texts("dimensions", ""),
    section("intrinsic_dimensions", INTRINSIC),
    sections("filter_policies", FILTER),
    sections("dimension_mappings", MAPPING),
    boolean("enable_target_info", "false"),
    texts("target_info_excluded_dimensions", ""),
    boolean("enable_instance_label", "true"),
    text("span_multiplier_key", ""),
    boolean("enable_tracestate_span_multiplier", "false"),
];

static LOCAL_BLOCKS: &[Key] = &[
    int("max_live_traces", "0"),
    duration("max_block_duration", "0s"),
    count("max_block_bytes", "0"),
    duration("flush_check_period", "0s"),
    duration("trace_idle_period", "0s"),
    duration("complete_block_timeout", "0s"),
];

static METRICS_GENERATOR: &[Key] = &[
    texts("processors", "").missing(GENERATOR),
    int("ring_size", "0"),
    count("max_active_series", "0"),
    count("max_active_entities", "0"),
    count("max_cardinality_per_label", "0"),
    duration("collection_interval", "0s"),
    boolean("disable_collection", "false"),
    choice("generate_native_histograms", &["classic", "native", "both"], "classic"),
    float("native_histogram_bucket_factor", "1.1"),
    count("native_histogram_max_bucket_number", "100"),
    duration("native_histogram_min_reset_duration", "15m"),
    text("trace_id_label_name", "traceID"),
    secret_map("remote_write_headers"),
    text("span_name_sanitization", ""),
    duration("ingestion_time_range_slack", "0s"),
    section("forwarder", &[int("queue_size", "0"), int("workers", "0")]),
    section(
        "processor",
        &[
            section("service_graphs", SERVICE_GRAPHS),
            section("span_metrics", SPAN_METRICS),
            section("host_info", &[texts("host_identifiers", ""), text("metric_name", "")]),
            section("local_blocks", LOCAL_BLOCKS),
        ],
    ),
];

/// Every limit in its scoped place.
pub(crate) static LIMITS: &[Key] = &[
    section("ingestion", INGESTION).used(),
    section("read", READ).used(),
    section("compaction", COMPACTION).used(),
    section("metrics_generator", METRICS_GENERATOR),
    texts("forwarders", "").refused(FORWARD),
    section(
        "global",
        &[count("max_bytes_per_trace", "5000000").used(), count("max_search_bytes_per_trace", "0")],
    )
    .used(),
    section("storage", &[Key::new("parquet_dedicated_columns", Kind::Sections(COLUMN), "").used()]).used(),
    section("plugins", TENANT).used(),
    section("cost_attribution", &[text_map("dimensions"), count("max_cardinality", "0")]),
];

/// The flat name of each limit that is not itself a scoped name, with its scoped place.
pub(crate) static FLAT: LazyLock<BTreeMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let mut flat = BTreeMap::new();
    collect(LIMITS, &mut Vec::new(), &mut flat);
    flat
});

fn collect(
    keys: &'static [Key],
    path: &mut Vec<&'static str>,
    flat: &mut BTreeMap<String, Vec<&'static str>>,
) {
    for key in keys {
        path.push(key.name);
        // Groups that the flat form spells out; a section below them (`intrinsic_dimensions`) is one value.
        let group = path.len() == 1
            || matches!(
                path[1..],
                ["processor"]
                    | ["forwarder"]
                    | ["processor", "service_graphs" | "span_metrics" | "host_info" | "local_blocks"]
            );
        match key.kind {
            Kind::Section(keys) if group && !matches!(key.name, "cost_attribution" | "plugins") => {
                collect(keys, path, flat)
            }
            _ if path.len() > 1 => {
                flat.insert(flat_name(path), path.clone());
            }
            _ => {}
        }
        path.pop();
    }
}

fn flat_name(path: &[&str]) -> String {
    match path {
        ["ingestion", name @ ("max_traces_per_user" | "max_global_traces_per_user")] => (*name).to_owned(),
        ["ingestion" | "metrics_generator", ..] => path.join("_"),
        _ => path[1..].join("_"),
    }
}
