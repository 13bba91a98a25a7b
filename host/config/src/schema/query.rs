//! `query_frontend` and `querier`.

use super::shared::GRPC_CLIENT;
use super::{Key, boolean, count, duration, float, int, section, text, texts};

const SLO: [Key; 2] = [duration("duration_slo", "0s"), float("throughput_bytes_slo", "0")];

static SEARCH: &[Key] = &[
    int("concurrent_jobs", "1000"),
    count("target_bytes_per_job", "104857600"),
    count("default_result_limit", "20").used(),
    count("max_result_limit", "262144").used(),
    duration("max_duration", "168h").used(),
    duration("query_backend_after", "15m").used(),
    duration("query_ingesters_until", "30m"),
    int("ingester_shards", "3"),
    int("most_recent_shards", "200"),
    count("default_spans_per_span_set", "3").used(),
    count("max_spans_per_span_set", "100").used(),
    duration("timeout", "0s"),
    SLO[0],
    SLO[1],
    section("metadata_slo", &SLO),
    // Not a key of Tempo, but one that a widely copied deployment guide sets.
    section("cache", &[boolean("enabled", "false")]),
];

static TRACE_BY_ID: &[Key] = &[
    int("query_shards", "50"),
    int("concurrent_shards", "0"),
    SLO[0],
    SLO[1],
    boolean("external_enabled", "false"),
    int("hedge_requests_up_to", "2"),
    duration("hedge_requests_at", "0s"),
];

static METRICS: &[Key] = &[
    int("concurrent_jobs", "1000"),
    count("target_bytes_per_job", "104857600"),
    duration("max_duration", "24h").used(),
    duration("query_backend_after", "15m"),
    duration("interval", "5m"),
    count("max_exemplars", "100").used(),
    count("max_response_series", "0").used(),
    int("streaming_shards", "200"),
    count("max_intervals", "10000").used(),
    SLO[0],
    SLO[1],
];

pub(super) static QUERY_FRONTEND: &[Key] = &[
    count("max_outstanding_per_tenant", "2000").used(),
    int("max_batch_size", "7"),
    int("max_retries", "2"),
    text("log_query_request_headers", ""),
    section("search", SEARCH).used(),
    section("trace_by_id", TRACE_BY_ID),
    section("metrics", METRICS).used(),
    boolean("multi_tenant_queries_enabled", "true").used(),
    int("response_consumers", "10"),
    section(
        "weights",
        &[
            boolean("request_with_weights", "true"),
            boolean("retry_with_weights", "true"),
            int("max_traceql_conditions", "4"),
            int("max_regex_conditions", "1"),
        ],
    ),
    section(
        "mcp_server",
        &[boolean("enabled", "false").missing("the MCP server is not implemented yet: /api/mcp answers 404")],
    ),
    duration("api_timeout", "0s").used(),
    texts("url_deny_list", "")
        .refused("the list of denied URLs is not implemented yet, and nothing would be denied"),
    texts("allowed_headers", ""),
    count("max_grpc_streaming_packet_size", "2097152"),
    count("max_query_expression_size_bytes", "131072").used(),
    // Tempo hides the newest 30 s; here one snapshot covers live and stored spans.
    duration("query_end_cutoff", "0s"),
    texts("skip_ast_transformations", ""),
    text("rf1_after", ""),
    int("tolerate_failed_blocks", "0"),
];

pub(super) static QUERIER: &[Key] = &[
    section(
        "frontend_worker",
        &[
            text("frontend_address", ""),
            duration("dns_lookup_duration", "10s"),
            int("parallelism", "2"),
            boolean("match_max_concurrent", "true"),
            text("id", ""),
            section("grpc_client_config", GRPC_CLIENT),
        ],
    ),
    count("max_concurrent_queries", "20").used(),
    section(
        "search",
        &[
            duration("query_timeout", "30s").used(),
            texts("external_endpoints", ""),
            int("prefer_self", "10"),
            duration("external_hedge_requests_at", "8s"),
            int("external_hedge_requests_up_to", "2"),
            text("external_backend", ""),
            section("google_cloud_run", &[boolean("noauth", "false")]),
        ],
    )
    .used(),
    section(
        "trace_by_id",
        &[
            duration("query_timeout", "10s").used(),
            section("external", &[text("endpoint", ""), duration("timeout", "10s")]),
        ],
    )
    .used(),
    section("metrics", &[int("concurrent_blocks", "2"), float("time_overlap_cutoff", "0.2")]),
    section(
        "partition_ring",
        &[boolean("minimize_requests", "true"), duration("hedging_delay", "3s"), text("preferred_zone", "")],
    ),
    duration("extra_query_delay", "0s"),
    boolean("shuffle_sharding_ingesters_enabled", "false"),
    duration("shuffle_sharding_ingesters_lookback_period", "1h"),
    boolean("query_relevant_ingesters", "false"),
    text("secondary_ingester_ring", ""),
    boolean("query_live_store", "false"),
    // 2.0's flat spellings.
    duration("query_timeout", "10s"),
    duration("search_query_timeout", "30s"),
];
