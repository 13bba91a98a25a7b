//! Limits hold before the acknowledgement, are told by the table, and give back what was not used.

use crate::support::*;
use cadenza_ingest::{Config, Reason, Refusal, TenantLimits};
use prost::Message;
use std::time::Duration;

fn limits(set: impl FnOnce(&mut TenantLimits)) -> Rig {
    let mut limits = TenantLimits::default();
    set(&mut limits);
    Rig::with(Config::default(), limits)
}

#[track_caller]
fn refused(
    answer: Result<cadenza_ingest::Accepted, Refusal>,
    reason: Reason,
    retry_s: Option<u64>,
) -> String {
    let refusal = answer.expect_err("over the limit");
    assert_eq!((refusal.reason, refusal.retry_after), (reason, retry_s.map(Duration::from_secs)));
    refusal.message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limit_refuses_with_a_delay_and_refills() {
    let body = request(&spans(1..2, 1)).encode_to_vec();
    let n = body.len() as u64;
    let rig = limits(|l| (l.rate_bytes, l.burst_bytes) = (n, 2 * n));
    rig.push(&spans(1..2, 1)).await.expect("within the burst");
    rig.push(&spans(2..3, 1)).await.expect("within the burst");
    let text = refused(rig.push(&spans(3..4, 1)).await, Reason::RateLimited, Some(5));
    assert_eq!(
        text,
        format!(
            "RATE_LIMITED: ingestion rate limit (local: {n} bytes/s, global: 0 bytes/s, burst: {b} bytes) \
             exceeded while adding {n} bytes for user single-tenant. consider increasing the limit or reducing \
             ingestion rate.",
            b = 2 * n
        )
    );
    rig.clock.advance(Duration::from_secs(1));
    rig.push(&spans(3..4, 1)).await.expect("refilled");
    assert_eq!(rig.metric("tempo_discarded_spans_total", &[("reason", "rate_limited")]), 1.0);
    assert_eq!(rig.metric("tempo_distributor_spans_received_total", &[]), 3.0);
    assert_eq!(rig.metric("tempo_distributor_ingress_bytes_total", &[]), 4.0 * n as f64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_above_the_burst_is_never_retryable() {
    let n = request(&spans(1..2, 1)).encode_to_vec().len() as u64;
    let rig = limits(|l| (l.rate_bytes, l.burst_bytes) = (n - 1, n - 1));
    let text = refused(rig.push(&spans(1..2, 1)).await, Reason::BatchAboveBurst, None);
    let limit = n - 1;
    assert_eq!(
        text,
        format!(
            "RATE_LIMITED: batch size ({n} bytes) exceeds ingestion limit (local: {limit} bytes/s, global: 0 \
             bytes/s, burst: {limit} bytes) while adding {n} bytes for user single-tenant. consider reducing \
             batch size or increasing rate limit."
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenant_without_retry_info_gets_no_delay() {
    let rig = limits(|l| (l.live_traces_max, l.retry_info_enabled) = (1, false));
    rig.push(&spans(1..2, 1)).await.expect("the first trace");
    refused(rig.push(&spans(2..3, 1)).await, Reason::LiveTracesExceeded, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_trace_cap_refuses_new_traces_until_old_ones_are_cut() {
    let rig = limits(|l| l.live_traces_max = 3);
    rig.push(&spans(1..4, 1)).await.expect("three traces");
    refused(rig.push(&spans(4..5, 1)).await, Reason::LiveTracesExceeded, Some(5));
    rig.push(&[span(2, 9)]).await.expect("a trace that is live already");
    assert_eq!(rig.metric("tempo_live_store_live_traces", &[]), 3.0);
    assert_eq!(rig.metric("tempo_discarded_spans_total", &[("reason", "live_traces_exceeded")]), 1.0);
    rig.clock.advance(Duration::from_secs(6));
    rig.until("traces are closed", |rig| rig.metric("tempo_live_store_live_traces", &[]) == 0.0).await;
    rig.push(&spans(4..5, 1)).await.expect("room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_traces_than_the_cap_in_one_request_are_taken_in_part() {
    let rig = limits(|l| l.live_traces_max = 3);
    let accepted = rig.push(&spans(1..6, 2)).await.expect("in part");
    assert_eq!(accepted.rejected_spans, 4);
    assert!(accepted.message.starts_with("LIVE_TRACES_EXCEEDED: "), "{}", accepted.message);
    assert_eq!(rig.found("single-tenant"), expected(&spans(1..4, 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_too_large_is_rejected_and_the_rest_of_the_request_taken() {
    let one = span(1, 1).encoded_len() as u64;
    let rig = limits(|l| l.trace_bytes_max = 3 * one);
    rig.push(&[span(1, 1), span(1, 2)]).await.expect("fits");
    let accepted = rig.push(&[span(1, 3), span(1, 4), span(2, 1)]).await.expect("in part");
    assert_eq!(accepted.rejected_spans, 2);
    assert!(accepted.message.starts_with("TRACE_TOO_LARGE: "), "{}", accepted.message);
    rig.push(&[span(1, 3)]).await.expect("what was rejected was given back");
    assert_eq!(rig.found("single-tenant"), expected(&[span(1, 1), span(1, 2), span(1, 3), span(2, 1)]));
    assert_eq!(rig.metric("tempo_discarded_spans_total", &[("reason", "trace_too_large")]), 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_not_passed_by_requests_at_the_same_time() {
    let rig = limits(|l| l.live_traces_max = 50);
    let pushes = (1..=200_u128).map(|trace| {
        let rig = &rig;
        async move { rig.push(&spans(trace..trace + 1, 1)).await.is_ok() }
    });
    let taken = futures::future::join_all(pushes).await.into_iter().filter(|&ok| ok).count();
    assert_eq!(taken, 50);
    assert_eq!(rig.live_rows(), 50);
    assert_eq!(rig.metric("tempo_live_store_live_traces", &[]), 50.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_own_bounds_refuse_with_a_delay() {
    let rig = Rig::with(Config { in_flight_bytes_max: 10, ..Config::default() }, TenantLimits::default());
    refused(rig.push(&spans(1..2, 1)).await, Reason::InFlightBytes, Some(5));

    let rig = Rig::with(Config { tenants_max: 1, ..Config::default() }, TenantLimits::default());
    rig.push_as("a", &spans(1..2, 1)).await.expect("the first tenant");
    refused(rig.push_as("b", &spans(1..2, 1)).await, Reason::TooManyTenants, Some(5));

    let rig = Rig::with(Config { live_index_bytes_max: 1_000, ..Config::default() }, TenantLimits::default());
    rig.push(&spans(1..20, 1)).await.expect("the index was empty");
    refused(rig.push(&spans(20..21, 1)).await, Reason::LiveIndexFull, Some(5));
    rig.until("pressure cuts", |rig| rig.live_rows() == 0).await;
    rig.push(&spans(20..21, 1)).await.expect("room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_server_refuses_and_a_closed_log_counts_as_append_failure() {
    let rig = Rig::new();
    rig.wal.close().await;
    refused(rig.push(&spans(1..2, 1)).await, Reason::Stopping, Some(5));
    assert_eq!(rig.metric("tempo_distributor_ingester_append_failures_total", &[]), 1.0);
    assert_eq!(rig.metric("tempo_live_store_live_traces", &[]), 0.0, "the reservation was given back");
    rig.ingester.stop_taking().await;
    refused(rig.push(&spans(1..2, 1)).await, Reason::Stopping, Some(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_and_bad_ids_are_told_apart() {
    let rig = Rig::new();
    let mut long = span(1, 1);
    long.trace_id = vec![1; 8];
    let mut none = span(1, 1);
    none.trace_id = vec![0; 16];
    let mut nameless = span(1, 1);
    nameless.span_id = Vec::new();
    for (body, reason) in [
        (b"\xff\xff".to_vec(), Reason::Malformed),
        (request(&[span(1, 2), long]).encode_to_vec(), Reason::IdLength),
        (request(&[span(1, 2), none]).encode_to_vec(), Reason::InvalidTraceId),
        (request(&[span(1, 2), nameless]).encode_to_vec(), Reason::InvalidSpanId),
    ] {
        refused(rig.push_bytes("single-tenant", body).await, reason, None);
    }
    assert_eq!(rig.live_rows(), 0);
    rig.push(&[]).await.expect("nothing is a success");
}
