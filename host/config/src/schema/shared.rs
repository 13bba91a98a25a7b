//! Sections that occur in several places: rings, clients, TLS, retries.

use super::{Key, boolean, count, duration, float, int, port, secret, section, text, texts};

pub(super) static BACKOFF: &[Key] =
    &[duration("min_period", "100ms"), duration("max_period", "10s"), int("max_retries", "10")];

/// A listener's TLS in `server`.
pub(super) static SERVER_TLS: &[Key] = &[
    text("cert_file", ""),
    text("key_file", ""),
    text("client_auth_type", ""),
    text("client_ca_file", ""),
    text("cert", ""),
    secret("key"),
    text("client_ca", ""),
    text("cipher_suites", ""),
    text("min_version", ""),
];

/// A receiver's TLS, by the OpenTelemetry Collector's names.
pub(super) static RECEIVER_TLS: &[Key] = &[
    text("cert_file", ""),
    text("key_file", ""),
    text("ca_file", ""),
    text("client_ca_file", ""),
    boolean("client_ca_file_reload", "false"),
    text("cert_pem", ""),
    secret("key_pem"),
    text("ca_pem", ""),
    text("min_version", ""),
    text("max_version", ""),
    texts("cipher_suites", ""),
    texts("curve_preferences", ""),
    duration("reload_interval", "0s"),
    boolean("include_system_ca_certs_pool", "false"),
    boolean("insecure", "false"),
    boolean("insecure_skip_verify", "false"),
    text("server_name_override", ""),
];

const TLS_ENABLED: Key = boolean("tls_enabled", "false");
const TLS_CERT: Key = text("tls_cert_path", "");
const TLS_KEY: Key = text("tls_key_path", "");
const TLS_CA: Key = text("tls_ca_path", "");
const TLS_SERVER_NAME: Key = text("tls_server_name", "");
const TLS_SKIP_VERIFY: Key = boolean("tls_insecure_skip_verify", "false");
const TLS_CIPHERS: Key = text("tls_cipher_suites", "");
const TLS_MIN: Key = text("tls_min_version", "");

/// The client of another Tempo process: none is opened in a single process.
pub(super) static GRPC_CLIENT: &[Key] = &[
    count("max_recv_msg_size", "104857600"),
    count("max_send_msg_size", "104857600"),
    text("grpc_compression", "snappy"),
    float("rate_limit", "0"),
    int("rate_limit_burst", "0"),
    boolean("backoff_on_ratelimits", "false"),
    section("backoff_config", BACKOFF),
    text("initial_stream_window_size", "63KiB1023B"),
    text("initial_connection_window_size", "63KiB1023B"),
    duration("connect_timeout", "5s"),
    duration("connect_backoff_base_delay", "1s"),
    duration("connect_backoff_max_delay", "5s"),
    section("cluster_validation", &[text("label", "")]),
    TLS_ENABLED,
    TLS_CERT,
    TLS_KEY,
    TLS_CA,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    TLS_CIPHERS,
    TLS_MIN,
];

pub(super) static POOLED_CLIENT: &[Key] = &[
    section(
        "pool_config",
        &[
            duration("checkinterval", "15s"),
            boolean("healthcheckenabled", "true"),
            duration("healthchecktimeout", "1s"),
            duration("healthcheckgraceperiod", "0s"),
            int("maxconcurrenthealthchecks", "0"),
        ],
    ),
    duration("remote_timeout", "5s"),
    section("grpc_client_config", GRPC_CLIENT),
];

pub(super) static KVSTORE: &[Key] = &[
    text("store", "memberlist"),
    text("prefix", "collectors/"),
    section(
        "consul",
        &[
            text("host", "localhost:8500"),
            secret("acl_token"),
            duration("http_client_timeout", "20s"),
            boolean("consistent_reads", "false"),
            float("watch_rate_limit", "1"),
            int("watch_burst_size", "1"),
            duration("cas_retry_delay", "1s"),
        ],
    ),
    section(
        "etcd",
        &[
            texts("endpoints", ""),
            duration("dial_timeout", "10s"),
            int("max_retries", "10"),
            TLS_ENABLED,
            TLS_CERT,
            TLS_KEY,
            TLS_CA,
            TLS_SERVER_NAME,
            TLS_SKIP_VERIFY,
            TLS_CIPHERS,
            TLS_MIN,
            text("username", ""),
            secret("password"),
        ],
    ),
    section(
        "multi",
        &[
            text("primary", ""),
            text("secondary", ""),
            boolean("mirror_enabled", "false"),
            duration("mirror_timeout", "2s"),
        ],
    ),
];

pub(super) static RING: &[Key] = &[
    section("kvstore", KVSTORE),
    duration("heartbeat_period", "5s"),
    duration("heartbeat_timeout", "1m"),
    duration("wait_stability_min_duration", "1m"),
    duration("wait_stability_max_duration", "5m"),
    duration("wait_active_instance_timeout", "10m"),
    text("instance_id", ""),
    text("instance_zone", ""),
    text("instance_addr", ""),
    int("instance_port", "0"),
    texts("instance_interface_names", "[eth0, en0]"),
    text("instance_availability_zone", ""),
    boolean("instance_enable_ipv6", "false"),
    boolean("enable_inet6", "false"),
];

pub(super) static PARTITION_RING: &[Key] = &[
    section("kvstore", KVSTORE),
    int("min_partition_owners_count", "1"),
    duration("min_partition_owners_duration", "10s"),
    duration("delete_inactive_partition_after", "13h"),
];

pub(super) static MEMBERLIST: &[Key] = &[
    text("node_name", ""),
    boolean("randomize_node_name", "true"),
    texts("join_members", ""),
    port("bind_port", "7946"),
    texts("bind_addr", ""),
    text("advertise_addr", ""),
    port("advertise_port", "7946"),
    text("cluster_label", ""),
    boolean("cluster_label_verification_disabled", "false"),
    boolean("abort_if_cluster_join_fails", "false"),
    boolean("abort_if_cluster_fast_join_fails", "false"),
    int("abort_if_cluster_fast_join_fails_min_nodes", "1"),
    duration("rejoin_interval", "0s"),
    texts("rejoin_seed_nodes", ""),
    duration("min_join_backoff", "1s"),
    duration("max_join_backoff", "1m"),
    int("max_join_retries", "10"),
    duration("left_ingesters_timeout", "5m"),
    duration("obsolete_entries_timeout", "30s"),
    duration("leave_timeout", "20s"),
    duration("broadcast_timeout_for_local_updates_on_shutdown", "10s"),
    int("message_history_buffer_bytes", "0"),
    int("watch_prefix_buffer_size", "128"),
    duration("stream_timeout", "2s"),
    duration("packet_dial_timeout", "2s"),
    duration("packet_write_timeout", "5s"),
    int("max_concurrent_writes", "3"),
    duration("acquire_writer_timeout", "250ms"),
    int("retransmit_factor", "2"),
    duration("pull_push_interval", "30s"),
    duration("gossip_interval", "1s"),
    int("gossip_nodes", "2"),
    duration("gossip_to_dead_nodes_time", "30s"),
    duration("dead_node_reclaim_time", "0s"),
    boolean("compression_enabled", "false"),
    duration("notify_interval", "0s"),
    int("received_messages_queue_size", "1024"),
    section(
        "zone_aware_routing",
        &[boolean("enabled", "false"), text("instance_availability_zone", ""), text("role", "member")],
    ),
    section(
        "propagation_delay_tracker",
        &[
            boolean("enabled", "false"),
            duration("beacon_interval", "1m"),
            duration("beacon_lifetime", "10m"),
            duration("log_beacons_latency_longer_than", "0s"),
        ],
    ),
    TLS_ENABLED,
    TLS_CERT,
    TLS_KEY,
    TLS_CA,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    TLS_CIPHERS,
    TLS_MIN,
];

/// Inside a cache's or a bucket's section.
pub(super) const CLIENT_TLS: [Key; 8] =
    [TLS_ENABLED, TLS_CERT, TLS_KEY, TLS_CA, TLS_SERVER_NAME, TLS_SKIP_VERIFY, TLS_CIPHERS, TLS_MIN];
