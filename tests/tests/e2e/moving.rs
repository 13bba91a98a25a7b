//! Moving in from a Tempo's disk, and moving out: nothing stays behind.

use crate::durability::spans_of;
use cadenza_tests::{Options, Server, otlp, wait};
use std::path::Path;
use std::time::{Duration, SystemTime};

const LOGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tempo-3.0.3/wal");

/// Copies a log and makes it as old as one that nobody writes any more.
fn leave(log: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(log).expect("a fixture").flatten() {
        let path = to.join(entry.file_name());
        std::fs::copy(entry.path(), &path).expect("copied");
        let file = std::fs::File::options().write(true).open(&path).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(600)).expect("a time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_tempos_disk_answers_what_tempo_had_not_stored_yet() {
    let mut server = Server::prepare(Options::default());
    let wal = server.data().join("wal");
    let logs: Vec<_> = std::fs::read_dir(LOGS).expect("fixtures").flatten().collect();
    for log in &logs {
        leave(&log.path(), &wal.join(log.file_name()));
    }
    server.launch().await;
    let http = server.http();
    for first in [0x1000, 0x2000] {
        for trace in first..first + 5 {
            wait::until("a trace of Tempo's log", || async {
                let spans = spans_of(&http, &otlp::trace_id(0, trace)).await;
                (spans.len() == 2).then_some(())
            })
            .await;
        }
    }
    wait::until("the logs to be gone", || async {
        logs.iter().all(|log| !wal.join(log.file_name()).exists()).then_some(())
    })
    .await;
    // The hour in which that Tempo ran.
    let hour = 1_796_128_000..1_796_131_600;
    let query = "{ resource.service.name = \"moved\" && span.n < 0 }";
    let found = http.search(query, hour.start, hour.end, 100).await;
    assert_eq!(found["traces"].as_array().map(Vec::len), Some(10), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_shutdown_the_bucket_alone_has_everything() {
    let mut server = Server::start().await;
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    for trace in 1..=50 {
        let id = otlp::trace_id(0x30, trace);
        client.export(otlp::request("leaving", vec![otlp::span(id, 1, 0, "work")])).await.expect("taken");
    }
    let answer = server.http().request("POST", "/shutdown", &[], Vec::new()).await.expect("an answer");
    assert_eq!(answer.status, 204);
    assert!(server.exited().await.success());
    std::fs::remove_dir_all(server.data().join("wal")).expect("the log is not needed any more");
    server.launch().await;
    for trace in 1..=50 {
        assert_eq!(spans_of(&server.http(), &otlp::trace_id(0x30, trace)).await.len(), 1, "trace {trace}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_departure_outlasts_a_restart_and_leaves_nothing_in_the_log() {
    let marker = tempfile::tempdir().expect("a folder");
    let yaml = format!(
        "live_store:\n  max_trace_idle: 1h\n  max_trace_live: 1h\n  max_block_duration: 1h\n  shutdown_marker_dir: {}\n",
        marker.path().join("marker").display()
    );
    let mut server = Server::start_with(Options { yaml, ..Options::default() }).await;
    let path = "/live-store/prepare-downscale";
    let post = server.http().request("POST", path, &[], Vec::new()).await.expect("an answer");
    assert_eq!(post.status, 204);
    server.kill();
    server.launch().await;
    assert_eq!(server.http().get(path).await.expect("an answer").text(), "set\n");
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let id = otlp::trace_id(0x31, 1);
    client.export(otlp::request("leaving", vec![otlp::span(id, 1, 0, "work")])).await.expect("taken");
    assert!(server.terminate().await.success());
    std::fs::remove_dir_all(server.data().join("wal")).expect("the log is not needed any more");
    server.launch().await;
    assert_eq!(spans_of(&server.http(), &id).await.len(), 1);
    let delete = server.http().request("DELETE", path, &[], Vec::new()).await.expect("an answer");
    assert_eq!(delete.status, 204);
    assert_eq!(server.http().get(path).await.expect("an answer").text(), "unset\n");
}
