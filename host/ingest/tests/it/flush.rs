//! Cut, build, store, let go: at whatever step it stops, nothing is lost and nothing doubled.

use crate::support::*;
use cadenza_ingest::{Config, TenantLimits};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flush_stores_everything_and_releases_it() {
    let rig = Rig::new();
    let sent = spans(1..100, 4);
    rig.push(&sent).await.expect("taken");
    rig.ingester.flush_all().await;
    assert_eq!(rig.live_rows(), 0);
    assert_eq!(rig.found("single-tenant"), expected(&sent));
    assert_eq!(rig.metric("tempo_ingester_blocks_flushed_total", &[]), 1.0);
    let rig = rig.crash().await;
    assert_eq!(rig.live_rows(), 0, "what is built is not replayed");
    assert_eq!(rig.found("single-tenant"), expected(&sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_traces_are_cut_when_the_block_is_due() {
    let rig = Rig::new();
    let sent = spans(1..10, 2);
    rig.push(&sent).await.expect("taken");
    for _ in 0..8 {
        rig.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await; // sleep-ok: lets other tasks see the moved clock
    }
    rig.until("a block is stored", |rig| !rig.sink.blocks.lock().is_empty()).await;
    rig.until("its rows are let go", |rig| rig.live_rows() == 0).await;
    assert_eq!(rig.metric("tempo_live_store_blocks_cut_total", &[("reason", "max_block_duration")]), 1.0);
    assert_eq!(rig.found("single-tenant"), expected(&sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_is_bounded_and_a_trace_larger_than_a_cut_goes_in_parts() {
    let config = Config { cut_spans_max: 10, ..Config::default() };
    let rig = Rig::with(config, TenantLimits::default());
    let mut all = Vec::new();
    for part in 0..6_u64 {
        let sent: Vec<_> = (0..7).map(|id| span(1, part * 7 + id + 1)).collect();
        rig.push(&sent).await.expect("taken");
        all.extend(sent);
    }
    let small = spans(2..12, 3);
    rig.push(&small).await.expect("taken");
    all.extend(small);
    rig.ingester.flush_all().await;
    assert_eq!(rig.live_rows(), 0);
    assert_eq!(rig.found("single-tenant"), expected(&all));
    for spans in rig.sink.blocks.lock().values() {
        assert!(spans.len() <= 10, "{} spans in a block", spans.len());
    }
}

/// A store in this mood, a crash, a store that is well again.
async fn survives(mood: Mood, reached: impl Fn(&Rig) -> bool) {
    let rig = Rig::new();
    let first = spans(1..30, 3);
    rig.push(&first).await.expect("taken");
    *rig.sink.mood.lock() = mood;
    let flusher = rig.ingester.clone();
    let flush = tokio::spawn(async move { flusher.flush_all().await });
    rig.until("the step before the crash", &reached).await;
    // The traces go on while their cut is pending.
    let late = spans(20..40, 5);
    rig.push(&late).await.expect("taken");
    let mut all = first.clone();
    all.extend(late.into_iter().filter(|s| !first.contains(s)));
    assert_eq!(rig.found("single-tenant"), expected(&all), "{mood:?}: before the crash");
    flush.abort();
    drop(flush.await);
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "{mood:?}: after it");
    rig.ingester.flush_all().await;
    assert_eq!(rig.live_rows(), 0, "{mood:?}");
    assert_eq!(rig.found("single-tenant"), expected(&all), "{mood:?}: all stored");
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "{mood:?}: after another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_after_the_cut_was_recorded_loses_and_doubles_nothing() {
    let failed = |rig: &Rig| rig.metric("tempo_live_store_failed_completions_total", &[]) > 0.0;
    survives(Mood::BuildFails, failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_while_the_store_is_away_loses_and_doubles_nothing() {
    let failed = |rig: &Rig| rig.metric("tempo_ingester_failed_flushes_total", &[]) > 0.0;
    survives(Mood::PutFails, failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_between_block_and_built_loses_and_doubles_nothing() {
    survives(Mood::PutHangs, |rig| !rig.sink.blocks.lock().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_store_is_tried_again_until_it_is_back() {
    let rig = Rig::new();
    let sent = spans(1..5, 2);
    rig.push(&sent).await.expect("taken");
    *rig.sink.mood.lock() = Mood::PutFails;
    let flusher = rig.ingester.clone();
    let flush = tokio::spawn(async move { flusher.flush_all().await });
    for tries in 1..8 {
        let failed =
            move |rig: &Rig| rig.metric("tempo_ingester_failed_flushes_total", &[]) >= f64::from(tries);
        rig.until("another try", failed).await;
        // The longest delay between two tries.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(5)).await; // sleep-ok: lets other tasks see the moved clock
            rig.clock.advance(Duration::from_secs(60));
        }
    }
    *rig.sink.mood.lock() = Mood::Well;
    while !flush.is_finished() {
        rig.clock.advance(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(5)).await; // sleep-ok: lets other tasks see the moved clock
    }
    assert_eq!(rig.found("single-tenant"), expected(&sent));
    assert_eq!(rig.live_rows(), 0);
    assert_eq!(rig.metric("tempo_ingester_flush_queue_length", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_gives_the_index_that_was_there_before() {
    let rig = Rig::new();
    rig.push(&spans(1..50, 3)).await.expect("taken");
    rig.ingester.flush_all().await;
    rig.push(&spans(40..60, 6)).await.expect("taken");
    rig.push(&spans(45..50, 8)).await.expect("taken");
    let before = rig.found("single-tenant");
    let live = rig.live_rows();
    let gauge = |rig: &Rig| rig.metric("tempo_live_store_live_trace_bytes", &[]);
    let bytes = gauge(&rig);
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), before);
    assert_eq!(rig.live_rows(), live);
    assert_eq!(gauge(&rig), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_trace_does_not_keep_the_log_above_its_bound() {
    const LOG_BYTES_MAX: u64 = 5 << 20;
    let hour = Duration::from_secs(3600);
    // Nothing is cut by time: only the log's bound does it.
    let config = Config {
        wal_bytes_max: LOG_BYTES_MAX,
        trace_idle: hour,
        trace_live: hour,
        block_duration_max: hour,
        block_bytes_max: u64::MAX,
        ..Config::default()
    };
    let rig = Rig::with(config, TenantLimits::default());
    let mut all = Vec::new();
    for number in 0..600 {
        let sent = batch(number);
        rig.push(&sent).await.expect("taken");
        all.extend(sent);
        if rig.wal.bytes() > LOG_BYTES_MAX / 5 * 4 {
            rig.until("the cutter makes room", |rig| {
                rig.clock.advance(Duration::from_secs(5));
                rig.wal.bytes() <= LOG_BYTES_MAX / 5 * 4
            })
            .await;
        }
    }
    assert!(rig.sink.blocks.lock().len() > 3, "the log never came near its bound");
    assert_eq!(rig.found("single-tenant"), expected(&all));
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all), "after a crash");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lets_go_of_its_last_segment_when_everything_is_stored() {
    let rig = Rig::new();
    for number in 0..40 {
        rig.push(&batch(number)).await.expect("taken");
    }
    assert!(rig.wal.bytes() > 1 << 20);
    rig.ingester.flush_all().await;
    rig.until("the log is empty", |rig| {
        rig.clock.advance(Duration::from_secs(5));
        rig.wal.bytes() < 1 << 20
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segment_of_a_newer_version_is_told_of_and_outlives_everything() {
    let rig = Rig::new();
    rig.push(&spans(1..10, 2)).await.expect("taken");
    let newest = rig.wal.segments().last().expect("a segment").segment;
    // What a newer program would have left: our header with another version in all its copies.
    let mut newer = std::fs::read(rig.log_file(&format!("{newest:010}.wal"))).expect("the segment");
    (0..4).for_each(|copy| newer[copy * 1024 + 8] = 9);
    let path = rig.log_file(&format!("{:010}.wal", newest + 1));
    std::fs::write(&path, &newer).expect("written");
    let rig = rig.crash().await;
    let told = |rig: &Rig| rig.wal.metrics().corruptions.with_label_values(&["unknown_version"]).get();
    assert_eq!(told(&rig), 1);
    assert_eq!(rig.metric("tempo_ingester_replay_errors_total", &[]), 1.0);
    for number in 0..40 {
        rig.push(&batch(number)).await.expect("taken");
    }
    rig.ingester.flush_all().await;
    rig.until("everything of ours is let go", |rig| {
        rig.clock.advance(Duration::from_secs(5));
        rig.wal.segments().iter().filter(|info| !info.inert).count() <= 1
    })
    .await;
    let rig = rig.crash().await;
    assert_eq!(told(&rig), 1, "told again");
    assert_eq!(std::fs::read(&path).expect("still there"), newer);
}
