//! `metrics_generator`: span metrics, service graphs, remote write.

use super::distributor::{KAFKA, codec};
use super::shared::RING;
use super::storage::BLOCK;
use super::{
    Key, boolean, choice, count, duration, float, floats, int, opaque, secret, secret_map, section, sections,
    text, text_map, texts,
};

const REMOTE: &str = "the metrics generator and its remote write are not implemented yet, \
                      and the metrics would be lost silently";

pub(super) static FILTER: &[Key] =
    &[section("include", POLICY), section("include_any", POLICY), section("exclude", POLICY)];
static POLICY: &[Key] =
    &[text("match_type", "strict"), sections("attributes", &[text("key", ""), opaque("value")])];

pub(super) static MAPPING: &[Key] = &[text("name", ""), texts("source_labels", ""), text("join", "")];

pub(super) static INTRINSIC: &[Key] = &[
    boolean("service", "true"),
    boolean("span_name", "true"),
    boolean("span_kind", "true"),
    boolean("status_code", "true"),
    boolean("status_message", "false"),
];

static SERVICE_GRAPHS: &[Key] = &[
    duration("wait", "10s"),
    int("max_items", "10000"),
    int("workers", "10"),
    floats("histogram_buckets", "[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]"),
    texts("dimensions", ""),
    boolean("enable_client_server_prefix", "false"),
    boolean("enable_messaging_system_latency_histogram", "false"),
    boolean("enable_virtual_node_label", "false"),
    boolean("enable_virtual_node_edges", "false"),
    texts("peer_attributes", "[peer.service, db.name, db.system]"),
    texts("database_name_attributes", "[db.namespace, db.name, db.system]"),
    text("span_multiplier_key", ""),
    boolean("enable_tracestate_span_multiplier", "false"),
    sections("filter_policies", FILTER),
    text("histogram_override", ""),
];

static SPAN_METRICS: &[Key] = &[
    floats(
        "histogram_buckets",
        "[0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384]",
    ),
    section("intrinsic_dimensions", INTRINSIC),
    texts("dimensions", ""),
    sections("dimension_mappings", MAPPING),
    boolean("enable_target_info", "false"),
    text("span_multiplier_key", ""),
    boolean("enable_tracestate_span_multiplier", "false"),
    opaque("subprocessors"),
    sections("filter_policies", FILTER),
    texts("target_info_excluded_dimensions", ""),
    boolean("enable_instance_label", "true"),
    text("histogram_override", ""),
];

static LOCAL_BLOCKS: &[Key] = &[
    section("block", BLOCK),
    opaque("search"),
    opaque("metrics"),
    boolean("filter_server_spans", "true"),
    boolean("flush_to_storage", "false"),
    int("max_live_traces", "0"),
    count("max_live_traces_bytes", "250000000"),
    duration("max_block_duration", "1m"),
    count("max_block_bytes", "500000000"),
    duration("complete_block_timeout", "1h"),
    duration("flush_check_period", "10s"),
    duration("trace_idle_period", "5s"),
    duration("trace_live_period", "30s"),
    int("concurrency", "4"),
    int("concurrent_blocks", "10"),
    float("time_overlap_cutoff", "0.2"),
];

static TLS: &[Key] = &[
    text("ca_file", ""),
    text("cert_file", ""),
    text("key_file", ""),
    text("ca", ""),
    text("cert", ""),
    secret("key"),
    text("server_name", ""),
    boolean("insecure_skip_verify", "false"),
    text("min_version", ""),
    text("max_version", ""),
];

static RELABEL: &[Key] = &[
    texts("source_labels", ""),
    text("separator", ";"),
    text("regex", "(.*)"),
    count("modulus", "0"),
    text("target_label", ""),
    text("replacement", "$1"),
    text("action", "replace"),
];

static REMOTE_WRITE: &[Key] = &[
    text("url", ""),
    duration("remote_timeout", "30s"),
    secret_map("headers"),
    text("name", ""),
    boolean("send_exemplars", "true"),
    boolean("send_native_histograms", "false"),
    boolean("round_robin_dns", "false"),
    sections("write_relabel_configs", RELABEL),
    section(
        "basic_auth",
        &[text("username", ""), text("username_file", ""), secret("password"), text("password_file", "")],
    ),
    section("authorization", &[text("type", "Bearer"), secret("credentials"), text("credentials_file", "")]),
    secret("bearer_token"),
    text("bearer_token_file", ""),
    section(
        "oauth2",
        &[
            text("client_id", ""),
            secret("client_secret"),
            text("client_secret_file", ""),
            text("token_url", ""),
            texts("scopes", ""),
            text_map("endpoint_params"),
            section("tls_config", TLS),
            text("proxy_url", ""),
            text("no_proxy", ""),
            boolean("proxy_from_environment", "false"),
        ],
    ),
    section(
        "sigv4",
        &[
            text("region", ""),
            secret("access_key"),
            secret("secret_key"),
            text("profile", ""),
            text("role_arn", ""),
            boolean("use_fips_sts_endpoint", "false"),
        ],
    ),
    section(
        "azuread",
        &[
            text("cloud", ""),
            section("managed_identity", &[text("client_id", "")]),
            section("oauth", &[text("client_id", ""), secret("client_secret"), text("tenant_id", "")]),
            section("sdk", &[text("tenant_id", "")]),
            section(
                "workload_identity",
                &[text("client_id", ""), text("tenant_id", ""), text("token_file_path", "")],
            ),
        ],
    ),
    section("google_iam", &[text("credentials_file", "")]),
    section("tls_config", TLS),
    text("proxy_url", ""),
    text("no_proxy", ""),
    boolean("proxy_from_environment", "false"),
    secret_map("proxy_connect_header"),
    boolean("follow_redirects", "true"),
    boolean("enable_http2", "true"),
    section(
        "queue_config",
        &[
            int("capacity", "10000"),
            int("max_shards", "50"),
            int("min_shards", "1"),
            int("max_samples_per_send", "2000"),
            duration("batch_send_deadline", "5s"),
            duration("min_backoff", "30ms"),
            duration("max_backoff", "5s"),
            boolean("retry_on_http_429", "false"),
            duration("sample_age_limit", "0s"),
        ],
    ),
    section(
        "metadata_config",
        &[boolean("send", "true"), duration("send_interval", "1m"), int("max_samples_per_send", "2000")],
    ),
    text("protobuf_message", "prometheus.WriteRequest"),
];

static STORAGE: &[Key] = &[
    text("path", ""),
    section(
        "wal",
        &[
            count("wal_segment_size", "134217728"),
            text("wal_compression", "none"),
            int("stripe_size", "16384"),
            duration("truncate_frequency", "2h"),
            int("min_wal_time", "300000"),
            int("max_wal_time", "14400000"),
            boolean("no_lockfile", "false"),
        ],
    ),
    duration("remote_write_flush_deadline", "1m"),
    boolean("remote_write_add_org_id_header", "true"),
    boolean("remote_write_remove_add_org_id_header", "false"),
    sections("remote_write", REMOTE_WRITE).refused(REMOTE),
];

static TRACES_STORAGE: &[Key] = &[
    text("path", ""),
    text("version", ""),
    text("v2_encoding", ""),
    text("search_encoding", ""),
    duration("ingestion_time_range_slack", "2m"),
];

static REGISTRY: &[Key] = &[
    duration("collection_interval", "15s"),
    duration("stale_duration", "15m"),
    text_map("external_labels"),
    text("inject_tenant_id_as", ""),
    int("max_label_name_length", "1024"),
    int("max_label_value_length", "2048"),
];

pub(super) static GENERATOR: &[Key] = &[
    section("ring", RING),
    section(
        "processor",
        &[
            section("service_graphs", SERVICE_GRAPHS),
            section("span_metrics", SPAN_METRICS),
            section(
                "host_info",
                &[
                    texts("host_identifiers", "[k8s.node.name, host.id]"),
                    text("metric_name", "traces_host_info"),
                ],
            ),
            section("local_blocks", LOCAL_BLOCKS),
        ],
    ),
    section("registry", REGISTRY),
    section("storage", STORAGE),
    section("traces_storage", TRACES_STORAGE),
    section("traces_query_storage", TRACES_STORAGE),
    duration("metrics_ingestion_time_range_slack", "30s"),
    duration("query_timeout", "30s"),
    text("override_ring_key", "metrics-generator"),
    choice("ring_mode", &["partition", "generator"], "partition"),
    codec(),
    choice("limiter_type", &["series", "entity"], "series"),
    int("ingest_concurrency", "16"),
    text("instance_id", ""),
    boolean("leave_consumer_group_on_shutdown", "false"),
    boolean("disable_local_blocks", "false"),
    boolean("disable_grpc", "false"),
    section("ingest", &[boolean("enabled", "false"), section("kafka", KAFKA)]),
    texts("assigned_partitions", ""),
];
