//! Plugins whose work is only counted, and plugins that work on some traces.

use crate::chain::{Rig, compiled, having, link, marker, plan, rejected, spans};
use cadenza_chains::chain::Link;
use cadenza_chains::{Assembled as _, Mode, Share};
use cadenza_env::sim::SimSpawn;
use cadenza_env::{BoxFuture, Spawn};
use cadenza_ingest::chain::{Chain as _, Verdict};
use cadenza_model::{Columns, otlp};
use cadenza_transform::plan::{Assignment, Literal, NativeOp, Scope, Source, Step, Target};
use cadenza_transform::{Kind, OnFailure};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn in_mode(mode: Mode, mut link: Link) -> Link {
    link.entry.mode = mode;
    link
}

/// Adds an attribute to every span and to every resource, by itself.
fn stamping(mut link: Link, kind: Kind) -> Link {
    let mut plan = plan(kind);
    for scope in [Scope::Span, Scope::Resource] {
        let value = Source::Literal(Literal::Int(1));
        plan.targets.push(Target { scope, key: "native".into() });
        plan.steps.push(Step::new(NativeOp::Insert(Assignment { scope, key: "native".into(), value })));
    }
    link.compiled = compiled(&plan, kind);
    link
}

fn close(found: f64, expected: usize) -> bool {
    (found - expected as f64).abs() < 0.5
}

/// Everything about a batch that a client can see.
fn shown(columns: &Columns) -> Vec<String> {
    let rows = 0..columns.spans.len() as u32;
    rows.map(|row| format!("{:?}", otlp::to_resource_spans(columns, &[row]))).collect()
}

#[test]
fn a_shadow_counts_what_it_would_do_and_does_nothing() {
    let (enricher, sampler) = (marker(&[]), marker(&[]));
    let rig = Rig::new(vec![
        in_mode(Mode::Shadow, stamping(link("enrich", Kind::Enricher, &enricher, None), Kind::Enricher)),
        link("scrub", Kind::Scrubber, &marker(&[]), None),
        in_mode(Mode::Shadow, link("sample", Kind::HeadSampler, &sampler, None)),
    ]);
    let (mut columns, mut without) = (spans(50), spans(50));
    let done = rig.run(&mut columns).expect("taken");
    Rig::new(vec![link("scrub", Kind::Scrubber, &marker(&[]), None)]).run(&mut without).expect("taken");
    assert!(done.verdicts.is_empty(), "{done:?}");
    assert_eq!(shown(&columns), shown(&without));
    let counters = rig.chain.status();
    assert_eq!((&counters["enrich"]["mode"], &counters["enrich"]["rows"]), (&"shadow".into(), &50.into()));
    assert_eq!(counters["enrich"]["edits"], 50 + 50 + 1, "by the guest, to spans, to the resource");
    assert_eq!((&counters["sample"]["dropped"], &counters["sample"]["skipped"]), (&5.into(), &0.into()));
    assert_eq!(counters["scrub"]["mode"], "enforce");
    for (metric, expected) in [
        ("shadow_calls_total", 2),
        ("shadow_rows_total", 100),
        ("shadow_edits_total", 101),
        ("shadow_dropped_spans_total", 5),
        ("calls_total", 1),
        ("edits_total", 50),
        ("dropped_spans_total", 0),
    ] {
        assert!(close(rig.metric(&format!("cadenza_plugin_{metric}")), expected), "{metric}");
    }
}

#[test]
fn a_shadow_that_fails_holds_nothing_up() {
    let broken = marker(&[]);
    broken.fails.store(u64::MAX, Ordering::Relaxed);
    let closed = Some(OnFailure::FailClosed);
    let rig = Rig::new(vec![in_mode(Mode::Shadow, link("p", Kind::Enricher, &broken, closed))]);
    assert!(rig.chain.trial(spans(20)).is_ok(), "nothing depends on it");
    assert!(!rig.chain.calls_guests(), "not on the way of a batch");
    for _ in 0..5 {
        let done = rig.run(&mut spans(20)).expect("taken");
        assert!(done.verdicts.is_empty() && done.reasons.is_empty());
    }
    assert!(close(rig.metric("cadenza_plugin_shadow_quarantined"), 1));
    assert!(close(rig.metric("cadenza_plugin_quarantined"), 0));
}

/// Does not begin any blocking work.
struct Busy;

impl Spawn for Busy {
    fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}

    fn spawn_blocking(&self, _: &'static str, work: Box<dyn FnOnce() + Send>) {
        std::mem::forget(work);
    }

    fn spawn_thread(&self, _: &'static str, _: Box<dyn FnOnce() + Send>) {}
}

#[test]
fn a_batch_does_not_wait_for_a_busy_shadow() {
    let shadow = in_mode(Mode::Shadow, link("p", Kind::Enricher, &marker(&[]), None));
    let rig = Rig::with(vec![shadow], Arc::new(Busy)).expect("a chain");
    for _ in 0..3 {
        rig.run(&mut spans(20)).expect("taken");
    }
    assert!(close(rig.metric("cadenza_plugin_shadow_skipped_spans_total"), 40), "all but the first");
    assert_eq!(rig.chain.status()["p"]["skipped"], 40);
}

#[test]
fn a_canary_works_on_whole_traces_of_its_share_and_on_nothing_else() {
    for share in [1, 1000, 5000, 9900, 10_000].map(Share::hundredths) {
        let guest = marker(&[]);
        let canary = stamping(link("p", Kind::Enricher, &guest, None), Kind::Enricher);
        let whole = Rig::new(vec![stamping(link("p", Kind::Enricher, &guest, None), Kind::Enricher)]);
        let rig = Rig::new(vec![in_mode(Mode::Canary(share), canary)]);
        let (mut columns, mut all, before) = (spans(400), spans(400), spans(400));
        rig.run(&mut columns).expect("taken");
        whole.run(&mut all).expect("taken");
        let (is, all, before) = (shown(&columns), shown(&all), shown(&before));
        let mut rows = 0;
        for row in 0..400 {
            let chosen = share.has(columns.spans.trace_id[row]);
            rows += usize::from(chosen);
            assert_eq!(is[row], if chosen { all[row].clone() } else { before[row].clone() }, "row {row}");
        }
        assert!(close(rig.metric("cadenza_plugin_rows_total"), rows));
    }
}

#[test]
fn what_a_canary_rejects_and_drops_is_of_its_share() {
    let share = Share::hundredths(5000);
    let of_share = |columns: &Columns, id: &u64| share.has(columns.spans.trace_id[*id as usize - 1]);
    let poison = [5, 77, 180, 333];
    let closed = Some(OnFailure::FailClosed);
    let rig = Rig::new(vec![
        in_mode(Mode::Canary(share), link("p", Kind::Enricher, &marker(&poison), closed)),
        in_mode(Mode::Canary(share), link("sample", Kind::HeadSampler, &marker(&[]), None)),
    ]);
    let mut columns = spans(400);
    let done = rig.run(&mut columns).expect("taken in part");
    let expected: BTreeSet<u64> = poison.into_iter().filter(|id| of_share(&columns, id)).collect();
    assert!(!expected.is_empty() && expected.len() < poison.len(), "a share that tells them apart");
    assert_eq!(rejected(&columns, &done), expected);
    assert_eq!(done.reasons, ["p: deadline"]);
    let dropped = done.verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Drop);
    let dropped: BTreeSet<u64> = dropped.map(|(row, _)| columns.spans.span_id[row].0).collect();
    let tenth = (1..=400).filter(|id| id % 10 == 0 && of_share(&columns, id) && !expected.contains(id));
    assert_eq!(dropped, tenth.collect());
    let seen = (1..=400).filter(|id| of_share(&columns, id) && !expected.contains(id));
    assert_eq!(having(&columns, "seen"), seen.collect());
}

#[test]
fn a_canary_drops_nothing_that_a_sampler_before_it_has_dropped() {
    let sampler = |name| link(name, Kind::HeadSampler, &marker(&[]), None);
    let canary = in_mode(Mode::Canary(Share::hundredths(5000)), sampler("canary"));
    let rig = Rig::new(vec![sampler("sample"), canary]);
    let done = rig.run(&mut spans(400)).expect("taken");
    let dropped = done.verdicts.iter().filter(|verdict| **verdict == Verdict::Drop).count();
    assert_eq!(dropped, 40, "every tenth, by both");
    assert!(close(rig.metric("cadenza_plugin_dropped_spans_total"), dropped));
}

#[test]
fn a_scrubber_is_for_all_spans() {
    for mode in [Mode::Shadow, Mode::Canary(Share::hundredths(1000))] {
        let scrubber = in_mode(mode, link("scrub", Kind::Scrubber, &marker(&[]), None));
        let faults = Rig::with(vec![scrubber], Arc::new(SimSpawn)).err().expect("refused");
        assert!(faults[0].to_string().starts_with("plugin scrub: mode: `"), "{faults:?}");
        assert!(faults[0].message.contains("has not scrubbed"), "{faults:?}");
    }
}
