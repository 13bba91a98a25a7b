//! Acknowledged means durable and found; once, by its own tenant only.

use crate::support::*;
use cadenza_model::{TenantId, TraceId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_spans_are_found_at_once_and_after_a_crash() {
    let rig = Rig::new();
    let sent = spans(1..20, 5);
    rig.push(&sent).await.expect("taken");
    assert_eq!(rig.found("single-tenant"), expected(&sent));
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_requests_share_frames_and_each_gets_its_own_answer() {
    let rig = Rig::new();
    let mut all = Vec::new();
    let mut pushes = Vec::new();
    for trace in 1..200_u128 {
        let mut sent = spans(trace..trace + 1, 2);
        if trace % 10 == 0 {
            sent[1].span_id = vec![0; 8];
        } else {
            all.extend(sent.clone());
        }
        let rig = &rig;
        pushes.push(async move { (trace, rig.push(&sent).await) });
    }
    for (trace, answer) in futures::future::join_all(pushes).await {
        assert_eq!(answer.is_err(), trace % 10 == 0, "{trace}: {answer:?}");
    }
    assert_eq!(rig.found("single-tenant"), expected(&all));
    let frames = rig.ingester.snapshot(&TenantId::single()).frames().len();
    assert!(frames < 180, "{frames} frames");
    assert_eq!(rig.metric("tempo_discarded_spans_total", &[("reason", "invalid_span_id")]), 38.0);
    assert_eq!(rig.metric("tempo_receiver_accepted_spans", &[("transport", "grpc")]), 360.0);
    assert_eq!(rig.metric("tempo_receiver_refused_spans", &[("transport", "grpc")]), 38.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_arrival_is_dropped_and_another_kind_of_the_same_span_is_not() {
    let rig = Rig::new();
    let sent = spans(1..4, 100);
    rig.push(&sent).await.expect("taken");
    rig.push(&sent).await.expect("a retry is a success");
    let mut twin = span(1, 1);
    twin.kind = 3;
    let doubled = [twin.clone(), twin.clone(), span(1, 777)];
    rig.push(&doubled).await.expect("taken");
    let mut all = sent.clone();
    all.extend([twin, span(1, 777)]);
    assert_eq!(rig.found("single-tenant"), expected(&all));
    assert_eq!(rig.metric("cadenza_ingest_duplicate_spans_total", &[]), 301.0);
    let rig = rig.crash().await;
    assert_eq!(rig.found("single-tenant"), expected(&all));
    rig.push(&sent).await.expect("a retry after the crash");
    assert_eq!(rig.found("single-tenant"), expected(&all));
    rig.ingester.flush_all().await;
    assert_eq!(rig.found("single-tenant"), expected(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_their_own_spans_only() {
    let rig = Rig::new();
    let (a, b) = (spans(1..5, 3), spans(3..9, 2));
    rig.push_as("a", &a).await.expect("taken");
    rig.push_as("b", &b).await.expect("taken");
    for _ in 0..2 {
        assert_eq!(rig.found("a"), expected(&a));
        assert_eq!(rig.found("b"), expected(&b));
        assert_eq!(rig.found("c"), []);
        rig.ingester.flush_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_is_looked_up_in_a_snapshot_older_than_its_block() {
    let rig = Rig::new();
    rig.push(&spans(1..50, 2)).await.expect("taken");
    rig.push(&spans(7..8, 4)).await.expect("taken");
    let snapshot = rig.ingester.snapshot(&TenantId::single());
    let trace = TraceId(7_u128.to_be_bytes());
    assert_eq!(snapshot.frames_of(&trace).len(), 2);
    rig.ingester.flush_all().await;
    rig.push(&spans(7..8, 9)).await.expect("taken");
    let frames = snapshot.frames_of(&trace);
    assert_eq!(frames.len(), 2, "still those of its moment");
    let mut rows = 0;
    for frame in &frames {
        let columns = snapshot.read(frame, cadenza_wal::Sections::ALL).expect("segments are kept");
        rows += frame.rows_of(&columns, &trace).len();
    }
    assert_eq!(rows, 4, "two of the six had arrived before");
    assert_eq!(rig.ingester.snapshot(&TenantId::single()).frames_of(&trace).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_attributes_are_cut_and_counted() {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    let rig = Rig::new();
    let value = Some(AnyValue { value: Some(Value::StringValue("é".repeat(2000))) });
    let mut long = span(1, 1);
    long.attributes = vec![KeyValue { key: "k".repeat(2049), value, ..KeyValue::default() }];
    rig.push(&[long]).await.expect("taken");
    assert_eq!(rig.metric("tempo_distributor_attributes_truncated_total", &[("scope", "span")]), 2.0);
    let snapshot = rig.ingester.snapshot(&TenantId::single());
    let columns = snapshot.read(&snapshot.frames()[0], cadenza_wal::Sections::ALL).expect("readable");
    assert_eq!(columns.key(&columns.span_attrs, 0), "k".repeat(2048));
    assert_eq!(columns.value(&columns.span_attrs, 0), cadenza_model::ValueRef::Str(&"é".repeat(1024)));
}
