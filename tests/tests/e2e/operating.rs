//! What an operator sees: readiness, refusals that name the thing, exit codes, metrics, secrets.

use cadenza_tests::{Options, Server, otlp, server};
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(server::binary()).args(args).output().expect("running the binary")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("writing it");
    file
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let config = file("server:\n  http_listen_port: 3200\nstorge:\n  trace: {}\n");
    let output = run(&[&format!("-config.file={}", config.path().display()), "-config.verify"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("line 3") && said.contains("storge") && said.contains("storage"), "{said}");
}

#[test]
fn what_protects_data_and_is_not_there_yet_refuses_start() {
    let config = file("server:\n  cluster_validation: {grpc: {enabled: true}}\n");
    let output = run(&[&format!("-config.file={}", config.path().display())]);
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("cluster validation"), "{}", stderr(&output));
}

#[test]
fn other_targets_exit_1_and_name_the_supported_one() {
    let output = run(&["-target=querier"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("all"), "{}", stderr(&output));
}

#[test]
fn version_is_printed_with_one_or_two_dashes() {
    for flag in ["-version", "--version"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains(env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_in_use_is_locked() {
    let first = Server::start().await;
    let options = Options { data: Some(first.data()), ..Options::default() };
    let mut second = Server::prepare(options);
    second.spawn();
    let status = second.exited().await;
    assert_eq!(status.code(), Some(1), "{}", second.log_text());
    assert!(second.log_text().contains("in use by another process"), "{}", second.log_text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_is_a_clear_error() {
    let first = Server::start().await;
    let address = first.http().get("/ready").await.map(|_| first.otlp_grpc_url()).expect("ready");
    let port = address.rsplit(':').next().expect("a port");
    let data = tempfile::TempDir::new().expect("a folder");
    let config = file(&format!(
        "distributor: {{receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:{port}\"}}}}}}}}}}\n\
         server: {{http_listen_port: 0, grpc_listen_port: 0}}\n\
         storage: {{trace: {{backend: local, local: {{path: {0}/b}}, wal: {{path: {0}/w}}}}}}\n",
        data.path().display()
    ));
    let output = run(&[&format!("-config.file={}", config.path().display())]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(port), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_metrics_exist_from_the_start() {
    let server = Server::start().await;
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    client
        .export(otlp::request("m", vec![otlp::span(otlp::trace_id(1, 1), 1, 0, "a")]))
        .await
        .expect("accepted");
    server.http().search("{ true }", otlp::now_s() - 60, otlp::now_s() + 60, 20).await;
    let metrics = server.http().get("/metrics").await.expect("metrics").text();
    for name in [
        "tempo_distributor_spans_received_total{tenant=\"single-tenant\"} 1",
        "tempo_query_frontend_result_metrics_latency_bucket",
        "tempo_ingester_blocks_total",
        "tempo_distributor_ingester_append_failures_total",
        "tempo_compactor_blocks_compacted_total",
        "tempo_build_info",
        "cadenza_wal_oldest_unflushed_seconds",
    ] {
        assert!(metrics.contains(name), "{name} is missing from:\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_pages_answer_and_secrets_are_masked() {
    let server = Server::start().await;
    let http = server.http();
    for path in [
        "/ready",
        "/status",
        "/status/services",
        "/status/config",
        "/status/version",
        "/api/echo",
        "/api/status/buildinfo",
        "/",
        "/status/overrides",
    ] {
        let answer = http.get(path).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(!answer.body.is_empty(), "{path} is empty");
    }
    assert_eq!(http.get("/api/nonsense").await.expect("an answer").status, 404);
}
