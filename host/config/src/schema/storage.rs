//! `storage.trace`, the buckets, and `cache`.

use super::shared::CLIENT_TLS;
use super::{
    Key, Kind, boolean, choice, count, duration, float, int, opaque, secret, section, sections, text,
    text_map, texts,
};

pub(super) static S3: &[Key] = &[
    text("bucket", "").used(),
    text("endpoint", "").used(),
    text("region", "").used(),
    text("prefix", "").used(),
    secret("access_key").used(),
    secret("secret_key").used(),
    secret("session_token").used(),
    boolean("insecure", "false").used(),
    boolean("forcepathstyle", "false").used(),
    count("part_size", "0").used(),
    duration("hedge_requests_at", "0s").used(),
    int("hedge_requests_up_to", "2").used(),
    int("retry_max_attempts", "10").used(),
    duration("retry_backoff_initial", "200ms").used(),
    duration("retry_backoff_max", "1s").used(),
    boolean("signature_v2", "false").used(),
    boolean("enable_dual_stack", "false").used(),
    int("bucket_lookup_type", "0").used(),
    text_map("tags").used(),
    text("storage_class", "").used(),
    text_map("metadata").used(),
    boolean("native_aws_auth_enabled", "false"),
    int("list_blocks_concurrency", "3"),
    text("checksum_type", "").used(),
    text("iam_role", "").used(),
    section(
        "sse",
        &[
            text("type", "").used(),
            text("kms_key_id", "").used(),
            text("kms_encryption_context", "").used(),
            secret("encryption_key").used(),
        ],
    )
    .used(),
    CLIENT_TLS[1].used(),
    CLIENT_TLS[2].used(),
    CLIENT_TLS[3].used(),
    CLIENT_TLS[4].used(),
    CLIENT_TLS[5].used(),
    CLIENT_TLS[6].used(),
    text("tls_min_version", "VersionTLS12").used(),
];

pub(super) static GCS: &[Key] = &[
    text("bucket_name", "").used(),
    text("prefix", "").used(),
    // Ours: what users of other charts write.
    text("object_prefix", "").used(),
    count("chunk_buffer_size", "10485760").used(),
    text("endpoint", "").used(),
    duration("hedge_requests_at", "0s").used(),
    int("hedge_requests_up_to", "2").used(),
    boolean("insecure", "false").used(),
    text("object_cache_control", "").used(),
    text_map("object_metadata").used(),
    int("list_blocks_concurrency", "3"),
    int("max_retries", "3").used(),
];

pub(super) static AZURE: &[Key] = &[
    text("storage_account_name", "").used(),
    secret("storage_account_key").used(),
    boolean("use_managed_identity", "false").used(),
    boolean("use_federated_token", "false").used(),
    text("user_assigned_id", "").used(),
    text("container_name", "").used(),
    text("prefix", "").used(),
    text("endpoint_suffix", "blob.core.windows.net").used(),
    int("max_buffers", "4"),
    count("buffer_size", "3145728").used(),
    duration("hedge_requests_at", "0s").used(),
    int("hedge_requests_up_to", "2").used(),
    boolean("use_v2_sdk", "false"),
];

pub(super) static COLUMN: &[Key] = &[
    choice("scope", &["resource", "span", "event"], "span").used(),
    text("name", "").used(),
    choice("type", &["string", "int"], "string").used(),
    texts("options", "").used(),
];

/// The 14 columns of Tempo since 2.10, in its order.
const COLUMNS: &str = "[\
{scope: resource, name: k8s.cluster.name, type: string}, \
{scope: resource, name: k8s.namespace.name, type: string}, \
{scope: resource, name: k8s.pod.name, type: string}, \
{scope: resource, name: k8s.container.name, type: string}, \
{scope: span, name: http.request.method, type: string}, \
{scope: span, name: http.response.status_code, type: int}, \
{scope: span, name: url.path, type: string}, \
{scope: span, name: url.route, type: string}, \
{scope: span, name: server.address, type: string}, \
{scope: span, name: server.port, type: int}, \
{scope: span, name: http.method, type: string}, \
{scope: span, name: http.url, type: string}, \
{scope: span, name: http.route, type: string}, \
{scope: span, name: http.status_code, type: int}]";

pub(super) static VERSIONS: &[&str] = &["vParquet5", "vParquet4", "vParquet3", "vParquet2", "vParquet", "v2"];

pub(super) static BLOCK: &[Key] = &[
    choice("version", VERSIONS, "vParquet4").used(),
    float("bloom_filter_false_positive", "0.01").used(),
    count("bloom_filter_shard_size_bytes", "102400").used(),
    count("parquet_row_group_size_bytes", "100000000").used(),
    Key::new("parquet_dedicated_columns", Kind::Sections(COLUMN), COLUMNS).used(),
    text("search_encoding", ""),
    count("search_page_size_bytes", "0"),
    count("v2_index_downsample_bytes", "0"),
    count("v2_index_page_size_bytes", "0"),
    text("v2_encoding", ""),
    count("index_downsample_bytes", "0"),
    count("index_page_size_bytes", "0"),
    text("encoding", ""),
];

const MEMCACHED_LEN: usize = 14;
const MEMCACHED_KEYS: [Key; MEMCACHED_LEN + 8] = {
    let own: [Key; MEMCACHED_LEN] = [
        text("host", ""),
        text("service", "memcached"),
        text("addresses", ""),
        duration("timeout", "100ms"),
        int("max_idle_conns", "16"),
        int("max_item_size", "0"),
        duration("update_interval", "1m"),
        boolean("consistent_hash", "true"),
        int("circuit_breaker_consecutive_failures", "10"),
        duration("circuit_breaker_timeout", "10s"),
        duration("circuit_breaker_interval", "10s"),
        duration("expiration", "0s"),
        duration("ttl", "0s"),
        int("batch_size", "0"),
    ];
    let mut keys = [own[0]; MEMCACHED_LEN + 8];
    let mut i = 0;
    while i < MEMCACHED_LEN {
        keys[i] = own[i];
        i += 1;
    }
    while i < MEMCACHED_LEN + 8 {
        keys[i] = CLIENT_TLS[i - MEMCACHED_LEN];
        i += 1;
    }
    keys
};

static MEMCACHED: &[Key] = &MEMCACHED_KEYS;

static REDIS: &[Key] = &[
    text("endpoint", ""),
    text("master_name", ""),
    duration("timeout", "500ms"),
    duration("expiration", "0s"),
    duration("ttl", "0s"),
    int("db", "0"),
    int("pool_size", "0"),
    text("username", ""),
    secret("password"),
    text("sentinel_username", ""),
    secret("sentinel_password"),
    boolean("tls_enabled", "false"),
    boolean("tls_insecure_skip_verify", "false"),
    duration("idle_timeout", "0s"),
    duration("max_connection_age", "0s"),
];

static BACKGROUND: &[Key] = &[int("writeback_goroutines", "10"), int("writeback_buffer", "10000")];

static ROLES: &[&str] = &[
    "bloom",
    "trace-id-index",
    "parquet-footer",
    "parquet-column-idx",
    "parquet-offset-idx",
    "parquet-page",
    "frontend-search",
];

/// The words that `roles` may hold.
pub(crate) const fn cache_roles() -> &'static [&'static str] {
    ROLES
}

/// The server has a cache of its own; shared caches come later.
pub(super) static CACHE: &[Key] = &[
    section("background", BACKGROUND),
    sections("caches", &[texts("roles", ""), section("memcached", MEMCACHED), section("redis", REDIS)]),
];

static TRACE: &[Key] = &[
    choice("backend", &["local", "s3", "gcs", "azure"], "").used(),
    section("local", &[text("path", "").used()]).used(),
    section("s3", S3).used(),
    section("gcs", GCS).used(),
    section("azure", AZURE),
    section(
        "wal",
        &[
            text("path", "/var/tempo/wal").used(),
            duration("ingestion_time_range_slack", "2m"),
            text("v2_encoding", "snappy"),
            text("search_encoding", "none"),
            text("version", ""),
            text("encoding", "snappy"),
            text("completedfilepath", ""),
            text("blocksfilepath", ""),
        ],
    ),
    section("block", BLOCK).used(),
    section("pool", &[count("max_workers", "400"), count("queue_depth", "20000")]),
    section(
        "search",
        &[
            count("chunk_size_bytes", "1000000"),
            int("prefetch_trace_count", "1000"),
            int("read_buffer_count", "32"),
            count("read_buffer_size_bytes", "1048576"),
            section(
                "cache_control",
                &[
                    boolean("footer", "false"),
                    boolean("column_index", "false"),
                    boolean("offset_index", "false"),
                ],
            ),
        ],
    ),
    duration("blocklist_poll", "5m").used(),
    // Ours.
    boolean("read_only", "false").used(),
    int("blocklist_poll_concurrency", "50").used(),
    int("blocklist_poll_tenant_concurrency", "0").used(),
    boolean("blocklist_poll_fallback", "true").used(),
    int("blocklist_poll_tenant_index_builders", "2").used(),
    duration("blocklist_poll_stale_tenant_index", "0s").used(),
    int("blocklist_poll_jitter_ms", "0").used(),
    int("blocklist_poll_tolerate_consecutive_errors", "1").used(),
    int("blocklist_poll_tolerate_tenant_failures", "1").used(),
    boolean("empty_tenant_deletion_enabled", "false"),
    duration("empty_tenant_deletion_age", "0s"),
    choice("cache", &["memcached", "redis"], ""),
    section("memcached", MEMCACHED),
    section("redis", REDIS),
    section("background_cache", BACKGROUND),
    int("cache_min_compaction_level", "0"),
    duration("cache_max_block_age", "0s"),
];

pub(super) static STORAGE: &[Key] = &[section("trace", TRACE).used()];

/// The client of `user_configurable_overrides`.
pub(super) static OVERRIDES_CLIENT: &[Key] = &[
    choice("backend", &["local", "s3", "gcs", "azure"], ""),
    boolean("confirm_versioning", "true"),
    section("local", &[text("path", "")]),
    section("s3", S3),
    section("gcs", GCS),
    section("azure", AZURE),
];

/// A section Tempo ignores as a whole.
pub(super) const fn ignored(name: &'static str) -> Key {
    opaque(name)
}
