//! What the write path does with a chain: verdicts, holds, and that nothing removed is kept anywhere.

use crate::support::{Rig, span};
use cadenza_ingest::chain::{Chain, Hold, Processing, Verdict};
use cadenza_ingest::{Config, Reason, TenantLimits};
use cadenza_model::{AttrType, Columns, TenantId};
use cadenza_wal::Sections;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

const TENANT: &str = "single-tenant";

/// Does with each span what its id says: 100 is dropped, 200 fails.
struct ById;

impl Chain for ById {
    fn digest(&self) -> [u8; 32] {
        [7; 32]
    }

    fn calls_guests(&self) -> bool {
        true
    }

    fn run(&self, columns: &mut Columns, requests: &[Range<usize>]) -> Result<Processing, Hold> {
        assert_eq!(requests.iter().map(ExactSizeIterator::len).sum::<usize>(), columns.spans.len());
        let ids = columns.spans.span_id.iter().map(|id| id.0);
        let verdict = |id| match id {
            100 => Verdict::Drop,
            200 => Verdict::Reject(0),
            _ => Verdict::Keep,
        };
        let reasons = vec!["scrub: it trapped".to_owned()];
        Ok(Processing { verdicts: ids.map(verdict).collect(), reasons, edited: false })
    }
}

/// Masks every string value of a span's attributes.
struct Mask;

impl Chain for Mask {
    fn digest(&self) -> [u8; 32] {
        [8; 32]
    }

    fn calls_guests(&self) -> bool {
        false
    }

    fn run(&self, columns: &mut Columns, _: &[Range<usize>]) -> Result<Processing, Hold> {
        let masked = columns.values.intern(b"****");
        for (ty, value) in columns.span_attrs.ty.iter().zip(&mut columns.span_attrs.val) {
            if *ty == AttrType::Str {
                *value = u64::from(masked);
            }
        }
        Ok(Processing { edited: true, ..Processing::default() })
    }
}

#[tokio::test]
async fn sampled_out_spans_are_a_success_and_failed_ones_are_told() {
    let rig = Rig::new();
    rig.chains.set(TENANT, Ok(Arc::new(ById)));
    let accepted = rig.push(&[span(1, 1), span(1, 100), span(2, 200), span(2, 2)]).await.expect("taken");
    assert_eq!(accepted.rejected_spans, 1);
    assert_eq!(accepted.message, "PLUGIN_REJECTED: 1 spans: scrub: it trapped");
    assert_eq!(rig.found(TENANT).len(), 2);
    let all_dropped = rig.push(&[span(3, 100)]).await.expect("taken");
    assert_eq!((all_dropped.rejected_spans, all_dropped.message.as_str()), (0, ""));
    assert_eq!(rig.found(TENANT).len(), 2);
    assert!((rig.metric("cadenza_ingest_sampled_out_spans_total", &[]) - 2.0).abs() < 0.5);
    let discarded = rig.metric("tempo_discarded_spans_total", &[("reason", "plugin_rejected")]);
    assert!((discarded - 1.0).abs() < 0.5, "sampled out is not discarded");
}

#[tokio::test]
async fn requests_that_share_a_batch_get_their_own_answers_from_the_chain() {
    let rig = Rig::new();
    rig.chains.set(TENANT, Ok(Arc::new(ById)));
    let requests = (0..50_u64).map(|n| {
        let poison = if n % 5 == 0 { 200 } else { 1 };
        let rig = &rig;
        async move { rig.push(&[span(u128::from(n) + 1, n + 1000), span(u128::from(n) + 1, poison)]).await }
    });
    let answers = futures::future::join_all(requests).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.expect("taken").rejected_spans, u64::from(n % 5 == 0), "request {n}");
    }
    assert_eq!(rig.found(TENANT).len(), 90);
}

#[tokio::test]
async fn a_chain_that_is_not_there_yet_holds_its_tenant_and_nobody_else() {
    let rig = Rig::with(Config { multitenancy_enabled: true, ..Config::default() }, TenantLimits::default());
    let hold = Hold { message: "plugin scrub: loading".into(), retry_after: Some(Duration::from_secs(3)) };
    rig.chains.set("held", Err(hold));
    let refusal = rig.push_as("held", &[span(1, 1)]).await.expect_err("held");
    assert_eq!(
        (refusal.reason, refusal.message.as_str(), refusal.retry_after),
        (Reason::ChainFailed, "plugin scrub: loading", Some(Duration::from_secs(3)))
    );
    assert!(rig.found("held").is_empty());
    rig.push_as("free", &[span(1, 1)]).await.expect("taken");
    rig.chains.set("held", Ok(Arc::new(Mask)));
    rig.push_as("held", &[span(1, 1)]).await.expect("taken");
}

#[tokio::test]
async fn what_a_chain_removes_counts_against_no_limit() {
    let limits = TenantLimits { live_traces_max: 1, trace_bytes_max: 400, ..TenantLimits::default() };
    let rig = Rig::with(Config::default(), limits);
    rig.chains.set(TENANT, Ok(Arc::new(ById)));
    for trace in 1..20 {
        rig.push(&[span(trace, 100)]).await.expect("a dropped trace is not live");
    }
    for _ in 0..50 {
        let accepted = rig.push(&[span(50, 100)]).await.expect("taken");
        assert_eq!(accepted.rejected_spans, 0, "dropped bytes are no bytes of the trace");
    }
    rig.push(&[span(50, 1)]).await.expect("taken");
    let refusal = rig.push(&[span(51, 1)]).await.expect_err("the one trace is live");
    assert_eq!(refusal.reason, Reason::LiveTracesExceeded);
}

#[tokio::test]
async fn an_edited_value_is_in_no_dictionary_of_the_log() {
    let rig = Rig::new();
    rig.chains.set(TENANT, Ok(Arc::new(Mask)));
    let mut secret = span(1, 1);
    let value = AnyValue { value: Some(Value::StringValue("canary-4111".into())) };
    secret.attributes.push(KeyValue { key: "card".into(), value: Some(value), ..KeyValue::default() });
    rig.push(&[secret]).await.expect("taken");
    let snapshot = rig.ingester.snapshot(&TenantId::single());
    for frame in snapshot.frames() {
        let columns = snapshot.read(frame, Sections::ALL).expect("readable");
        let arena = String::from_utf8_lossy(columns.values.arena()).into_owned();
        assert!(arena.contains("****") && !arena.contains("canary"), "{arena}");
    }
}
