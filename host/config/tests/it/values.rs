//! Defaults, spellings of 2.x and 3.0, environment, ports.

use super::support::{env, load};
use cadenza_config::{
    Backend, BlockVersion, ColumnKind, ColumnOption, ColumnScope, Config, LoadOptions, LogFormat, LogLevel,
    TargetError,
};
use std::time::Duration;

#[test]
fn the_embedded_default_serves_this_machine_only() {
    let loaded = Config::load(None, &LoadOptions::default()).expect("the embedded default");
    let config = loaded.startable().expect("a start");
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let listeners: Vec<String> = config.listeners().iter().map(|(_, listen)| listen.to_string()).collect();
    assert_eq!(listeners, ["127.0.0.1:3200", "127.0.0.1:9095", "127.0.0.1:4317", "127.0.0.1:4318"]);
    assert!(config.listeners().iter().all(|(_, listen)| listen.is_loopback()));
    assert!(matches!(&config.storage.backend, Backend::Local(path) if path.starts_with("./cadenza-data")));
    assert!(config.storage.wal_path.starts_with("./cadenza-data"));
}

#[test]
fn a_file_without_receivers_serves_otlp_on_all_interfaces_and_says_so() {
    let loaded = load("");
    let listeners: Vec<String> =
        loaded.config.listeners().iter().map(|(_, listen)| listen.to_string()).collect();
    assert_eq!(listeners, ["0.0.0.0:3200", "0.0.0.0:9095", "0.0.0.0:4317", "0.0.0.0:4318"]);
    assert!(
        loaded.warnings.iter().any(|warning| warning.contains("all interfaces")),
        "{:?}",
        loaded.warnings
    );
}

#[test]
fn defaults_are_tempos() {
    let config = load("").config;
    assert_eq!(config.target, "all");
    assert!(!config.multitenancy_enabled && !config.stream_over_http_enabled);
    assert_eq!(config.server.http_write_timeout, Duration::from_secs(30));
    assert_eq!(config.server.grpc_receive_bytes_max, 16 << 20);
    assert_eq!((config.server.log_level, config.server.log_format), (LogLevel::Info, LogFormat::Logfmt));
    assert_eq!(config.distributor.retry_after, Duration::from_secs(5));
    assert_eq!(config.distributor.attribute_bytes_max, 2048);
    assert_eq!(config.distributor.otlp[0].http.as_ref().map(|http| http.body_bytes_max), Some(20 << 20));
    assert_eq!(config.distributor.otlp[0].grpc.as_ref().map(|grpc| grpc.message_bytes_max), Some(4 << 20));
    assert_eq!(config.live.trace_idle, Duration::from_secs(5));
    assert_eq!(config.live.trace_live_max, Duration::from_secs(30));
    assert_eq!(config.live.block_duration_max, Duration::from_secs(30));
    assert_eq!(config.live.block_bytes_max, 50 << 20);
    assert_eq!(config.live.live_bytes_max, 250_000_000);
    assert_eq!(config.storage.wal_path.to_str(), Some("/var/tempo/wal"));
    assert_eq!(config.storage.block.dedicated_columns.len(), 14);
    assert_eq!(config.storage.block.bloom_shard_bytes, 102_400);
    assert_eq!(config.compaction.block_retention, Duration::from_secs(14 * 86_400));
    assert_eq!(config.query_frontend.search.results_max, 262_144);
    assert_eq!(config.query_frontend.search.range_max, Duration::from_secs(168 * 3600));
    assert_eq!(config.querier.trace_by_id_timeout, Duration::from_secs(10));
    let limits = &config.overrides.defaults;
    assert_eq!((limits.rate_limit_bytes, limits.burst_size_bytes), (30_000_000, 30_000_000));
    assert_eq!((limits.max_traces_per_user, limits.max_bytes_per_trace), (10_000, 5_000_000));
    assert!(limits.retry_info_enabled);
}

#[test]
fn both_generations_spell_the_live_store() {
    let old = load("ingester: {trace_idle_period: 10s, max_block_bytes: 5242880}").config.live;
    assert_eq!(old.trace_idle, Duration::from_secs(10));
    assert_eq!(old.block_bytes_max, 5_242_880);
    assert_eq!(old.block_duration_max, Duration::from_secs(1800), "a 2.x file keeps the default of 2.x");
    let new = load("live_store: {max_trace_idle: 7s}").config.live;
    assert_eq!((new.trace_idle, new.block_duration_max), (Duration::from_secs(7), Duration::from_secs(30)));
    let both =
        load("live_store: {max_trace_idle: 7s}\ningester: {trace_idle_period: 9s, max_block_duration: 5m}")
            .config
            .live;
    assert_eq!(
        (both.trace_idle, both.block_duration_max),
        (Duration::from_secs(7), Duration::from_secs(300))
    );
}

#[test]
fn retention_is_found_wherever_it_stands_and_said_to_be_missing() {
    for text in [
        "compactor: {compaction: {block_retention: 48h}}",
        "backend_worker: {compaction: {block_retention: 48h}}",
        "backend_scheduler: {provider: {compaction: {compaction: {block_retention: 48h}}}}",
        "backend_worker: {compaction: {block_retention: 48h}}\ncompactor: {compaction: {block_retention: 1h}}",
    ] {
        let loaded = load(text);
        assert_eq!(loaded.config.compaction.block_retention, Duration::from_secs(48 * 3600), "{text}");
        assert!(loaded.startable().is_ok());
        assert!(
            loaded.warnings.iter().any(|warning| warning.contains("blocks are kept")),
            "{:?}",
            loaded.warnings
        );
    }
}

#[test]
fn the_three_spellings_of_limits_mean_the_same() {
    let scoped = load(
        "overrides: {defaults: {ingestion: {rate_limit_bytes: 5, max_traces_per_user: 6}, global: {max_bytes_per_trace: 7}}}",
    );
    let flat_below = load(
        "overrides: {defaults: {ingestion_rate_limit_bytes: 5, max_traces_per_user: 6, max_bytes_per_trace: 7}}",
    );
    let flat =
        load("overrides: {ingestion_rate_limit_bytes: 5, max_traces_per_user: 6, max_bytes_per_trace: 7}");
    assert_eq!(scoped.config.overrides, flat_below.config.overrides);
    assert_eq!(scoped.config.overrides, flat.config.overrides);
    assert_eq!(scoped.config.overrides.defaults.rate_limit_bytes, 5);
    assert_eq!(scoped.config.overrides.defaults.burst_size_bytes, 30_000_000, "defaults merge");
}

#[test]
fn yaml_is_read_as_gos_reader_does() {
    let config = load("multitenancy_enabled: yes\nserver: {http_listen_port: 0xC80, grpc_listen_port: 1e4}\nshutdown_delay: 0\n").config;
    assert!(config.multitenancy_enabled);
    assert_eq!((config.server.http.port, config.server.grpc.port), (3200, 10_000));
    assert_eq!(config.shutdown_delay, Duration::ZERO);
    assert!(load("auth_enabled: true").config.multitenancy_enabled);
    let merged = load("server: &s {log_level: debug}\ninternal_server: {<<: *s, log_level: warn}\n");
    assert_eq!(merged.config.server.log_level, LogLevel::Debug);
    assert_eq!(load("server: null\nstorage:\n").config, load("").config);
    assert_eq!(load("http_api_prefix: tempo/").config.http_api_prefix, "/tempo");
    assert_eq!(
        load("server: {http_listen_address: '[::1]:3333'}").config.server.http.to_string(),
        "[::1]:3333"
    );
    assert_eq!(load("server: {http_listen_address: '::1'}").config.server.http.to_string(), "[::1]:3200");
}

#[test]
fn variables_are_expanded_before_or_after_parsing() {
    let env = env(&[("PORT", "3300"), ("SECTION", "server: {http_listen_port: 3301}"), ("LEVEL", "debug")]);
    let load = |text: &str, expand_env: bool| {
        Config::load(Some(text), &LoadOptions { env: &env, expand_env, ..LoadOptions::default() })
    };
    for whole in [true, false] {
        let loaded =
            load("server: {http_listen_port: '${PORT}', log_level: \"${LEVEL}\"}", whole).expect("loads");
        assert_eq!((loaded.config.server.http.port, loaded.config.server.log_level), (3300, LogLevel::Debug));
        let loaded = load("server: {http_listen_port: '${NOPE:3302}', log_level: '${NOPE:warn}'}", whole);
        assert!(loaded.is_err(), "a number behind the colon is the substring operator");
        let loaded = load("server: {http_listen_port: '${NOPE:-3302}', log_level: '${NOPE:warn}'}", whole)
            .expect("loads");
        assert_eq!((loaded.config.server.http.port, loaded.config.server.log_level), (3302, LogLevel::Warn));
    }
    let loaded = load("${SECTION}", true).expect("the flag expands the whole text");
    assert_eq!(loaded.config.server.http.port, 3301);
    assert!(
        load("${SECTION}", false).is_err(),
        "without the flag a value cannot change the document's shape"
    );
    let error = load("# ${\nserver: {}\n", true).expect_err("comments too");
    assert_eq!(
        error.to_string(),
        "cannot expand environment variables: line 1, column 3: unable to parse variable name"
    );
    assert!(load("# ${\nserver: {}\n", false).is_ok());
}

#[test]
fn the_port_base_moves_every_port() {
    let load = |text: Option<&str>, port_base| {
        Config::load(text, &LoadOptions { port_base, ..LoadOptions::default() })
    };
    let config = load(None, 10_000).expect("loads").config;
    let ports: Vec<u16> = config.listeners().iter().map(|(_, listen)| listen.port).collect();
    assert_eq!(ports, [13_200, 19_095, 14_317, 14_318]);
    let config = load(Some(""), 1).expect("loads").config;
    let ports: Vec<u16> = config.listeners().iter().map(|(_, listen)| listen.port).collect();
    assert_eq!(ports, [3201, 9096, 4318, 4319]);
    let error = load(None, 60_000).expect_err("ports end at 65535").to_string();
    assert!(
        error.contains("server.http_listen_port: port 3200 shifted by 60000 exceeds 65535")
            || error.contains("9095"),
        "{error}"
    );
}

#[test]
fn several_receivers_of_one_type_are_kept_apart() {
    let config = load(
        "distributor:\n  receivers:\n    otlp:\n      protocols: {grpc: }\n    otlp/second:\n      protocols:\n        http: {endpoint: ':5318', max_request_body_size: 1000}\n        grpc: {endpoint: '0.0.0.0:5317', max_recv_msg_size_mib: 16}\n",
    )
    .config;
    let names: Vec<&str> = config.distributor.otlp.iter().map(|receiver| &*receiver.name).collect();
    assert_eq!(names, ["otlp", "otlp/second"]);
    assert_eq!(
        config.distributor.otlp[0].grpc.as_ref().map(|grpc| grpc.listen.to_string()).as_deref(),
        Some("localhost:4317")
    );
    let second = &config.distributor.otlp[1];
    assert_eq!(second.grpc.as_ref().map(|grpc| grpc.message_bytes_max), Some(16 << 20));
    assert_eq!(
        second.http.as_ref().map(|http| (http.listen.is_wildcard(), http.body_bytes_max)),
        Some((true, 1000))
    );
}

#[test]
fn blocks_have_a_version_and_columns_with_options() {
    let block = |text: &str| load(&format!("storage: {{trace: {{block: {{{text}}}}}}}")).config.storage.block;
    assert_eq!(block("").version, BlockVersion::V4);
    assert_eq!(block("version: vParquet4").version, BlockVersion::V4);
    assert_eq!(block("version: vParquet5").version, BlockVersion::V5);
    let columns = block(
        "parquet_dedicated_columns: [{scope: event, name: body, type: string, options: [blob, array]}]",
    );
    let [column] = &columns.dedicated_columns[..] else { panic!("one column") };
    assert_eq!((column.scope, column.kind), (ColumnScope::Event, ColumnKind::String));
    assert_eq!(column.options, [ColumnOption::Blob, ColumnOption::Array]);
}

#[test]
fn columns_beyond_a_blocks_room_are_dropped_with_a_warning() {
    let columns: Vec<String> = (0..25).map(|i| format!("{{name: a{i}, type: int}}")).collect();
    let loaded = load(&format!(
        "storage: {{trace: {{block: {{parquet_dedicated_columns: [{}]}}}}}}",
        columns.join(", ")
    ));
    assert_eq!(loaded.config.storage.block.dedicated_columns.len(), 5);
    assert_eq!(loaded.warnings.iter().filter(|warning| warning.contains("has room for 5")).count(), 1);
}

#[test]
fn only_the_target_all_runs() {
    let check = |target: &str| load(&format!("target: {target}")).config.check_target();
    assert_eq!(check("all"), Ok(()));
    assert_eq!(check("querier"), Err(TargetError::Unsupported("querier".to_owned())));
    assert_eq!(
        check("scalable-single-binary"),
        Err(TargetError::Unsupported("scalable-single-binary".to_owned()))
    );
    let error = check("allx").expect_err("no such module").to_string();
    assert!(error.starts_with("unrecognised module name: allx") && error.contains("`all`"), "{error}");
}

#[test]
fn a_bucket_has_tempos_keys() {
    let text = "storage:
  trace:
    backend: s3
    s3:
      bucket: traces
      endpoint: minio:9000
      access_key: ${KEY}
      secret_key: ${SECRET}
      insecure: true
      forcepathstyle: true
      iam_role: arn:aws:iam::1:role/x
      hedge_requests_at: 500ms
      retry_max_attempts: 3
      tags: {team: sre}
      tls_cipher_suites: TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384
";
    let env = env(&[("KEY", "k"), ("SECRET", "s")]);
    let loaded =
        Config::load(Some(text), &LoadOptions { env: &env, ..LoadOptions::default() }).expect("loads");
    let Backend::S3(s3) = &loaded.config.storage.backend else { panic!("S3") };
    assert_eq!(
        (&*s3.bucket, &*s3.endpoint, s3.insecure, s3.lookup_by_path),
        ("traces", "minio:9000", true, true)
    );
    assert_eq!((&*s3.access_key, &*s3.secret_key, &*s3.iam_role), ("k", "s", "arn:aws:iam::1:role/x"));
    assert_eq!((s3.hedge.at, s3.hedge.requests_max), (Duration::from_millis(500), 2));
    assert_eq!((s3.retry_attempts_max, s3.retry_backoff_initial), (3, Duration::from_millis(200)));
    assert_eq!(s3.tags["team"], "sre");
    assert_eq!(s3.tls.cipher_suites.len(), 2);
    let debug = format!("{:?}", loaded.config);
    assert!(!debug.contains("\"k\"") && !debug.contains("\"s\""), "secrets are shown: {debug}");
    let gcs = load("storage: {trace: {backend: gcs, gcs: {bucket_name: b, object_prefix: tempo-traces/}}}");
    let Backend::Gcs(gcs) = &gcs.config.storage.backend else { panic!("GCS") };
    assert_eq!((&*gcs.prefix, gcs.retries_max, gcs.part_bytes), ("tempo-traces/", 3, 10 << 20));
}
