//! Mistakes are named with line, column, path and the nearest thing that exists.

use super::support::error;
use expect_test::{Expect, expect};

fn check(text: &str, expect: &Expect) {
    expect.assert_eq(&error(text));
}

#[test]
fn unknown_keys_name_their_place_and_the_nearest_key() {
    check(
        "server:\n  http_listen_prot: 3200\n",
        &expect![[r#"
        invalid configuration:
          line 2, column 3: server.http_listen_prot: unknown key (did you mean `http_listen_port`?)"#]],
    );
    check(
        "servre: {}\nstorage: {trace: {wal: {pth: x}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 1: servre: unknown key (did you mean `server`?)
          line 2, column 25: storage.trace.wal.pth: unknown key (did you mean `path`?)"#]],
    );
    check(
        "overrides:\n  defaults:\n    max_traces_per_usr: 5\n",
        &expect![[r#"
        invalid configuration:
          line 3, column 5: overrides.defaults.max_traces_per_usr: unknown key (did you mean `max_traces_per_user`?)"#]],
    );
    check(
        "distributor:\n  receivers:\n    otpl: {protocols: {grpc: }}\n",
        &expect![[r#"
        invalid configuration:
          line 3, column 5: distributor.receivers.otpl: unknown key (did you mean `otlp`?)"#]],
    );
    check(
        "distributor: {receivers: {otlp: {protocols: {http: {endpiont: x}}}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 53: distributor.receivers.otlp.protocols.http.endpiont: unknown key (did you mean `endpoint`?)"#]],
    );
    check(
        "zzzzzzzzzzzz: 1\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 1: zzzzzzzzzzzz: unknown key"#]],
    );
}

#[test]
fn wrong_types_are_errors() {
    check(
        "server: {http_listen_port: eighty}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 28: server.http_listen_port: `eighty` is not a port (0 to 65535)"#]],
    );
    check(
        "server: {http_listen_port: 70000}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 28: server.http_listen_port: `70000` is not a port (0 to 65535)"#]],
    );
    check(
        "server: 5\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 9: server: expected a section of keys, found a single value"#]],
    );
    check(
        "server: [a]\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 9: server: expected a section of keys, found a list"#]],
    );
    check(
        "multitenancy_enabled: maybe\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 23: multitenancy_enabled: `maybe` is not true or false"#]],
    );
    check(
        "ingester: {max_block_duration: 5}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 32: ingester.max_block_duration: duration `5` has no unit (write `5s`, for example)"#]],
    );
    check(
        "ingester: {max_block_duration: 5 minutes}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 32: ingester.max_block_duration: duration `5 minutes` has an unknown unit ` minutes` (known: ns us ms s m h)"#]],
    );
    check(
        "compactor: {compaction: {block_retention: 7d}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 43: compactor.compaction.block_retention: duration `7d` has an unknown unit `d` (known: ns us ms s m h)"#]],
    );
    check(
        "live_store: {max_trace_idle: -5s}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 30: live_store.max_trace_idle: duration `-5s` must not be negative"#]],
    );
    check(
        "live_store: {max_trace_idle: 0}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 30: live_store.max_trace_idle: must be longer than zero"#]],
    );
    check(
        "storage: {trace: {backend: s4}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 28: storage.trace.backend: `s4` is not one of local, s3, gcs, azure"#]],
    );
    check(
        "server: {log_level: information}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 21: server.log_level: `information` is not one of debug, info, warn, error"#]],
    );
    check(
        "distributor: {forwarders: {name: x}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 27: distributor.forwarders: expected a list of sections, found a map"#]],
    );
    check(
        "block_builder: {assigned_partitions: {a: [x]}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 43: block_builder.assigned_partitions.a[0]: `x` is not a whole number"#]],
    );
    check(
        "metrics_generator: {registry: {external_labels: {a: [b]}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 53: metrics_generator.registry.external_labels.a: expected text, found a list"#]],
    );
    check(
        "- a list\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 1: a configuration is a map of sections
          line 1, column 1: expected a section of keys, found a list"#]],
    );
}

#[test]
fn contradictions_are_errors() {
    check(
        "overrides:\n  max_traces_per_user: 1\n  defaults: {max_traces_per_user: 2}\n",
        &expect![[r#"
        invalid configuration:
          line 2, column 3: overrides.max_traces_per_user: the same limit is also set by `overrides.defaults.max_traces_per_user`"#]],
    );
    check(
        "overrides: {defaults: {max_bytes_per_trace: 1, global: {max_bytes_per_trace: 2}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 24: overrides.defaults.max_bytes_per_trace: the same limit is also set by `overrides.defaults.global.max_bytes_per_trace`"#]],
    );
    check(
        "server: {http_listen_address: '0.0.0.0:3200', http_listen_port: 3201}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 31: server.http_listen_address: port 3200 contradicts `server.http_listen_port` 3201"#]],
    );
    check(
        "server: {http_listen_port: 9095}\n",
        &expect![[r#"
        invalid configuration:
          server.grpc_listen_port: 0.0.0.0:9095 is already taken by `server.http_listen_port`"#]],
    );
    check(
        "distributor: {receivers: {otlp: {protocols: {grpc: {endpoint: '0.0.0.0:3200'}}}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 63: distributor.receivers.otlp.protocols.grpc.endpoint: 0.0.0.0:3200 is already taken by `server.http_listen_port`"#]],
    );
    check(
        "distributor: {receivers: {otlp: }}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 31: distributor.receivers.otlp: must specify at least one protocol when using the OTLP receiver (grpc, http)"#]],
    );
    check(
        "distributor: {receivers: {otlp: {protocols: {grpc: {endpoint: 'http://x:1'}}}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 63: distributor.receivers.otlp.protocols.grpc.endpoint: `http://x:1` is not `host:port`"#]],
    );
    check(
        "cache: {caches: [{roles: [blom], memcached: {host: a}}, {roles: [bloom]}]}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 18: cache.caches[0].roles: unknown role `blom` (did you mean `bloom`?)
          line 1, column 57: cache.caches[1]: needs exactly one of memcached and redis"#]],
    );
    check(
        "storage: {trace: {block: {bloom_filter_false_positive: 1}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 56: storage.trace.block.bloom_filter_false_positive: must be above 0 and below 1"#]],
    );
    check(
        "storage: {trace: {block: {parquet_dedicated_columns: [{name: a}, {name: a}, {scope: span}, {name: b, type: bool}]}}}\n",
        &expect![[r#"
            invalid configuration:
              line 1, column 108: storage.trace.block.parquet_dedicated_columns[3].type: `bool` is not one of string, int"#]],
    );
    check(
        "storage: {trace: {block: {version: vParquet6}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 36: storage.trace.block.version: `vParquet6` is not one of vParquet5, vParquet4, vParquet3, vParquet2, vParquet, v2 (did you mean `vParquet`?)"#]],
    );
    check(
        "storage: {trace: {block: {parquet_dedicated_columns: [{name: a, scope: link}]}}}\n",
        &expect![[r#"
        invalid configuration:
          line 1, column 72: storage.trace.block.parquet_dedicated_columns[0].scope: `link` is not one of resource, span, event"#]],
    );
    check(
        "storage: {trace: {block: {parquet_dedicated_columns: [{name: a, options: [array, large]}]}}}\n",
        &expect![[r#"
            invalid configuration:
              line 1, column 55: storage.trace.block.parquet_dedicated_columns[0]: unknown option `large` (known: array, blob)"#]],
    );
    check(
        "storage: {trace: {block: {parquet_dedicated_columns: [{name: a}, {name: a}, {scope: span}]}}}\n",
        &expect![[r#"
            invalid configuration:
              line 1, column 66: storage.trace.block.parquet_dedicated_columns[1]: `a` has a dedicated column already
              line 1, column 77: storage.trace.block.parquet_dedicated_columns[2]: a dedicated column needs a name"#]],
    );
}

#[test]
fn broken_yaml_and_bombs_are_errors() {
    check(
        "server: {http_listen_port: 3200\n",
        &expect![
            "invalid YAML: line 2, column 1: while parsing a flow mapping, did not find expected ',' or '}'"
        ],
    );
    check(
        "server: {}\nserver: {}\n",
        &expect!["invalid YAML: line 2, column 1: key `server` is set twice in the same map"],
    );
    check(
        "a: &a\n  <<: *a\n",
        &expect!["invalid YAML: line 2, column 7: an alias inside its own anchor, or to an unknown one"],
    );
    check(
        "---\ntarget: all\n---\ntarget: all\n",
        &expect!["invalid YAML: line 3, column 1: more than one document in the file"],
    );
    check(
        "target: !!python/object x\n",
        &expect!["invalid YAML: line 1, column 9: unknown tag `tag:yaml.org,2002:!python/object`"],
    );
    check(
        "? [a]\n: b\n",
        &expect!["invalid YAML: line 1, column 3: a key must be a plain value, not a list or map"],
    );
    let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    check(&deep, &expect!["invalid YAML: line 1, column 35: nested deeper than 32 levels"]);
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    check(
        &laughs,
        &expect![
            "invalid YAML: line 6, column 10: more than 262144 values (aliases count each time they are used)"
        ],
    );
    let long = " ".repeat(cadenza_config::BYTES_MAX + 1);
    check(&long, &expect!["invalid YAML: document of 8388609 bytes exceeds the limit of 8388608"]);
}

#[test]
fn a_bucket_that_cannot_work_is_an_error() {
    let check = |backend: &str, keys: &str, expect: &str| {
        let error = super::support::error(&format!(
            "storage: {{trace: {{backend: {backend}, {backend}: {{{keys}}}}}}}\n"
        ));
        let (_, message) = error.split_once("storage.trace.").expect("a place");
        assert_eq!(message, expect);
    };
    check("s3", "region: x", "s3.bucket: must be set for this backend");
    check("gcs", "", "gcs.bucket_name: must be set for this backend");
    check("azure", "", "azure.container_name: must be set for this backend");
    check(
        "s3",
        "bucket: b, part_size: 4096",
        "s3.part_size: 4096 is below 5242880, the least that S3 takes as a part",
    );
    check(
        "s3",
        "bucket: b, bucket_lookup_type: 3",
        "s3.bucket_lookup_type: 3 is not one of 0 (auto), 1 (host), 2 (path)",
    );
    check("s3", "bucket: b, sse: {type: SSE-KMS}", "s3.sse.kms_key_id: must be set for this backend");
    check(
        "s3",
        "bucket: b, sse: {type: SSE-C, encryption_key: short}",
        "s3.sse.encryption_key: is 5 bytes long and must be 32",
    );
    check("s3", "bucket: b, sse: {type: AES}", "s3.sse.type: `AES` is not one of SSE-S3, SSE-KMS, SSE-C");
    check(
        "s3",
        "bucket: b, tls_min_version: TLS12",
        "s3.tls_min_version: `TLS12` is not one of VersionTLS10, VersionTLS11, VersionTLS12, VersionTLS13",
    );
    check(
        "gcs",
        "bucket_name: b, prefix: x/, object_prefix: y",
        "gcs.object_prefix: says something else than `prefix`; it is another name of it",
    );
}

#[test]
fn what_guards_safety_refuses_the_start() {
    for (text, reason) in [
        ("server: {grpc_tls_config: {cert_file: x}}", "TLS"),
        ("distributor: {receivers: {otlp: {protocols: {grpc: {tls: {cert_file: x}}}}}}", "TLS"),
        (
            "distributor: {receivers: {otlp: {protocols: {http: {auth: {authenticator: x}}}}}}",
            "authentication",
        ),
        ("distributor: {receivers: {zipkin: }}", "receiver"),
        ("distributor: {receivers: {kafka: {brokers: [x]}}}", "receiver"),
        ("distributor: {forwarders: [{name: x}]}", "forwarding"),
        ("distributor: {kafka_write_path_enabled: true}", "Kafka"),
        ("overrides: {defaults: {forwarders: [x]}}", "forwarding"),
        ("overrides: {user_configurable_overrides: {enabled: true}}", "user-configurable"),
        ("storage: {trace: {backend: s3, s3: {bucket: b, signature_v2: true}}}", "signatures of version 2"),
        ("storage: {trace: {backend: s3, s3: {bucket: b, checksum_type: SHA1}}}", "checksums of S3's own"),
        (
            "storage: {trace: {backend: s3, s3: {bucket: b, sse: {type: SSE-S3, kms_encryption_context: '{}'}}}}",
            "an encryption context cannot be sent",
        ),
        (
            "storage: {trace: {block: {version: vParquet3}}}",
            "blocks of vParquet3 are not written: choose vParquet4 or vParquet5",
        ),
        ("storage: {trace: {block: {version: vParquet2}}}", "are not written"),
        ("storage: {trace: {block: {version: v2}}}", "are not written"),
        ("metrics_generator: {storage: {remote_write: [{url: x}]}}", "remote write"),
        ("query_frontend: {url_deny_list: [x]}", "denied"),
        ("server: {cluster_validation: {grpc: {enabled: true}}}", "cluster validation"),
        ("internal_server: {enable: true}", "internal server"),
        ("server: {http_path_prefix: /x}", "prefix"),
    ] {
        let loaded = super::support::load(text);
        let refused = loaded.startable().expect_err(text);
        assert_eq!(refused.exit_code(), 64);
        assert_eq!(refused.problems().len(), 1, "{refused}");
        assert!(refused.to_string().contains(reason), "{text}: {refused}");
    }
}

#[test]
fn the_same_keys_at_their_defaults_do_not() {
    for text in [
        "server: {grpc_tls_config: {}, http_tls_config: {cert_file: ''}}",
        "distributor: {forwarders: [], kafka_write_path_enabled: false}",
        "overrides: {defaults: {forwarders: []}, user_configurable_overrides: {enabled: false}}",
        "metrics_generator: {storage: {remote_write: []}}",
        "internal_server: {enable: false}",
    ] {
        assert!(super::support::load(text).startable().is_ok(), "{text}");
    }
}
