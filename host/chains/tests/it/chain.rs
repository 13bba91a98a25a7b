//! A chain with guests that fail as they are told to.

use crate::support::entry;
use cadenza_chains::chain::{ChainMetrics, Failure, FailureCause, Guest, Link, PluginChain, Shadows};
use cadenza_chains::{Assembled, Fault, Mode, Share};
use cadenza_env::sim::SimSpawn;
use cadenza_env::{ManualClock, Spawn};
use cadenza_ingest::chain::{Chain as _, Hold, Processing, Verdict};
use cadenza_model::{Columns, TenantId, ValueRef, otlp};
use cadenza_transform::plan::{
    Assignment, AttributeField, CellEdits, Field, Intrinsic, IntrinsicField, KeySelector, Literal, NativeOp,
    Place, Scope, Source, Step, Target, ValueType,
};
use cadenza_transform::{
    Address, Batch, Compiled, Context, Edit, EditValues, Kind, OnFailure, Operation, Packed, Plan, Secrets,
    Verdicts,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prometheus::Registry;
use prost::Message as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Marks every span with `seen`, but fails where a span of `poison` is among them, and as long as `fails`
/// says; a sampler drops spans whose id is a multiple of ten.
#[derive(Default)]
pub(crate) struct Marker {
    poison: BTreeSet<u64>,
    pub(crate) fails: AtomicU64,
    calls: AtomicU64,
    bad_output: bool,
}

fn ids(batch: &Batch) -> Vec<u64> {
    let ids = &batch.columns[0].ids;
    ids.chunks_exact(8).map(|id| u64::from_be_bytes(id.try_into().expect("8 bytes"))).collect()
}

impl Marker {
    fn try_it(&self, batch: &Batch) -> Result<Vec<u64>, Failure> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let fails = self.fails.load(Ordering::Relaxed);
        if fails > 0 {
            self.fails.store(fails - 1, Ordering::Relaxed);
            return Err(FailureCause::Trap.into());
        }
        let ids = ids(batch);
        match ids.iter().any(|id| self.poison.contains(id)) {
            true => Err(FailureCause::Deadline.into()),
            false => Ok(ids),
        }
    }
}

impl Guest for Marker {
    fn process(
        &self,
        _: &Context,
        batch: &Batch,
        accept: &dyn Fn(&[Edit]) -> bool,
    ) -> Result<Vec<Edit>, Failure> {
        let ids = self.try_it(batch)?;
        let target = if self.bad_output { 7 } else { 0 };
        let edits = vec![Edit {
            operation: Operation::Upsert(target),
            address: Address::Rows((0..ids.len() as u32).collect()),
            values: EditValues::Strings(Packed::from_iter(["yes"])),
        }];
        if accept(&edits) { Ok(edits) } else { Err(FailureCause::BadOutput.into()) }
    }

    fn decide(
        &self,
        _: &Context,
        batch: &Batch,
        accept: &dyn Fn(&Verdicts) -> bool,
    ) -> Result<Verdicts, Failure> {
        let ids = self.try_it(batch)?;
        let keep = ids.iter().map(|id| u8::from(id % 10 != 0)).collect();
        let verdicts = Verdicts { keep, edits: Vec::new() };
        if accept(&verdicts) { Ok(verdicts) } else { Err(FailureCause::BadOutput.into()) }
    }
}

fn span_ids() -> Field {
    Field::Intrinsic(IntrinsicField { intrinsic: Intrinsic::SpanId, edits: CellEdits::default() })
}

pub(crate) fn plan(kind: Kind) -> Plan {
    let targets = match kind {
        Kind::HeadSampler => Vec::new(),
        _ => vec![Target { scope: Scope::Span, key: "seen".into() }],
    };
    Plan { fields: vec![span_ids()], targets, ..Plan::default() }
}

pub(crate) fn compiled(plan: &Plan, kind: Kind) -> Arc<Compiled> {
    let secrets = Secrets { host: &[3; 32], named: &|_| None };
    Arc::new(Compiled::new(plan, kind, &secrets).expect("a good plan"))
}

pub(crate) fn link(name: &str, kind: Kind, guest: &Arc<Marker>, on_failure: Option<OnFailure>) -> Link {
    let mut entry = entry(name, "builtin:one", "{}");
    entry.on_failure = on_failure;
    let guest = Arc::clone(guest) as Arc<dyn Guest>;
    let compiled = compiled(&plan(kind), kind);
    Link { entry, code_sum: [1; 32], secret_sum: None, compiled, guest, on_failure: OnFailure::FailOpen }
}

pub(crate) struct Rig {
    pub(crate) chain: PluginChain,
    clock: ManualClock,
    registry: Registry,
}

impl Rig {
    pub(crate) fn new(links: Vec<Link>) -> Self {
        Self::with(links, Arc::new(SimSpawn)).expect("a chain")
    }

    pub(crate) fn with(links: Vec<Link>, spawn: Arc<dyn Spawn>) -> Result<Self, Vec<Fault>> {
        let (registry, clock) = (Registry::new(), ManualClock::at(1_700_000_000_000_000_000));
        let metrics = ChainMetrics::new(&registry).expect("a fresh registry");
        let clock_of = Arc::new(clock.clone());
        let shadows = Shadows::new(spawn);
        let chain = PluginChain::new(TenantId::single(), links, "test", &metrics, clock_of, &shadows)?;
        Ok(Self { chain, clock, registry })
    }

    pub(crate) fn run(&self, columns: &mut Columns) -> Result<Processing, Hold> {
        let rows = 0..columns.spans.len();
        let done = self.chain.run(columns, std::slice::from_ref(&rows));
        columns.check().expect("columns that hold together");
        done
    }

    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let series = family.map(|family| family.get_metric()).unwrap_or_default();
        series.iter().map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum()
    }
}

pub(crate) fn spans(count: u64) -> Columns {
    let text = |key: &str, text: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(text.into())) }),
        ..KeyValue::default()
    };
    let span = |id: u64| Span {
        trace_id: u128::from(id / 8 + 1).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: "work".into(),
        attributes: vec![text("n", &format!("value-{id}"))],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (1..=count).map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let mut columns = Columns::new();
    otlp::decode(&ExportTraceServiceRequest { resource_spans }.encode_to_vec(), &mut columns).expect("good");
    columns
}

/// Ids of spans that have an attribute.
pub(crate) fn having(columns: &Columns, key: &str) -> BTreeSet<u64> {
    let attrs = &columns.span_attrs;
    let has = |row: &usize| attrs.of(*row).any(|i| columns.key(attrs, i) == key);
    (0..columns.spans.len()).filter(has).map(|row| columns.spans.span_id[row].0).collect()
}

pub(crate) fn rejected(columns: &Columns, done: &Processing) -> BTreeSet<u64> {
    let rows = done.verdicts.iter().enumerate();
    rows.filter(|(_, verdict)| matches!(verdict, Verdict::Reject(_)))
        .map(|(row, _)| columns.spans.span_id[row].0)
        .collect()
}

pub(crate) fn marker(poison: &[u64]) -> Arc<Marker> {
    Arc::new(Marker { poison: poison.iter().copied().collect(), ..Marker::default() })
}

#[test]
fn exactly_the_poisonous_spans_are_rejected_and_the_rest_is_processed() {
    for count in [2, 100, 1024, 3000] {
        let poison: Vec<u64> = [1, count / 2 + 1].into_iter().take(count as usize / 2).collect();
        let guest = marker(&poison);
        let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
        let mut columns = spans(count);
        let done = rig.run(&mut columns).expect("taken in part");
        let poison: BTreeSet<u64> = poison.into_iter().collect();
        assert_eq!(rejected(&columns, &done), poison, "of {count}");
        assert_eq!(done.reasons, ["scrub: deadline"]);
        let seen = having(&columns, "seen");
        assert_eq!(seen.len() as u64, count - poison.len() as u64);
        assert!(seen.is_disjoint(&poison));
    }
}

#[test]
fn looking_for_poison_is_bounded_by_the_batch_and_not_by_its_parts() {
    let poison: Vec<u64> = (1..=5000).filter(|id| id % 100 == 0).collect();
    let guest = marker(&poison);
    let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
    let mut columns = spans(5000);
    let all = 0..5000;
    let hold = rig.chain.run(&mut columns, std::slice::from_ref(&all));
    assert_eq!(hold.expect_err("it fails on too many").message, "plugin scrub fails: deadline");
    let calls = guest.calls.load(Ordering::Relaxed);
    assert!(calls < 120, "{calls} calls, most to their deadline");
}

#[test]
fn a_plugin_that_may_be_skipped_leaves_spans_as_they_are() {
    let guest = marker(&[5]);
    let rig = Rig::new(vec![link("enrich", Kind::Enricher, &guest, None)]);
    let mut columns = spans(50);
    let done = rig.run(&mut columns).expect("taken");
    assert!(done.verdicts.is_empty(), "{done:?}");
    assert_eq!(having(&columns, "seen").len(), 49);
    assert!((rig.metric("cadenza_plugin_unmodified_spans_total") - 1.0).abs() < 0.5);
}

#[test]
fn the_operators_word_on_failures_wins() {
    for (kind, word, closed) in [
        (Kind::Scrubber, None, true),
        (Kind::Scrubber, Some(OnFailure::FailOpen), false),
        (Kind::Enricher, None, false),
        (Kind::Enricher, Some(OnFailure::FailClosed), true),
    ] {
        let rig = Rig::new(vec![link("p", kind, &marker(&[5]), word)]);
        let mut columns = spans(50);
        let done = rig.run(&mut columns).expect("taken");
        assert_eq!(rejected(&columns, &done).is_empty(), !closed, "{kind:?} {word:?}");
    }
}

#[test]
fn a_single_failure_is_tried_again_and_costs_nothing() {
    let guest = marker(&[]);
    guest.fails.store(1, Ordering::Relaxed);
    let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
    let mut columns = spans(50);
    assert!(rig.run(&mut columns).expect("taken").verdicts.is_empty());
    assert_eq!(having(&columns, "seen").len(), 50);
    assert!((rig.metric("cadenza_plugin_failures_total") - 1.0).abs() < 0.5);
}

#[test]
fn a_broken_scrubber_holds_ingest_is_quarantined_and_comes_back() {
    let guest = marker(&[]);
    guest.fails.store(u64::MAX, Ordering::Relaxed);
    let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
    for _ in 0..3 {
        let hold = rig.run(&mut spans(50)).expect_err("held");
        assert_eq!(hold.message, "plugin scrub fails: trap");
        assert!(hold.retry_after.is_some());
    }
    let calls = guest.calls.load(Ordering::Relaxed);
    let hold = rig.run(&mut spans(50)).expect_err("held");
    assert_eq!(hold.message, "plugin scrub is quarantined: it failed too often");
    assert_eq!(guest.calls.load(Ordering::Relaxed), calls, "it is not even called");
    assert!((rig.metric("cadenza_plugin_quarantined") - 1.0).abs() < 0.5);
    guest.fails.store(0, Ordering::Relaxed);
    rig.clock.advance(Duration::from_secs(30));
    let mut columns = spans(50);
    rig.run(&mut columns).expect("well again");
    assert_eq!(having(&columns, "seen").len(), 50);
    assert!(rig.metric("cadenza_plugin_quarantined").abs() < 0.5);
}

#[test]
fn native_steps_go_on_while_the_guest_is_quarantined() {
    let guest = marker(&[]);
    guest.fails.store(u64::MAX, Ordering::Relaxed);
    let mut link = link("enrich", Kind::Enricher, &guest, None);
    let insert =
        Assignment { scope: Scope::Span, key: "native".into(), value: Source::Literal(Literal::Int(1)) };
    let mut with_steps = plan(Kind::Enricher);
    with_steps.targets.push(Target { scope: Scope::Span, key: "native".into() });
    with_steps.steps = vec![Step::new(NativeOp::Insert(insert))];
    link.compiled = compiled(&with_steps, Kind::Enricher);
    let rig = Rig::new(vec![link]);
    for _ in 0..5 {
        let mut columns = spans(20);
        rig.run(&mut columns).expect("taken");
        assert_eq!(having(&columns, "native").len(), 20);
        assert!(having(&columns, "seen").is_empty());
    }
}

#[test]
fn a_chain_of_native_steps_never_calls_a_guest_and_has_dictionaries_cleaned() {
    let guest = marker(&[]);
    let mut link = link("scrub", Kind::Scrubber, &guest, None);
    let delete = Place { scope: Scope::Span, key: KeySelector::Exact("n".into()) };
    let steps = vec![Step::new(NativeOp::Delete(delete))];
    link.compiled = compiled(&Plan { steps, ..Plan::default() }, Kind::Scrubber);
    let rig = Rig::new(vec![link]);
    assert!(!rig.chain.calls_guests());
    let mut columns = spans(100);
    let done = rig.run(&mut columns).expect("taken");
    assert!(done.edited, "the write path must be told to clean up");
    columns.compact();
    assert_eq!(guest.calls.load(Ordering::Relaxed), 0);
    assert!(!String::from_utf8_lossy(columns.values.arena()).contains("value-"));
}

#[test]
fn what_a_guest_was_not_granted_is_a_failure_like_any_other() {
    let guest = Arc::new(Marker { bad_output: true, ..Marker::default() });
    let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
    let hold = rig.run(&mut spans(50)).expect_err("held");
    assert_eq!(hold.message, "plugin scrub fails: bad_output");
}

#[test]
fn plugins_run_in_the_order_of_their_kinds_and_a_sampler_drops() {
    let (sampler, scrubber) = (marker(&[7]), marker(&[]));
    let rig = Rig::new(vec![
        link("sample", Kind::HeadSampler, &sampler, None),
        link("scrub", Kind::Scrubber, &scrubber, None),
    ]);
    let mut columns = spans(100);
    let done = rig.run(&mut columns).expect("taken");
    let dropped = done.verdicts.iter().filter(|verdict| **verdict == Verdict::Drop).count();
    assert_eq!(dropped, 10);
    assert!(rejected(&columns, &done).is_empty(), "a sampler that fails keeps");
    assert_eq!(having(&columns, "seen").len(), 100, "scrubbed before sampled");
    assert!((rig.metric("cadenza_plugin_dropped_spans_total") - 10.0).abs() < 0.5);
}

#[test]
fn a_trial_says_what_fails_and_counts_nothing() {
    let guest = marker(&[3]);
    let rig = Rig::new(vec![link("scrub", Kind::Scrubber, &guest, None)]);
    let fault = rig.chain.trial(spans(20)).expect_err("it fails on one");
    assert!(fault.message.contains("deadline"), "{fault}");
    assert!(rig.chain.trial(spans(2)).is_ok());
    for metric in ["calls_total", "rows_total", "failures_total", "rejected_spans_total"] {
        assert!(rig.metric(&format!("cadenza_plugin_{metric}")).abs() < 0.5, "{metric}");
    }
}

#[test]
fn the_digest_names_code_configuration_and_word_on_failures() {
    let digest = |change: fn(&mut Link)| {
        let mut link = link("p", Kind::Enricher, &marker(&[]), None);
        change(&mut link);
        Rig::new(vec![link]).chain.digest()
    };
    let same = digest(|_| ());
    assert_eq!(same, digest(|_| ()));
    let changed = [
        digest(|link| link.code_sum = [2; 32]),
        digest(|link| link.entry.config_json = "{\"a\":1}".into()),
        digest(|link| link.entry.on_failure = Some(OnFailure::FailClosed)),
        digest(|link| link.entry.name = "q".into()),
        digest(|link| link.entry.mode = Mode::Shadow),
        digest(|link| link.entry.mode = Mode::Canary(Share::hundredths(1000))),
    ];
    assert!(changed.iter().all(|digest| *digest != same));
}

#[test]
fn equal_batches_come_out_equal() {
    let field = AttributeField {
        place: Place { scope: Scope::Span, key: KeySelector::Exact("n".into()) },
        value_type: ValueType::Str,
        only_if: None,
        edits: CellEdits::default(),
    };
    let run = || {
        let mut link = link("enrich", Kind::Enricher, &marker(&[9]), None);
        let mut plan = plan(Kind::Enricher);
        plan.fields.push(Field::Attribute(field.clone()));
        link.compiled = compiled(&plan, Kind::Enricher);
        let mut columns = spans(300);
        Rig::new(vec![link]).run(&mut columns).expect("taken");
        let value = |i: usize| match columns.value(&columns.span_attrs, i) {
            ValueRef::Str(text) => text.to_owned(),
            other => format!("{other:?}"),
        };
        (0..columns.span_attrs.key.len()).map(value).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn another_value_of_a_secret_is_another_digest() {
    let digest = |secret_sum| {
        let mut link = link("hash", Kind::Scrubber, &marker(&[]), None);
        link.secret_sum = secret_sum;
        Rig::new(vec![link]).chain.digest()
    };
    assert_eq!(digest(Some([1; 32])), digest(Some([1; 32])));
    assert_ne!(digest(Some([1; 32])), digest(Some([2; 32])));
    assert_ne!(digest(Some([0; 32])), digest(None));
}
