//! `server` and `internal_server`.

use super::shared::SERVER_TLS;
use super::{Key, boolean, choice, count, duration, int, port, section, text, texts};

const TLS: &str = "TLS on the server is not implemented yet, and would be served as plain text; \
                   remove the key and put a proxy in front";
const VALIDATION: &str = "cluster validation is not implemented yet";
const FOREVER: &str = "2562047h47m16.854775807s";

pub(super) static SERVER: &[Key] = &[
    text("http_listen_address", "").used(),
    port("http_listen_port", "3200").used(),
    choice("http_listen_network", &["tcp", "tcp4", "tcp6"], "tcp"),
    count("http_listen_conn_limit", "0").used(),
    text("grpc_listen_address", "").used(),
    port("grpc_listen_port", "9095").used(),
    choice("grpc_listen_network", &["tcp", "tcp4", "tcp6"], "tcp"),
    count("grpc_listen_conn_limit", "0").used(),
    boolean("proxy_protocol_enabled", "false").refused("the PROXY protocol is not implemented yet"),
    text("tls_cipher_suites", ""),
    text("tls_min_version", ""),
    section("http_tls_config", SERVER_TLS).refused(TLS),
    section("grpc_tls_config", SERVER_TLS).refused(TLS),
    boolean("register_instrumentation", "true"),
    boolean("report_grpc_codes_in_instrumentation_label_enabled", "false"),
    duration("graceful_shutdown_timeout", "30s").used(),
    duration("http_server_read_timeout", "30s").used(),
    duration("http_server_read_header_timeout", "0s"),
    duration("http_server_write_timeout", "30s").used(),
    duration("http_server_idle_timeout", "2m").used(),
    boolean("http_log_closed_connections_without_response_enabled", "false"),
    count("grpc_server_max_recv_msg_size", "16777216").used(),
    count("grpc_server_max_send_msg_size", "16777216").used(),
    count("grpc_server_max_concurrent_streams", "100").used(),
    duration("grpc_server_max_connection_idle", FOREVER),
    duration("grpc_server_max_connection_age", FOREVER),
    duration("grpc_server_max_connection_age_grace", FOREVER),
    duration("grpc_server_keepalive_time", "2h"),
    duration("grpc_server_keepalive_timeout", "20s"),
    duration("grpc_server_min_time_between_pings", "10s"),
    boolean("grpc_server_ping_without_stream_allowed", "true"),
    int("grpc_server_num_workers", "0"),
    boolean("grpc_server_stats_tracking_enabled", "true"),
    boolean("grpc_server_recv_buffer_pools_enabled", "false"),
    boolean("grpc_collect_max_streams_by_conn", "true"),
    count("grpc_server_read_buffer_size", "32768"),
    count("grpc_server_write_buffer_size", "32768"),
    choice("log_format", &["logfmt", "json"], "logfmt").used(),
    choice("log_level", &["debug", "info", "warn", "error"], "info").used(),
    boolean("log_source_ips_enabled", "false"),
    boolean("log_source_ips_full", "false"),
    text("log_source_ips_header", ""),
    text("log_source_ips_regex", ""),
    boolean("log_request_headers", "false"),
    boolean("log_request_at_info_level_enabled", "false"),
    text("log_request_exclude_headers_list", ""),
    boolean("trace_request_headers", "false"),
    text("trace_request_exclude_headers_list", ""),
    boolean("create_new_traces", "false"),
    text("http_path_prefix", "")
        .refused("a prefix for every route is not implemented yet; see `http_api_prefix`"),
    section(
        "cluster_validation",
        &[
            text("label", ""),
            texts("additional_labels", ""),
            section(
                "grpc",
                &[boolean("enabled", "false").refused(VALIDATION), boolean("soft_validation", "false")],
            ),
            section(
                "http",
                &[
                    boolean("enabled", "false").refused(VALIDATION),
                    boolean("soft_validation", "false"),
                    text("excluded_paths", ""),
                    text("excluded_user_agents", ""),
                ],
            ),
        ],
    ),
];

/// The same keys without effect but for the switch that turns the second server on.
pub(super) static INTERNAL_SERVER: &[Key] = &INTERNAL;

const INTERNAL: [Key; SERVER.len() + 1] = {
    let switch = boolean("enable", "false")
        .refused("the internal server for probes is not implemented yet; probe the main port");
    let mut keys = [switch; SERVER.len() + 1];
    let mut i = 0;
    while i < SERVER.len() {
        // Without the second server none of its keys can have an effect.
        keys[i] = Key { effect: super::Effect::Ignored, ..SERVER[i] };
        i += 1;
    }
    keys
};
