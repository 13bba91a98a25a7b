//! From a checked document to the typed configuration.

use crate::buckets::{Backend, Buckets};
use crate::check::Findings;
use crate::columns::{check_columns, columns};
use crate::config::{
    BlockOptions, BlockVersion, Compaction, Config, Distributor, Listen, Live, LogFormat, LogLevel,
    MetricsQueries, OtlpGrpc, OtlpHttp, OtlpReceiver, OverridesConfig, Poll, Querier, QueryFrontend, Search,
    Server, Storage,
};
use crate::overrides::Limits;
use crate::plugins::{Plugins, plugins};
use crate::scalar;
use crate::values::{Values, scalar_text};
use crate::yaml::{Node, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Largest OTLP gRPC message when nothing is set: the library default that Tempo has.
const GRPC_MESSAGE_BYTES: usize = 4 << 20;
/// Largest OTLP/HTTP body when nothing is set.
const HTTP_BODY_BYTES: usize = 20 << 20;
/// Where Tempo's images and charts keep blocks.
const LOCAL_PATH: &str = "/var/tempo/traces";

/// What `build` needs beside the document.
pub(crate) struct Builder<'a> {
    pub(crate) values: Values<'a>,
    pub(crate) findings: &'a mut Findings,
    pub(crate) warnings: &'a mut Vec<String>,
    pub(crate) port_base: u16,
}

impl Builder<'_> {
    pub(crate) fn config(&mut self) -> Config {
        let values = self.values;
        let prefix = values.text("http_api_prefix");
        let trimmed = prefix.trim_matches('/');
        let config = Config {
            target: values.text("target"),
            multitenancy_enabled: values.boolean("multitenancy_enabled") || values.boolean("auth_enabled"),
            http_api_prefix: if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") },
            stream_over_http_enabled: values.boolean("stream_over_http_enabled"),
            shutdown_delay: values.duration("shutdown_delay"),
            server: self.server(),
            distributor: Distributor {
                otlp: self.receivers(),
                retry_after: values.duration("distributor.retry_after_on_resource_exhausted"),
                attribute_bytes_max: values.size("distributor.max_attribute_bytes"),
            },
            live: self.live(),
            storage: self.storage(),
            compaction: compaction(&values),
            query_frontend: query_frontend(&values),
            querier: Querier {
                queries_max: values.size("querier.max_concurrent_queries"),
                search_timeout: values.duration("querier.search.query_timeout"),
                trace_by_id_timeout: values.duration("querier.trace_by_id.query_timeout"),
            },
            overrides: OverridesConfig {
                defaults: Limits::defaults(&values.node("overrides.defaults")),
                per_tenant_file: some_path(values.text("overrides.per_tenant_override_config")),
                per_tenant_period: values.duration("overrides.per_tenant_override_period"),
            },
            plugins: self.plugins(),
        };
        let columns_path = "overrides.defaults.storage.parquet_dedicated_columns";
        self.check_columns(&values.node(columns_path), columns_path);
        self.check_ports(&config);
        config
    }

    fn plugins(&mut self) -> Plugins {
        let values = self.values;
        let listen = (values.port("plugins.admin.listen_port") != 0)
            .then(|| self.listen("plugins.admin.listen_address", "plugins.admin.listen_port"));
        let misplaced = "overrides.defaults.plugins.chain";
        if matches!(values.node_if_set(misplaced).value, Value::List(entries) if !entries.is_empty()) {
            self.problem(misplaced, "the chain of all tenants is `plugins.chain`");
        }
        plugins(&values, listen, self.findings)
    }

    fn problem(&mut self, path: &str, message: impl Into<String>) {
        let node = self.values.node(path);
        self.findings.problem(&node, path, message);
    }

    fn shifted(&mut self, path: &str, port: u16) -> u16 {
        port.checked_add(self.port_base).unwrap_or_else(|| {
            let message = format!("port {port} shifted by {} exceeds {}", self.port_base, u16::MAX);
            self.problem(path, message);
            port
        })
    }

    fn server(&mut self) -> Server {
        let values = self.values;
        Server {
            http: self.listen("server.http_listen_address", "server.http_listen_port"),
            grpc: self.listen("server.grpc_listen_address", "server.grpc_listen_port"),
            http_connections_max: values.size("server.http_listen_conn_limit"),
            grpc_connections_max: values.size("server.grpc_listen_conn_limit"),
            http_read_timeout: values.duration("server.http_server_read_timeout"),
            http_write_timeout: values.duration("server.http_server_write_timeout"),
            http_idle_timeout: values.duration("server.http_server_idle_timeout"),
            grpc_receive_bytes_max: values.size("server.grpc_server_max_recv_msg_size"),
            grpc_send_bytes_max: values.size("server.grpc_server_max_send_msg_size"),
            grpc_streams_max: streams(values.count("server.grpc_server_max_concurrent_streams")),
            graceful_shutdown_timeout: values.duration("server.graceful_shutdown_timeout"),
            log_level: match &*values.text("server.log_level") {
                "debug" => LogLevel::Debug,
                "warn" => LogLevel::Warn,
                "error" => LogLevel::Error,
                _ => LogLevel::Info,
            },
            log_format: match &*values.text("server.log_format") {
                "json" => LogFormat::Json,
                _ => LogFormat::Logfmt,
            },
        }
    }

    /// An address that may carry a port of its own.
    fn listen(&mut self, address_path: &str, port_path: &str) -> Listen {
        let address = self.values.text(address_path);
        let port = self.values.port(port_path);
        let (host, port) = match split_port(&address) {
            Some((host, own)) => {
                if self.values.is_set(port_path) && own != port {
                    self.problem(address_path, format!("port {own} contradicts `{port_path}` {port}"));
                }
                (host.to_owned(), own)
            }
            None => (address.trim_matches(['[', ']']).to_owned(), port),
        };
        if !host_ok(&host) {
            self.problem(address_path, format!("`{address}` is not an address"));
        }
        Listen { host, port: self.shifted(port_path, port) }
    }

    fn receivers(&mut self) -> Vec<OtlpReceiver> {
        let node = self.values.node("distributor.receivers");
        let Value::Map(entries) = &node.value else { return self.receivers_everywhere() };
        if entries.is_empty() {
            return self.receivers_everywhere();
        }
        let mut receivers = Vec::new();
        for entry in entries.iter().filter(|entry| entry.key.split('/').next() == Some("otlp")) {
            let path = format!("distributor.receivers.{}", entry.key);
            let protocols = entry.node.get("protocols");
            let protocol = |name: &str| protocols.and_then(|protocols| protocols.get(name));
            let grpc = protocol("grpc").map(|node| self.grpc(node, &path));
            let http = protocol("http").map(|node| self.http(node, &path));
            if grpc.is_none() && http.is_none() {
                let message = "must specify at least one protocol when using the OTLP receiver (grpc, http)";
                self.findings.problem(&entry.node, &path, message);
            }
            receivers.push(OtlpReceiver { name: entry.key.clone(), grpc, http });
        }
        receivers
    }

    fn receivers_everywhere(&mut self) -> Vec<OtlpReceiver> {
        self.warnings.push(
            "no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318"
                .to_owned(),
        );
        let path = "distributor.receivers";
        let grpc = Listen { host: "0.0.0.0".to_owned(), port: self.shifted(path, 4317) };
        let http = Listen { host: "0.0.0.0".to_owned(), port: self.shifted(path, 4318) };
        vec![OtlpReceiver {
            name: "otlp".to_owned(),
            grpc: Some(OtlpGrpc { listen: grpc, message_bytes_max: GRPC_MESSAGE_BYTES, streams_max: 0 }),
            http: Some(OtlpHttp { listen: http, body_bytes_max: HTTP_BODY_BYTES }),
        }]
    }

    fn grpc(&mut self, node: &Node, path: &str) -> OtlpGrpc {
        let mib = number(node, "max_recv_msg_size_mib");
        OtlpGrpc {
            listen: self.endpoint(node, &format!("{path}.protocols.grpc.endpoint"), 4317),
            message_bytes_max: match mib {
                0 => GRPC_MESSAGE_BYTES,
                mib => usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20),
            },
            streams_max: streams(number(node, "max_concurrent_streams")),
        }
    }

    fn http(&mut self, node: &Node, path: &str) -> OtlpHttp {
        OtlpHttp {
            listen: self.endpoint(node, &format!("{path}.protocols.http.endpoint"), 4318),
            body_bytes_max: match number(node, "max_request_body_size") {
                0 => HTTP_BODY_BYTES,
                bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
            },
        }
    }

    fn endpoint(&mut self, node: &Node, path: &str, default: u16) -> Listen {
        let Some(text) = node.at("endpoint").and_then(scalar_text).filter(|text| !text.is_empty()) else {
            self.warnings.push(format!(
                "{path} is not set: it is localhost:{default}, which other machines and containers cannot reach"
            ));
            return Listen { host: "localhost".to_owned(), port: self.shifted(path, default) };
        };
        let found = split_port(text).filter(|(host, _)| host_ok(host));
        let place = node.at("endpoint").unwrap_or(node);
        let Some((host, port)) = found else {
            self.findings.problem(place, path, format!("`{text}` is not `host:port`"));
            return Listen { host: String::new(), port: default };
        };
        Listen { host: host.to_owned(), port: self.shifted(path, port) }
    }

    fn check_ports(&mut self, config: &Config) {
        let listeners = config.listeners();
        for (i, (path, listen)) in listeners.iter().enumerate() {
            let clash = listeners[..i].iter().find(|(_, other)| {
                other.port == listen.port
                    && listen.port != 0
                    && (other.host == listen.host || other.is_wildcard() || listen.is_wildcard())
            });
            if let Some((other, _)) = clash {
                let message = format!("{listen} is already taken by `{other}`");
                self.problem_at(path, message);
            }
        }
    }

    /// Like `problem` for paths with receiver names, which have no place in the schema.
    fn problem_at(&mut self, path: &str, message: String) {
        let node = self.values.node_if_set(path);
        self.findings.problem(&node, path, message);
    }

    fn live(&mut self) -> Live {
        let values = self.values;
        let old_only = values.is_set("ingester") && !values.is_set("live_store");
        // A 2.x file keeps the defaults of 2.x.
        let pick = |new: &str, old: &str| {
            let (new, old) = (format!("live_store.{new}"), format!("ingester.{old}"));
            let use_old = old_only || (values.is_set(&old) && !values.is_set(&new));
            if use_old { old } else { new }
        };
        let live = Live {
            trace_idle: values.duration(&pick("max_trace_idle", "trace_idle_period")),
            trace_live_max: values.duration(&pick("max_trace_live", "trace_live_period")),
            block_duration_max: values.duration(&pick("max_block_duration", "max_block_duration")),
            block_bytes_max: values.count(&pick("max_block_bytes", "max_block_bytes")),
            complete_block_timeout: values
                .duration(&pick("complete_block_timeout", "complete_block_timeout")),
            flush_check_period: values.duration(&pick("flush_check_period", "flush_check_period")),
            flush_timeout: values.duration(&pick("flush_op_timeout", "flush_op_timeout")),
            flush_concurrency: values.size(&pick("complete_block_concurrency", "concurrent_flushes")),
            live_bytes_max: values.count("live_store.max_live_traces_bytes"),
            shutdown_marker_dir: PathBuf::from(values.text("live_store.shutdown_marker_dir")),
            flush_on_shutdown: values.boolean("ingester.flush_all_on_shutdown"),
        };
        for (name, value) in [
            ("max_trace_idle", live.trace_idle),
            ("max_block_duration", live.block_duration_max),
            ("flush_check_period", live.flush_check_period),
        ] {
            if value == Duration::ZERO {
                let old = if name == "max_trace_idle" { "trace_idle_period" } else { name };
                let path = pick(name, old);
                self.problem(&path, "must be longer than zero");
            }
        }
        live
    }

    fn storage(&mut self) -> Storage {
        let values = self.values;
        let backend = self.backend();
        let wal = match values.text("live_store.wal.path") {
            path if path.is_empty() => values.text("storage.trace.wal.path"),
            path => path,
        };
        if values.boolean("storage.trace.read_only") {
            self.warnings.push(
                "storage.trace.read_only is set: no block is written, compacted or deleted; spans stay in the log"
                    .to_owned(),
            );
        }
        if wal.is_empty() {
            self.problem("storage.trace.wal.path", "must not be empty");
        }
        Storage {
            backend,
            tempo_paths: tempo_paths([&wal, &values.text("storage.trace.wal.path")]),
            wal_path: PathBuf::from(wal),
            poll: poll(&values),
            read_only: values.boolean("storage.trace.read_only"),
            block: self.block(),
        }
    }

    fn backend(&mut self) -> Backend {
        let values = self.values;
        let mut buckets = Buckets { values, findings: self.findings };
        match &*values.text("storage.trace.backend") {
            "s3" => return Backend::S3(Box::new(buckets.s3())),
            "gcs" => return Backend::Gcs(Box::new(buckets.gcs())),
            "azure" => return Backend::Azure(Box::new(buckets.azure())),
            "local" => {}
            _ => self
                .warnings
                .push("storage.trace.backend is not set: blocks are kept on the local disk".to_owned()),
        }
        let path = values.text("storage.trace.local.path");
        if path.is_empty() {
            self.warnings
                .push(format!("storage.trace.local.path is not set: blocks are kept in {LOCAL_PATH}"));
        }
        Backend::Local(PathBuf::from(if path.is_empty() { LOCAL_PATH } else { &path }))
    }

    fn block(&mut self) -> BlockOptions {
        let (values, path) = (self.values, "storage.trace.block");
        let version = self.block_version(&format!("{path}.version"));
        let (bloom_path, shard_path) =
            (format!("{path}.bloom_filter_false_positive"), format!("{path}.bloom_filter_shard_size_bytes"));
        let bloom = values.float(&bloom_path);
        if !(bloom > 0.0 && bloom < 1.0) {
            self.problem(&bloom_path, "must be above 0 and below 1");
        }
        let shard = values.size(&shard_path);
        if shard == 0 {
            self.problem(&shard_path, "must be above 0");
        }
        let columns_path = format!("{path}.parquet_dedicated_columns");
        let node = values.node(&columns_path);
        self.check_columns(&node, &columns_path);
        BlockOptions {
            version,
            bloom_false_positive: bloom,
            bloom_shard_bytes: shard,
            row_group_bytes: values.count(&format!("{path}.parquet_row_group_size_bytes")),
            dedicated_columns: columns(&node),
        }
    }

    fn block_version(&mut self, path: &str) -> BlockVersion {
        let values = self.values;
        match &*values.text(path) {
            "vParquet4" | "" => return BlockVersion::V4,
            "vParquet5" => return BlockVersion::V5,
            old => {
                self.findings.refuse(
                    &values.node(path),
                    path,
                    format!("blocks of {old} are not written: choose vParquet4 or vParquet5"),
                );
            }
        }
        BlockVersion::V4
    }

    fn check_columns(&mut self, node: &Node, path: &str) {
        check_columns(node, path, self.findings, self.warnings);
    }
}

fn streams(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn number(node: &Node, key: &str) -> u64 {
    node.at(key).and_then(scalar_text).and_then(|text| scalar::count(text).ok()).unwrap_or_default()
}

fn some_path(text: String) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// `host:port` and `[::1]:port`; `None` when there is no port.
pub(crate) fn split_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|_| !port.starts_with('+'))?;
    match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => Some((inner?, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

/// A name or an address; URLs and paths are not.
fn host_ok(host: &str) -> bool {
    host.is_empty()
        || host.parse::<std::net::IpAddr>().is_ok()
        || host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// The paths that are configured; Tempo's own ones, too, where any of those is in use: 3.0 keeps its log where
/// no key of a 2.x file says.
fn tempo_paths(configured: [&str; 2]) -> Vec<PathBuf> {
    const HOME: &str = "/var/tempo/";
    const DEFAULTS: [&str; 2] = ["/var/tempo/live-store/traces", "/var/tempo/wal"];
    let in_use = configured[0].starts_with(HOME);
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in configured.into_iter().chain(DEFAULTS.into_iter().filter(|_| in_use)) {
        let path = PathBuf::from(path);
        // A log kept elsewhere is of a server that has nothing to do with the default paths.
        let foreign = !in_use && path.starts_with(HOME);
        if !foreign && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn poll(values: &Values<'_>) -> Poll {
    let key = |name: &str| format!("storage.trace.blocklist_poll{name}");
    Poll {
        interval: values.duration(&key("")),
        concurrency_max: values.size(&key("_concurrency")).max(1),
        tenant_concurrency_max: values.size(&key("_tenant_concurrency")).max(1),
        fallback: values.boolean(&key("_fallback")),
        builds_index: values.count(&key("_tenant_index_builders")) > 0,
        stale_index: values.duration(&key("_stale_tenant_index")),
        jitter: Duration::from_millis(values.count(&key("_jitter_ms"))),
        tolerated_errors: values.size(&key("_tolerate_consecutive_errors")),
        tolerated_tenant_failures: values.size(&key("_tolerate_tenant_failures")),
    }
}

fn compaction(values: &Values<'_>) -> Compaction {
    const WORKER: &str = "backend_worker.compaction";
    const PROVIDER: &str = "backend_scheduler.provider";
    const SCHEDULER: &str = "backend_scheduler.provider.compaction.compaction";
    const COMPACTOR: &str = "compactor.compaction";
    let pick = |name: &str, sections: [&str; 2]| {
        let path = |section: &str| format!("{section}.{name}");
        let set = sections.map(path).into_iter().find(|path| values.is_set(path));
        set.unwrap_or_else(|| path(COMPACTOR))
    };
    // In 3.0 the worker's section rules retention and the scheduler's what is compacted; the other one's copy
    // is the next best.
    let retention = |name: &str| pick(name, [WORKER, SCHEDULER]);
    let selection = |name: &str| pick(name, [SCHEDULER, WORKER]);
    let provider = |name: &str| format!("{PROVIDER}.{name}");
    let cycle = provider("compaction.min_cycle_interval");
    let cycle = if values.is_set(&cycle) { cycle } else { selection("compaction_cycle") };
    Compaction {
        disabled: values.boolean("compactor.disabled"),
        dry_run: values.boolean("compactor.dry_run"),
        block_retention: values.duration(&retention("block_retention")),
        block_retention_set: values.is_set(&retention("block_retention")),
        compacted_block_retention: values.duration(&retention("compacted_block_retention")),
        compaction_window: values.duration(&selection("compaction_window")),
        block_bytes_max: values.count(&selection("max_block_bytes")),
        objects_max: values.count(&selection("max_compaction_objects")),
        input_blocks_min: values.size(&provider("compaction.min_input_blocks")),
        input_blocks_max: values.size(&provider("compaction.max_input_blocks")),
        level_max: u32::try_from(values.count(&provider("compaction.max_compaction_level")))
            .unwrap_or(u32::MAX),
        tenant_time_max: values.duration(&selection("max_time_per_tenant")),
        cycle: values.duration(&cycle),
        retention_interval: values.duration(&provider("retention.interval")),
    }
}

fn query_frontend(values: &Values<'_>) -> QueryFrontend {
    let search = |name: &str| format!("query_frontend.search.{name}");
    let metrics = |name: &str| format!("query_frontend.metrics.{name}");
    QueryFrontend {
        outstanding_per_tenant_max: values.size("query_frontend.max_outstanding_per_tenant"),
        multi_tenant_queries_enabled: values.boolean("query_frontend.multi_tenant_queries_enabled"),
        api_timeout: values.duration("query_frontend.api_timeout"),
        query_bytes_max: values.size("query_frontend.max_query_expression_size_bytes"),
        search: Search {
            results_default: values.size(&search("default_result_limit")),
            results_max: values.size(&search("max_result_limit")),
            range_max: values.duration(&search("max_duration")),
            query_backend_after: values.duration(&search("query_backend_after")),
            spans_per_span_set_default: values.size(&search("default_spans_per_span_set")),
            spans_per_span_set_max: values.size(&search("max_spans_per_span_set")),
        },
        metrics: MetricsQueries {
            range_max: values.duration(&metrics("max_duration")),
            exemplars_max: values.size(&metrics("max_exemplars")),
            series_max: values.size(&metrics("max_response_series")),
            intervals_max: values.size(&metrics("max_intervals")),
        },
    }
}
