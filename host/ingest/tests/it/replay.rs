//! A log longer than the index may hold: read in windows that are stored before reading goes on, whatever
//! stops it in between.

use crate::support::*;
use cadenza_ingest::{Config, TenantLimits};

const BATCHES: u128 = 300;
/// A twentieth of what the batches need.
const INDEX_BYTES_MAX: u64 = 20_000;

fn narrow() -> Config {
    Config { live_index_bytes_max: INDEX_BYTES_MAX, ..Config::default() }
}

/// A log of 12 MB of which nothing is cut.
async fn long_log() -> (Rig, Vec<opentelemetry_proto::tonic::trace::v1::Span>) {
    let rig = Rig::with(Config::default(), TenantLimits::default());
    let mut all = Vec::new();
    for number in 0..BATCHES {
        let sent = batch(number);
        rig.push(&sent).await.expect("taken");
        all.extend(sent);
    }
    let bytes = rig.metric("cadenza_ingest_live_index_bytes", &[]);
    assert!(bytes > 5.0 * INDEX_BYTES_MAX as f64, "the index holds {bytes} bytes only");
    (rig, all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_longer_than_the_index_is_stored_while_it_is_read() {
    let (rig, all) = long_log().await;
    let log_bytes = rig.wal.bytes();
    let rig = rig.crash_into(narrow(), Mood::Well);
    rig.until("replay ends", |rig| !rig.ingester.is_replaying()).await;
    assert_eq!(rig.found("single-tenant"), expected(&all));
    assert!(rig.metric("cadenza_ingest_live_index_bytes", &[]) <= INDEX_BYTES_MAX as f64);
    assert!(rig.sink.blocks.lock().len() > 5);
    assert!(rig.wal.bytes() < log_bytes / 2, "what is stored is let go: {} of {log_bytes}", rig.wal.bytes());
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "after a crash");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_while_a_long_log_is_stored_lose_and_double_nothing() {
    let (mut rig, mut all) = long_log().await;
    for life in 0..8 {
        // Stores a block, and dies before the log hears of it.
        let blocks = rig.sink.blocks.lock().len();
        rig = rig.crash_into(narrow(), if life % 2 == 0 { Mood::PutHangs } else { Mood::Well });
        let late = spans(10_000 + life * 10..10_005 + life * 10, 2);
        if rig.push(&late).await.is_ok() {
            all.extend(late);
        }
        rig.until("another block", |rig| {
            rig.sink.blocks.lock().len() > blocks || !rig.ingester.is_replaying()
        })
        .await;
    }
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all));
    rig.ingester.flush_all().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "all stored");
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "after another crash");
    let stored: usize = rig.sink.blocks.lock().values().map(Vec::len).sum();
    assert_eq!(stored, all.len(), "each span in one block");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_that_is_away_holds_the_replay_at_the_bound_and_no_longer() {
    let (rig, all) = long_log().await;
    let rig = rig.crash_into(narrow(), Mood::BuildFails);
    rig.until("builds fail", |rig| rig.metric("tempo_live_store_failed_completions_total", &[]) > 1.0).await;
    assert!(rig.ingester.is_replaying());
    let bytes = rig.metric("cadenza_ingest_live_index_bytes", &[]);
    assert!(bytes <= INDEX_BYTES_MAX as f64, "the index holds {bytes} bytes");
    *rig.sink.mood.lock() = Mood::Well;
    rig.until("replay ends", |rig| {
        rig.clock.advance(std::time::Duration::from_secs(60));
        !rig.ingester.is_replaying()
    })
    .await;
    assert_eq!(rig.found("single-tenant"), expected(&all));
}
