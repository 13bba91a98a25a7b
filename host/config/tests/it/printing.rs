//! `/status/config`.

use super::support::{fixture, fixtures, load};
use cadenza_config::{Config, LoadOptions, PrintMode};
use expect_test::expect;

#[test]
fn what_is_printed_means_the_same_when_loaded() {
    for (name, text) in fixtures() {
        let loaded = load(&text);
        let mut again = load(&loaded.print(PrintMode::Effective));
        // What is printed is written down from then on.
        again.config.compaction.block_retention_set = loaded.config.compaction.block_retention_set;
        assert_eq!(loaded.config, again.config, "{name}");
    }
    let embedded = Config::load(None, &LoadOptions::default()).expect("the embedded default");
    let mut again = load(&embedded.print(PrintMode::Effective)).config;
    again.compaction.block_retention_set = embedded.config.compaction.block_retention_set;
    assert_eq!(again, embedded.config);
}

#[test]
fn the_printed_defaults_are_the_defaults() {
    let loaded = load("");
    let defaults = loaded.print(PrintMode::Defaults);
    assert_eq!(load(&defaults).config.overrides, loaded.config.overrides);
    assert!(defaults.lines().count() > 700, "{} lines", defaults.lines().count());
}

#[test]
fn the_diff_shows_only_what_differs() {
    expect![[r#"
        distributor:
          receivers:
            otlp:
              protocols:
                grpc:
                  endpoint: "0.0.0.0:4317"
                http:
                  endpoint: "0.0.0.0:4318"
        ingester:
          max_block_duration: 5m
        storage:
          trace:
            backend: local
            local:
              path: /var/tempo/blocks
        compactor:
          compaction:
            block_retention: 24h
        overrides:
          defaults:
            ingestion:
              rate_limit_bytes: 50000000
              burst_size_bytes: 100000000
              max_traces_per_user: 100000
            global:
              max_bytes_per_trace: 10000000
    "#]]
    .assert_eq(&load(&fixture("guide/local.yaml")).print(PrintMode::Diff));
    assert_eq!(load("server: {http_listen_port: 3200}\n").print(PrintMode::Diff), "{}\n");
}

#[test]
fn secrets_never_show() {
    let text = "
storage:
  trace:
    s3: {secret_key: hunter2, access_key: hunter2, session_token: hunter2, sse: {encryption_key: hunter2}}
    azure: {storage_account_key: hunter2}
    redis: {password: hunter2, sentinel_password: hunter2}
distributor:
  kafka_config: {sasl_password: hunter2}
  receivers:
    otlp: {protocols: {http: {auth: {token: hunter2}, response_headers: {a: hunter2}, tls: {key_pem: hunter2}}}}
metrics_generator:
  storage:
    remote_write:
      - url: https://user:hunter2@host/path
        headers: {Authorization: hunter2}
        basic_auth: {username: u, password: hunter2}
        authorization: {credentials: hunter2}
        bearer_token: hunter2
        oauth2: {client_secret: hunter2}
        sigv4: {secret_key: hunter2}
overrides: {defaults: {metrics_generator: {remote_write_headers: {a: hunter2}}}}
server: {http_tls_config: {key: hunter2}}
metrics_generator_client: {anything: {at: [hunter2]}}
";
    let loaded = load(text);
    for mode in [PrintMode::Effective, PrintMode::Diff, PrintMode::Defaults] {
        let printed = loaded.print(mode);
        assert!(!printed.contains("hunter2"), "{printed}");
    }
    assert!(loaded.print(PrintMode::Diff).contains("https://user:********@host/path"));
    let said = format!("{:?} {:?}", loaded.warnings, loaded.refusals);
    assert!(!said.contains("hunter2"), "{said}");
}
