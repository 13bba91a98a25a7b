//! The configuration as the server reads it: typed, with Tempo's names and defaults.

use crate::buckets::Backend;
use crate::overrides::Limits;
use crate::plugins::Plugins;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything the server is told. Tuning keys without effect here are checked and named, but not kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `target`: which part of the system this process is; see [`Config::check_target`].
    pub target: String,
    /// `multitenancy_enabled` or the older `auth_enabled`.
    pub multitenancy_enabled: bool,
    /// `http_api_prefix`: before API routes only, without a slash at its end.
    pub http_api_prefix: String,
    /// `stream_over_http_enabled`: gRPC on the HTTP port too.
    pub stream_over_http_enabled: bool,
    /// `shutdown_delay`: between SIGTERM and the stop; `/ready` says 503 meanwhile.
    pub shutdown_delay: Duration,
    /// `server`.
    pub server: Server,
    /// `distributor`.
    pub distributor: Distributor,
    /// `live_store` of 3.0 or `ingester` of 2.x.
    pub live: Live,
    /// `storage.trace`.
    pub storage: Storage,
    /// Compaction and retention, wherever 2.x and 3.0 put them.
    pub compaction: Compaction,
    /// `query_frontend`.
    pub query_frontend: QueryFrontend,
    /// `querier`.
    pub querier: Querier,
    /// `overrides`.
    pub overrides: OverridesConfig,
    /// `plugins`.
    pub plugins: Plugins,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listen {
    /// Name or address without brackets; empty for all interfaces.
    pub host: String,
    /// The port after shifting by `--port-base`.
    pub port: u16,
}

impl Listen {
    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it takes every interface.
    pub fn is_wildcard(&self) -> bool {
        self.host.is_empty()
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.host {
            "" => write!(f, "0.0.0.0:{}", self.port),
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// `log_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// The usual.
    #[default]
    Info,
    /// What needs attention.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The word in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// `log_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `key=value`.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// `server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http_listen_address` and `_port`.
    pub http: Listen,
    /// `grpc_listen_address` and `_port`.
    pub grpc: Listen,
    /// `http_listen_conn_limit`; 0 for none.
    pub http_connections_max: usize,
    /// `grpc_listen_conn_limit`; 0 for none.
    pub grpc_connections_max: usize,
    /// `http_server_read_timeout`.
    pub http_read_timeout: Duration,
    /// `http_server_write_timeout`: bounds a query as well.
    pub http_write_timeout: Duration,
    /// `http_server_idle_timeout`.
    pub http_idle_timeout: Duration,
    /// `grpc_server_max_recv_msg_size`; not for OTLP.
    pub grpc_receive_bytes_max: usize,
    /// `grpc_server_max_send_msg_size`.
    pub grpc_send_bytes_max: usize,
    /// `grpc_server_max_concurrent_streams`, per connection; 0 for no limit.
    pub grpc_streams_max: u32,
    /// `graceful_shutdown_timeout`.
    pub graceful_shutdown_timeout: Duration,
    /// `log_level`.
    pub log_level: LogLevel,
    /// `log_format`.
    pub log_format: LogFormat,
}

/// `distributor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distributor {
    /// Every `receivers.otlp` and `receivers.otlp/<name>`.
    pub otlp: Vec<OtlpReceiver>,
    /// `retry_after_on_resource_exhausted`: the delay in RetryInfo; zero sends none.
    pub retry_after: Duration,
    /// `max_attribute_bytes`: longer keys and texts are cut; 0 for never.
    pub attribute_bytes_max: usize,
}

/// One OTLP receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpReceiver {
    /// `otlp` or `otlp/<name>`: labels metrics and logs.
    pub name: String,
    /// `protocols.grpc`.
    pub grpc: Option<OtlpGrpc>,
    /// `protocols.http`.
    pub http: Option<OtlpHttp>,
}

/// `protocols.grpc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpGrpc {
    /// `endpoint`.
    pub listen: Listen,
    /// `max_recv_msg_size_mib`, in bytes.
    pub message_bytes_max: usize,
    /// `max_concurrent_streams`, per connection; 0 for no limit.
    pub streams_max: u32,
}

/// `protocols.http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpHttp {
    /// `endpoint`.
    pub listen: Listen,
    /// `max_request_body_size`: of the body after decompression.
    pub body_bytes_max: usize,
}

/// When traces are cut from the live ones, and blocks built from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// `live_store.max_trace_idle`, `ingester.trace_idle_period`.
    pub trace_idle: Duration,
    /// `live_store.max_trace_live`, `ingester.trace_live_period`.
    pub trace_live_max: Duration,
    /// `max_block_duration`.
    pub block_duration_max: Duration,
    /// `max_block_bytes`.
    pub block_bytes_max: u64,
    /// `complete_block_timeout`: how long local copies stay after the flush.
    pub complete_block_timeout: Duration,
    /// `flush_check_period`.
    pub flush_check_period: Duration,
    /// `flush_op_timeout`.
    pub flush_timeout: Duration,
    /// `live_store.complete_block_concurrency`, `ingester.concurrent_flushes`.
    pub flush_concurrency: usize,
    /// `live_store.max_live_traces_bytes`.
    pub live_bytes_max: u64,
    /// `live_store.shutdown_marker_dir`.
    pub shutdown_marker_dir: PathBuf,
    /// `ingester.flush_all_on_shutdown`.
    pub flush_on_shutdown: bool,
}

/// `storage.trace`.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// `backend`, with its settings.
    pub backend: Backend,
    /// `storage.trace.wal.path`, or `live_store.wal.path` where that is set.
    pub wal_path: PathBuf,
    /// Where a Tempo of this configuration keeps logs and blocks that are not uploaded yet.
    pub tempo_paths: Vec<PathBuf>,
    /// `blocklist_poll*`.
    pub poll: Poll,
    /// `read_only`: nothing is written to the store.
    pub read_only: bool,
    /// `block`.
    pub block: BlockOptions,
}

/// How the bucket's blocks are learned of: `blocklist_poll` and the keys that begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// `blocklist_poll`.
    pub interval: Duration,
    /// `…_concurrency`: metas read at once.
    pub concurrency_max: usize,
    /// `…_tenant_concurrency`.
    pub tenant_concurrency_max: usize,
    /// `…_fallback`: list where there is no index.
    pub fallback: bool,
    /// `…_tenant_index_builders` is not 0: this process writes the index.
    pub builds_index: bool,
    /// `…_stale_tenant_index`; zero for any age.
    pub stale_index: Duration,
    /// `…_jitter_ms`.
    pub jitter: Duration,
    /// `…_tolerate_consecutive_errors`.
    pub tolerated_errors: usize,
    /// `…_tolerate_tenant_failures`.
    pub tolerated_tenant_failures: usize,
}

/// `storage.trace.block`.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOptions {
    /// `version`.
    pub version: BlockVersion,
    /// `bloom_filter_false_positive`, above 0 and below 1.
    pub bloom_false_positive: f64,
    /// `bloom_filter_shard_size_bytes`, at least 1.
    pub bloom_shard_bytes: usize,
    /// `parquet_row_group_size_bytes`.
    pub row_group_bytes: u64,
    /// `parquet_dedicated_columns`, in order; per scope at most 20 of strings and 5 of integers.
    pub dedicated_columns: Vec<DedicatedColumn>,
}

/// The version of the format in which blocks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockVersion {
    /// `vParquet4`.
    V4,
    /// `vParquet5`.
    V5,
}

/// An attribute with a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedicatedColumn {
    /// `scope`.
    pub scope: ColumnScope,
    /// `name`: the attribute.
    pub name: String,
    /// `type`.
    pub kind: ColumnKind,
    /// `options`.
    pub options: Vec<ColumnOption>,
}

/// What is expected of the values of a dedicated column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnOption {
    /// `array`: arrays.
    Array,
    /// `blob`: large ones that hardly repeat.
    Blob,
}

impl ColumnOption {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Array, Self::Blob];

    /// As configured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Blob => "blob",
        }
    }
}

/// Whose attribute a dedicated column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnScope {
    /// The resource's.
    Resource,
    /// The span's.
    Span,
    /// An event's.
    Event,
}

/// What a dedicated column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Strings.
    String,
    /// 64-bit integers.
    Int,
}

/// Compaction and retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// `compactor.disabled`: another compactor owns the bucket.
    pub disabled: bool,
    /// `compactor.dry_run`: say what would be done and do nothing.
    pub dry_run: bool,
    /// `block_retention`.
    pub block_retention: Duration,
    /// Whether `block_retention` is written down anywhere, or is the default.
    pub block_retention_set: bool,
    /// `compacted_block_retention`.
    pub compacted_block_retention: Duration,
    /// `compaction_window`.
    pub compaction_window: Duration,
    /// `max_block_bytes`.
    pub block_bytes_max: u64,
    /// `max_compaction_objects`.
    pub objects_max: u64,
    /// `min_input_blocks`.
    pub input_blocks_min: usize,
    /// `max_input_blocks`.
    pub input_blocks_max: usize,
    /// `max_compaction_level`; 0 for none.
    pub level_max: u32,
    /// `max_time_per_tenant`.
    pub tenant_time_max: Duration,
    /// Between two cycles: `compaction_cycle` of 2.x, `min_cycle_interval` of 3.0.
    pub cycle: Duration,
    /// Between two runs of retention: `provider.retention.interval`.
    pub retention_interval: Duration,
}

/// `query_frontend`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFrontend {
    /// `max_outstanding_per_tenant`: queued requests before 429.
    pub outstanding_per_tenant_max: usize,
    /// `multi_tenant_queries_enabled`.
    pub multi_tenant_queries_enabled: bool,
    /// `api_timeout`; zero for none.
    pub api_timeout: Duration,
    /// `max_query_expression_size_bytes`.
    pub query_bytes_max: usize,
    /// `search`.
    pub search: Search,
    /// `metrics`.
    pub metrics: MetricsQueries,
}

/// `query_frontend.search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// `default_result_limit`.
    pub results_default: usize,
    /// `max_result_limit`; 0 for none.
    pub results_max: usize,
    /// `max_duration`: the widest range; zero for none. A tenant's `max_search_duration` wins.
    pub range_max: Duration,
    /// `query_backend_after`: the range of a search that names none.
    pub query_backend_after: Duration,
    /// `default_spans_per_span_set`.
    pub spans_per_span_set_default: usize,
    /// `max_spans_per_span_set`; 0 for none.
    pub spans_per_span_set_max: usize,
}

/// `query_frontend.metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsQueries {
    /// `max_duration`; zero for none.
    pub range_max: Duration,
    /// `max_exemplars`.
    pub exemplars_max: usize,
    /// `max_response_series`; 0 for none.
    pub series_max: usize,
    /// `max_intervals`.
    pub intervals_max: usize,
}

/// `querier`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Querier {
    /// `max_concurrent_queries`.
    pub queries_max: usize,
    /// `search.query_timeout`.
    pub search_timeout: Duration,
    /// `trace_by_id.query_timeout`.
    pub trace_by_id_timeout: Duration,
}

/// `overrides`.
#[derive(Debug, Clone, PartialEq)]
pub struct OverridesConfig {
    /// `defaults`, merged over the built-in ones.
    pub defaults: Limits,
    /// `per_tenant_override_config`: a file to read and to read again.
    pub per_tenant_file: Option<PathBuf>,
    /// `per_tenant_override_period`.
    pub per_tenant_period: Duration,
}

/// A target that this version cannot run. The process ends with
/// [`EXIT_FAILED_START`](crate::EXIT_FAILED_START).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A module of Tempo.
    #[error("target `{0}` is not supported yet; this version runs `all` (every module in one process) only")]
    Unsupported(String),
    /// No module at all.
    #[error("unrecognised module name: {0}; this version runs `all` (every module in one process) only")]
    Unknown(String),
}

const TARGETS: [&str; 13] = [
    "scalable-single-binary",
    "distributor",
    "ingester",
    "live-store",
    "block-builder",
    "metrics-generator",
    "metrics-generator-no-local-blocks",
    "query-frontend",
    "querier",
    "compactor",
    "backend-scheduler",
    "backend-worker",
    "overrides-api",
];

impl Config {
    /// Whether the target can be run: only `all` can. Replicas of a `scalable-single-binary` would each
    /// know a part of the traces and answer for all of them, so it is no alias.
    pub fn check_target(&self) -> Result<(), TargetError> {
        match &*self.target {
            "all" | "" => Ok(()),
            target if TARGETS.contains(&target) => Err(TargetError::Unsupported(target.to_owned())),
            target => Err(TargetError::Unknown(target.to_owned())),
        }
    }

    /// Every address the server will listen on, with the key that says so.
    pub fn listeners(&self) -> Vec<(String, &Listen)> {
        let mut all = vec![
            ("server.http_listen_port".to_owned(), &self.server.http),
            ("server.grpc_listen_port".to_owned(), &self.server.grpc),
        ];
        for receiver in &self.distributor.otlp {
            let path = format!("distributor.receivers.{}.protocols", receiver.name);
            if let Some(grpc) = &receiver.grpc {
                all.push((format!("{path}.grpc.endpoint"), &grpc.listen));
            }
            if let Some(http) = &receiver.http {
                all.push((format!("{path}.http.endpoint"), &http.listen));
            }
        }
        all
    }
}
