//! Buckets in the clouds: each store keeps a store's promises, and a server on it a server's.

use crate::durability::spans_of;
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_objects::{Config, Metrics, conformance, open};
use cadenza_tests::stores::{self, Store};
use cadenza_tests::{Options, Server, otlp, wait};
use futures::TryStreamExt;
use object_store::ObjectStore;
use prometheus::Registry;
use std::collections::BTreeSet;
use std::sync::Arc;

fn opened(store: &Store) -> Arc<dyn ObjectStore> {
    let env = Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
    };
    let config = Config { backend: store.backend.clone(), read_only: false };
    open(&env, &|_| None, &config, &Metrics::new(&Registry::new())).expect("a store")
}

async fn keeps_its_promises(store: Option<Store>) {
    let Some(store) = store else { return };
    conformance::check(opened(&store).as_ref(), "conformance").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_is_a_store() {
    keeps_its_promises(stores::s3().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_is_a_store() {
    keeps_its_promises(stores::google().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_is_a_store() {
    keeps_its_promises(stores::azure().await).await;
}

const QUIET: &str = "live_store:\n  max_trace_idle: 1h\n  max_trace_live: 1h\n  max_block_duration: 1h\n";
const COMPACTING: &str = "compactor:\n  compaction:\n    compaction_cycle: 1s\nbackend_scheduler:\n  provider:\n    compaction:\n      min_cycle_interval: 1s\n";

fn options(store: &Store, yaml: &str) -> Options {
    Options { yaml: format!("{QUIET}{yaml}"), backend_yaml: store.yaml.clone(), ..Options::default() }
}

async fn objects(store: &dyn ObjectStore, name: &str) -> BTreeSet<String> {
    let listed = store.list(None).map_ok(|object| object.location.to_string());
    let all: Vec<_> = listed.try_collect().await.expect("a listing");
    all.into_iter().filter(|path| path.ends_with(name)).collect()
}

/// Blocks are written to the store, found there by another server, compacted there by conditional claims.
async fn carries_a_server(store: Option<Store>) {
    const ROUNDS: u64 = 3;
    const TRACES: u64 = 20;
    let Some(store) = store else { return };
    let bucket = opened(&store);
    let mut first = Server::start_with(options(&store, "compactor:\n  disabled: true\n")).await;
    let mut client = otlp::grpc(first.otlp_grpc_url()).await.expect("a connection");
    for round in 0..ROUNDS {
        for trace in 0..TRACES {
            let span = otlp::span(otlp::trace_id(0x51, trace + 1), round + 1, u64::from(round > 0), "work");
            client.export(otlp::request("bucket", vec![span])).await.expect("taken");
        }
        assert_eq!(first.http().get("/flush").await.expect("an answer").status, 204);
    }
    assert_eq!(objects(bucket.as_ref(), "/meta.json").await.len() as u64, ROUNDS);
    assert!(first.terminate().await.success());
    // Another machine: nothing of the first one's disk is there.
    let second = Server::start_with(options(&store, COMPACTING)).await;
    wait::until("the blocks to become one", || async {
        (objects(bucket.as_ref(), "/meta.json").await.len() == 1).then_some(())
    })
    .await;
    for trace in 0..TRACES {
        let found = spans_of(&second.http(), &otlp::trace_id(0x51, trace + 1)).await;
        assert_eq!(found.len() as u64, ROUNDS, "trace {trace}");
    }
    let metrics = second.http().get("/metrics").await.expect("metrics").text();
    let read = "tempodb_backend_request_duration_seconds_count{operation=\"GET\",status_code=\"206\"}";
    assert!(metrics.contains(read), "requests are counted by method and status");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_carries_a_server() {
    carries_a_server(stores::s3().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_carries_a_server() {
    carries_a_server(stores::google().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_carries_a_server() {
    carries_a_server(stores::azure().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_cannot_be_reached_delays_no_start_and_loses_no_span() {
    let Some(store) = stores::s3().await else { return };
    store.pause();
    // Ready while the bucket answers nothing: spans are taken, and answered from here.
    let server = Server::start_with(options(&store, "")).await;
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let id = otlp::trace_id(0x52, 1);
    client.export(otlp::request("bucket", vec![otlp::span(id, 1, 0, "work")])).await.expect("taken");
    assert_eq!(spans_of(&server.http(), &id).await.len(), 1);
    store.resume();
    let flushed = wait::until("the block to be written", || async {
        let answer = server.http().get("/flush").await.expect("an answer");
        (answer.status == 204).then_some(())
    });
    flushed.await;
    assert_eq!(objects(opened(&store).as_ref(), "/meta.json").await.len(), 1);
}
