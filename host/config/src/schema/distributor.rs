//! `distributor`: receivers, span logging, forwarders; and `ingest`, the Kafka write path.

use super::shared::{RECEIVER_TLS, RING};
use super::{
    Key, Kind, boolean, choice, count, duration, int, opaque, secret, secret_map, section, sections, text,
    texts,
};

const TLS: &str = "TLS on receivers is not implemented yet, and would be served as plain text; \
                   remove the key and put a proxy in front";
const AUTH: &str = "authentication on receivers is not implemented yet";
const FORWARD: &str = "forwarding is not implemented yet, and the copies would be lost silently";
const KAFKA_PATH: &str = "writing through Kafka is not implemented yet";
const RECEIVER: &str = "this receiver is not implemented yet, and its clients would be refused; \
                        remove it (otlp is served)";

static KEEPALIVE: &[Key] = &[
    section(
        "server_parameters",
        &[
            duration("max_connection_idle", "0s"),
            duration("max_connection_age", "0s"),
            duration("max_connection_age_grace", "0s"),
            duration("time", "0s"),
            duration("timeout", "0s"),
        ],
    ),
    section("enforcement_policy", &[duration("min_time", "0s"), boolean("permit_without_stream", "false")]),
];

static GRPC: &[Key] = &[
    text("endpoint", "localhost:4317").used(),
    text("transport", "tcp").refused("only the transport tcp is implemented"),
    section("tls", RECEIVER_TLS).refused(TLS),
    count("max_recv_msg_size_mib", "0").used(),
    count("max_concurrent_streams", "0").used(),
    count("read_buffer_size", "524288"),
    count("write_buffer_size", "0"),
    section("keepalive", KEEPALIVE),
    opaque("auth").refused(AUTH),
    boolean("include_metadata", "false"),
    opaque("middlewares"),
];

static CORS: &[Key] = &[
    texts("allowed_origins", ""),
    texts("allowed_headers", ""),
    texts("exposed_headers", ""),
    count("max_age", "0"),
];

const HTTP_LEN: usize = 14;
const HTTP_KEYS: [Key; HTTP_LEN] = [
    text("endpoint", "localhost:4318").used(),
    text("transport", "tcp").refused("only the transport tcp is implemented"),
    section("tls", RECEIVER_TLS).refused(TLS),
    section("cors", CORS).missing("CORS is not implemented yet: browsers will be refused by their own check"),
    count("max_request_body_size", "0").used(),
    boolean("include_metadata", "false"),
    secret_map("response_headers"),
    texts("compression_algorithms", ""),
    duration("read_timeout", "0s"),
    duration("read_header_timeout", "1m"),
    duration("write_timeout", "30s"),
    duration("idle_timeout", "1m"),
    boolean("keep_alives_enabled", "true"),
    opaque("auth").refused(AUTH),
];

static HTTP: &[Key] = &HTTP_KEYS;

const OTLP_HTTP_KEYS: [Key; HTTP_LEN + 3] = {
    let path = text("traces_url_path", "/v1/traces").refused("only the path /v1/traces is served");
    let mut keys = [path; HTTP_LEN + 3];
    let mut i = 0;
    while i < HTTP_LEN {
        keys[i] = HTTP_KEYS[i];
        i += 1;
    }
    keys[HTTP_LEN] = text("metrics_url_path", "/v1/metrics");
    keys[HTTP_LEN + 1] = text("logs_url_path", "/v1/logs");
    keys
};

static UDP: &[Key] = &[
    text("endpoint", ""),
    count("queue_size", "1000"),
    count("max_packet_size", "65000"),
    count("workers", "10"),
    count("socket_buffer_size", "0"),
];

const ZIPKIN_KEYS: [Key; HTTP_LEN + 1] = {
    let mut keys = [boolean("parse_string_tags", "false"); HTTP_LEN + 1];
    let mut i = 0;
    while i < HTTP_LEN {
        keys[i] = HTTP_KEYS[i];
        i += 1;
    }
    keys
};

static KAFKA_RECEIVER: &[Key] = &[
    texts("brokers", "[localhost:9092]"),
    text("protocol_version", ""),
    boolean("resolve_canonical_bootstrap_servers_only", "false"),
    text("topic", "otlp_spans"),
    text("encoding", "otlp_proto"),
    section("traces", &[text("topic", ""), texts("topics", ""), text("encoding", "")]),
    text("group_id", "otel-collector"),
    text("client_id", "otel-collector"),
    text("initial_offset", "latest"),
    duration("session_timeout", "10s"),
    duration("heartbeat_interval", "3s"),
    opaque("auth"),
    section("tls", RECEIVER_TLS),
    opaque("metadata"),
    opaque("autocommit"),
    opaque("message_marking"),
    opaque("header_extraction"),
    opaque("error_backoff"),
    count("min_fetch_size", "1"),
    count("default_fetch_size", "1048576"),
    count("max_fetch_size", "0"),
];

/// The receivers by type. Only OTLP is served.
static RECEIVERS: &[Key] = &[
    section(
        "otlp",
        &[section("protocols", &[section("grpc", GRPC).used(), section("http", &OTLP_HTTP_KEYS).used()])
            .used()],
    )
    .used(),
    section(
        "jaeger",
        &[
            section(
                "protocols",
                &[
                    section("grpc", GRPC).refused_present(RECEIVER),
                    section("thrift_http", HTTP).refused_present(RECEIVER),
                    section("thrift_compact", UDP).refused_present(RECEIVER),
                    section("thrift_binary", UDP).refused_present(RECEIVER),
                ],
            ),
            opaque("remote_sampling"),
        ],
    )
    .refused_present(RECEIVER),
    section("zipkin", &ZIPKIN_KEYS).refused_present(RECEIVER),
    section("opencensus", GRPC).missing("the receiver opencensus serves nothing, as in Tempo 3.0"),
    section("kafka", KAFKA_RECEIVER).refused_present(RECEIVER),
];

static SPAN_LOG: &[Key] = &[
    boolean("enabled", "false"),
    boolean("include_all_attributes", "false"),
    boolean("filter_by_status_error", "false"),
];

static FORWARDER: &[Key] = &[
    text("name", ""),
    text("backend", "otlpgrpc"),
    section(
        "otlpgrpc",
        &[texts("endpoints", ""), section("tls", &[boolean("insecure", "false"), text("cert_file", "")])],
    ),
    section(
        "filter",
        &[text("error_mode", ""), section("traces", &[texts("span", ""), texts("spanevent", "")])],
    ),
];

pub(super) static KAFKA: &[Key] = &[
    text("address", "localhost:9092"),
    text("topic", ""),
    text("client_id", ""),
    duration("dial_timeout", "2s"),
    duration("write_timeout", "10s"),
    text("sasl_username", ""),
    secret("sasl_password"),
    text("consumer_group", ""),
    duration("consumer_group_offset_commit_interval", "1s"),
    duration("last_produced_offset_retry_timeout", "10s"),
    boolean("auto_create_topic_enabled", "true"),
    int("auto_create_topic_default_partitions", "1000"),
    count("producer_max_record_size_bytes", "15983616"),
    count("producer_max_buffered_bytes", "1073741824"),
    duration("target_consumer_lag_at_startup", "2s"),
    duration("max_consumer_lag_at_startup", "15s"),
    boolean("disable_kafka_telemetry", "false"),
    duration("consumer_group_lag_metric_update_interval", "1m"),
];

pub(super) static INGEST: &[Key] =
    &[boolean("enabled", "false").refused(KAFKA_PATH), section("kafka", KAFKA)];

pub(super) static DISTRIBUTOR: &[Key] = &[
    Key::new("receivers", Kind::Typed(RECEIVERS), "").used(),
    section("ring", RING),
    text("override_ring_key", "distributor"),
    section("log_received_spans", SPAN_LOG),
    section("log_discarded_spans", SPAN_LOG),
    boolean("log_received_traces", "false"),
    section("metric_received_spans", &[boolean("enabled", "false"), boolean("root_only", "false")]),
    sections("forwarders", FORWARDER).refused(FORWARD),
    section(
        "usage",
        &[section(
            "cost_attribution",
            &[
                boolean("enabled", "false").missing("cost attribution is not implemented yet"),
                count("max_cardinality", "10000"),
                duration("stale_duration", "15m"),
            ],
        )],
    ),
    boolean("extend_writes", "true"),
    boolean("ingester_write_path_enabled", "true"),
    boolean("kafka_write_path_enabled", "false").refused(KAFKA_PATH),
    section("kafka_config", KAFKA),
    duration("retry_after_on_resource_exhausted", "5s").used(),
    count("max_attribute_bytes", "2048").used(),
    duration("artificial_delay", "0s"),
    texts("search_tags_deny_list", ""),
];

pub(super) static CODEC: &[&str] = &["push-bytes", "otlp"];

pub(super) const fn codec() -> Key {
    choice("codec", CODEC, "push-bytes")
}
