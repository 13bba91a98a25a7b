//! The deployment guide's snippets, the charts' renderings and Tempo's examples.

use super::support::{env, error, fixture, fixtures, load, verdict};
use cadenza_config::{Backend, Config, LoadOptions};
use expect_test::{Expect, expect};
use std::time::Duration;

fn check(name: &str, expect: &Expect) {
    expect.assert_eq(&verdict(&fixture(name)));
}

#[test]
fn every_fixture_loads() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 17, "{} fixtures", fixtures.len());
    for (_, text) in &fixtures {
        load(text);
    }
}

#[test]
fn the_guides_local_configuration_starts() {
    check("guide/local.yaml", &expect![""]);
    let loaded = load(&fixture("guide/local.yaml"));
    let config = loaded.startable().expect("a configuration to start with");
    assert_eq!(config.distributor.otlp[0].grpc.as_ref().expect("gRPC").listen.to_string(), "0.0.0.0:4317");
    assert_eq!(config.distributor.otlp[0].http.as_ref().expect("HTTP").listen.to_string(), "0.0.0.0:4318");
    assert_eq!(config.live.block_duration_max, Duration::from_secs(300));
    assert_eq!(config.storage.backend, Backend::Local("/var/tempo/blocks".into()));
    assert_eq!(config.overrides.defaults.max_traces_per_user, 100_000);
    assert_eq!(config.overrides.defaults.max_bytes_per_trace, 10_000_000);
    assert_eq!(config.overrides.defaults.rate_limit_bytes, 50_000_000);
    assert_eq!(config.overrides.defaults.burst_size_bytes, 100_000_000);
}

#[test]
fn the_guides_snippets_load_and_say_what_is_not_there_yet() {
    check(
        "guide/s3.yaml",
        &expect![[r#"
            warning: environment variables were expanded without -config.expand-env, which Tempo would not do: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (unset: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
            warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
            warning: keys accepted without effect: storage.trace.wal.encoding, storage.trace.pool.max_workers, storage.trace.pool.queue_depth
        "#]],
    );
    check(
        "guide/gcs.yaml",
        &expect![[r#"
            warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
            warning: keys accepted without effect: storage.trace.wal.encoding
        "#]],
    );
    check(
        "guide/azure.yaml",
        &expect![[r#"
            warning: environment variables were expanded without -config.expand-env, which Tempo would not do: AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY (unset: AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY)
            warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
            warning: keys accepted without effect: storage.trace.wal.encoding
        "#]],
    );
    check(
        "guide/retention.yaml",
        &expect![[r#"
            warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
            warning: storage.trace.backend is not set: blocks are kept on the local disk
            warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
        "#]],
    );
    check(
        "guide/limits.yaml",
        &expect![[r#"
        warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
        warning: storage.trace.backend is not set: blocks are kept on the local disk
        warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
    "#]],
    );
    check(
        "guide/memory.yaml",
        &expect![[r#"
        warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
        warning: storage.trace.backend is not set: blocks are kept on the local disk
        warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
    "#]],
    );
    check(
        "guide/caching.yaml",
        &expect![[r#"
        warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
        warning: storage.trace.backend is not set: blocks are kept on the local disk
        warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
        warning: keys accepted without effect: query_frontend.search.cache.enabled
    "#]],
    );
    check(
        "guide/debug-logging.yaml",
        &expect![[r#"
        warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
        warning: storage.trace.backend is not set: blocks are kept on the local disk
        warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
    "#]],
    );
    check(
        "guide/tls.yaml",
        &expect![[r#"
        refused: line 3, column 3: server.http_tls_config: TLS on the server is not implemented yet, and would be served as plain text; remove the key and put a proxy in front
        warning: no receivers are configured: OTLP is served on all interfaces, gRPC on 4317 and HTTP on 4318
        warning: storage.trace.backend is not set: blocks are kept on the local disk
        warning: storage.trace.local.path is not set: blocks are kept in /var/tempo/traces
    "#]],
    );
}

#[test]
fn the_guides_secrets_come_from_the_environment_with_and_without_the_flag() {
    let env = env(&[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t")]);
    for (expand_env, warned) in [(true, false), (false, true)] {
        let options = LoadOptions { env: &env, expand_env, ..LoadOptions::default() };
        let loaded = Config::load(Some(&fixture("guide/s3.yaml")), &options).expect("loads");
        let warnings: Vec<_> = loaded.warnings.iter().filter(|w| w.contains("-config.expand-env")).collect();
        assert_eq!(warnings.len(), usize::from(warned), "{warnings:?}");
        let printed = loaded.print(cadenza_config::PrintMode::Effective);
        assert!(
            !printed.contains("s3cr3t") && !printed.contains("AKIA") && !printed.contains("${"),
            "{printed}"
        );
    }
}

#[test]
fn documents_of_other_programs_are_refused() {
    let prometheus = error("groups:\n  - name: tempo\n    rules: []\n");
    expect![[r#"
        invalid configuration:
          line 1, column 1: groups: unknown key"#]]
    .assert_eq(&prometheus);
    expect![[r#"
        invalid configuration:
          line 1, column 1: processors: unknown key"#]]
    .assert_eq(&error("processors:\n  probabilistic_sampler:\n    sampling_percentage: 10.0\n"));
}

#[test]
fn both_charts_load_in_both_spellings() {
    check(
        "helm/monolithic-otlp.yaml",
        &expect![[r#"
            warning: keys accepted without effect: memberlist.cluster_label
        "#]],
    );
    check(
        "helm/monolithic-2.x.yaml",
        &expect![[r#"
            refused: line 13, column 5: distributor.receivers.jaeger: this receiver is not implemented yet, and its clients would be refused; remove it (otlp is served)
            warning: line 6, column 3: usage_report.reporting_enabled: usage reports do not exist here: nothing is ever sent
            warning: keys accepted without effect: memberlist.cluster_label
        "#]],
    );
    check(
        "helm/monolithic-generator.yaml",
        &expect![[r#"
            refused: line 45, column 5: metrics_generator.storage.remote_write: the metrics generator and its remote write are not implemented yet, and the metrics would be lost silently
            warning: line 34, column 7: overrides.defaults.metrics_generator.processors: the metrics generator is not implemented yet: no metrics are made from spans
            warning: keys accepted without effect: memberlist.cluster_label, metrics_generator.registry.external_labels, metrics_generator.storage.path, metrics_generator.traces_storage.path
        "#]],
    );
    check(
        "helm/monolithic-1.x.yaml",
        &expect![[r#"
            warning: limits are direct children of `overrides`: Tempo's legacy form, read as `overrides.defaults`
            warning: keys accepted without effect: search_enabled, metrics_generator_enabled
        "#]],
    );
    check(
        "helm/distributed-2.x.yaml",
        &expect![[r#"
            warning: line 171, column 3: usage_report.reporting_enabled: usage reports do not exist here: nothing is ever sent
            warning: keys accepted without effect: cache.caches, compactor.compaction.retention_concurrency, compactor.compaction.v2_in_buffer_bytes, compactor.compaction.v2_out_buffer_bytes, compactor.compaction.v2_prefetch_traces_count, compactor.ring.kvstore.store, distributor.extend_writes, distributor.ring.kvstore.store, ingester.lifecycler.ring.kvstore.store, ingester.lifecycler.ring.replication_factor, ingester.lifecycler.ring.zone_awareness_enabled, ingester.lifecycler.tokens_file_path, ingester_client.grpc_client_config.grpc_compression, partition_ring_live_store, memberlist.abort_if_cluster_join_fails, memberlist.bind_port, memberlist.cluster_label, memberlist.gossip_interval, memberlist.gossip_nodes, memberlist.gossip_to_dead_nodes_time, memberlist.join_members, memberlist.leave_timeout, memberlist.left_ingesters_timeout, memberlist.max_join_backoff, memberlist.max_join_retries, memberlist.min_join_backoff, memberlist.node_name, memberlist.packet_dial_timeout, memberlist.packet_write_timeout, memberlist.pull_push_interval, memberlist.randomize_node_name, memberlist.rejoin_interval, memberlist.retransmit_factor, memberlist.stream_timeout, metrics_generator.metrics_ingestion_time_range_slack, metrics_generator.processor.service_graphs.histogram_buckets, metrics_generator.processor.service_graphs.max_items, metrics_generator.processor.service_graphs.wait, metrics_generator.processor.service_graphs.workers, metrics_generator.processor.span_metrics.histogram_buckets, metrics_generator.registry.collection_interval, metrics_generator.registry.stale_duration, metrics_generator.ring.kvstore.store, metrics_generator.storage.path, metrics_generator.storage.remote_write_add_org_id_header, metrics_generator.storage.remote_write_flush_deadline, metrics_generator.traces_storage.path, metrics_generator_client, querier.frontend_worker.frontend_address, querier.query_live_store, query_frontend.max_retries, query_frontend.metrics.concurrent_jobs, query_frontend.metrics.duration_slo, query_frontend.metrics.interval, query_frontend.metrics.query_backend_after, query_frontend.metrics.target_bytes_per_job, query_frontend.metrics.throughput_bytes_slo, query_frontend.search.concurrent_jobs, query_frontend.search.target_bytes_per_job, query_frontend.trace_by_id.query_shards, storage.trace.pool.max_workers, storage.trace.pool.queue_depth, storage.trace.search.prefetch_trace_count
        "#]],
    );
    check(
        "helm/distributed-3.x.yaml",
        &expect![[r#"
            warning: environment variables were expanded without -config.expand-env, which Tempo would not do: S3_ACCESS_KEY, S3_SECRET_KEY (unset: S3_ACCESS_KEY, S3_SECRET_KEY)
            warning: line 157, column 3: usage_report.reporting_enabled: usage reports do not exist here: nothing is ever sent
            warning: keys accepted without effect: backend_scheduler.backend_flush_interval, backend_scheduler.job_timeout, backend_scheduler.local_work_path, backend_scheduler.maintenance_interval, backend_scheduler.provider.compaction.compaction.retention_concurrency, backend_scheduler.provider.compaction.max_jobs_per_tenant, backend_scheduler.provider.compaction.measure_interval, backend_scheduler.work.dead_job_timeout, backend_scheduler.work.prune_age, backend_scheduler_client.grpc_client_config.max_recv_msg_size, backend_worker.backend_scheduler_addr, backend_worker.finish_on_shutdown_timeout, backend_worker.ring.kvstore.store, block_builder.consume_cycle_duration, block_builder.partitions_per_instance, cache.caches, distributor.ring.kvstore.store, ingest.kafka.address, ingest.kafka.auto_create_topic_default_partitions, ingest.kafka.auto_create_topic_enabled, ingest.kafka.topic, live_store.partition_ring.kvstore.store, live_store.ring.kvstore.store, live_store_client.grpc_client_config.grpc_compression, memberlist.abort_if_cluster_join_fails, memberlist.bind_port, memberlist.cluster_label, memberlist.join_members, metrics_generator.metrics_ingestion_time_range_slack, metrics_generator.processor.service_graphs.wait, metrics_generator.registry.collection_interval, metrics_generator.ring.kvstore.store, metrics_generator.storage.path, querier.frontend_worker.frontend_address, querier.partition_ring.hedging_delay, querier.partition_ring.minimize_requests, query_frontend.search.concurrent_jobs, storage.trace.pool.max_workers, storage.trace.pool.queue_depth, storage.trace.search.prefetch_trace_count
        "#]],
    );
}

#[test]
fn tempos_examples_load() {
    check(
        "tempo/compose-2.x.yaml",
        &expect![[r#"
            refused: line 47, column 5: metrics_generator.storage.remote_write: the metrics generator and its remote write are not implemented yet, and the metrics would be lost silently
            warning: line 66, column 7: overrides.defaults.metrics_generator.processors: the metrics generator is not implemented yet: no metrics are made from spans
            warning: keys accepted without effect: cache.background.writeback_goroutines, cache.caches, query_frontend.search.duration_slo, query_frontend.search.throughput_bytes_slo, query_frontend.search.metadata_slo.duration_slo, query_frontend.search.metadata_slo.throughput_bytes_slo, query_frontend.trace_by_id.duration_slo, query_frontend.metrics.query_backend_after, query_frontend.metrics.duration_slo, query_frontend.metrics.throughput_bytes_slo, metrics_generator.registry.external_labels, metrics_generator.storage.path, metrics_generator.traces_storage.path, metrics_generator.processor.local_blocks.filter_server_spans, metrics_generator.processor.local_blocks.flush_to_storage, overrides.defaults.metrics_generator.generate_native_histograms
        "#]],
    );
    check(
        "tempo/compose-3.0.yaml",
        &expect![[r#"
            warning: keys accepted without effect: memberlist.node_name, memberlist.bind_port
        "#]],
    );
    let config = load(&fixture("tempo/compose-3.0.yaml")).config;
    assert_eq!(config.storage.block.dedicated_columns.len(), 3);
    assert_eq!(config.live.block_duration_max, Duration::from_secs(60));
}
