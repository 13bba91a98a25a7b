//! Worlds: spans in live frames, the log of an earlier run and blocks; every answer about them compared.

use crate::data::{Dice, Full, START_S, spans};
use crate::naive::run;
use crate::plain::{Trace, number128};
use crate::rig::Rig;
use crate::shown::{Spoken, found_with, normalised};
use crate::{queries, tags, traces};
use cadenza_model::TenantId;
use cadenza_query::{QueryLimits, QueryService, SearchFilter, SearchRequest, TimeRange};
use std::collections::{BTreeMap, BTreeSet};

/// About ten seconds of an ordinary test run.
const WORLDS_DEFAULT: u64 = 30;
const QUERIES_PER_WORLD: u64 = 60;
/// Enough to see whether they have one cause.
const WRONG_SHOWN: usize = 6;

/// Spans, and where they are.
pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) traces: Vec<Trace>,
    /// Traces in more than one place.
    pub(crate) split: BTreeSet<u128>,
}

impl World {
    async fn new(dice: &Dice) -> Self {
        let mut rig = Rig::new(1 + dice.below(20) as u32, QueryLimits::default());
        let all = spans(dice);
        let mut places: BTreeMap<u128, BTreeSet<u64>> = BTreeMap::new();
        let (mut place, mut sent) = (0, 0);
        while sent < all.len() {
            let until = (sent + 1 + dice.below(12) as usize).min(all.len());
            let mut batch: Vec<Full> = all[sent..until].to_vec();
            if sent > 0 && dice.chance(30) {
                // An exporter that lost an answer sends a span again.
                batch.push(all[dice.below(sent as u64) as usize].clone());
            }
            for full in &batch {
                places.entry(number128(&full.span.trace_id)).or_default().insert(place);
            }
            rig.push(dice, &batch).await;
            sent = until;
            match dice.below(6) {
                0 | 1 => {
                    rig.flush().await;
                    place += 1;
                }
                2 => rig = rig.restart().await,
                _ => {}
            }
        }
        let ids: BTreeSet<u128> = places.keys().copied().collect();
        let of = |id: &u128| {
            let spans: Vec<&Full> = all.iter().filter(|f| number128(&f.span.trace_id) == *id).collect();
            Trace::new(*id, &spans)
        };
        let split = places.iter().filter(|(_, places)| places.len() > 1).map(|(id, _)| *id).collect();
        Self { rig, traces: ids.iter().map(of).collect(), split }
    }
}

/// A range that holds everything, or a random one.
pub(crate) fn range(dice: &Dice) -> TimeRange {
    if dice.chance(70) {
        return TimeRange::ALL;
    }
    let start_s = START_S + dice.below(30);
    TimeRange { start_s, end_s: start_s + 1 + dice.below(20) }
}

/// A trace whose spans end before they start lasts no time.
pub(crate) fn in_range(range: &TimeRange, trace: &Trace) -> bool {
    range.overlaps(trace.start, trace.end.max(trace.start))
}

async fn search(world: &World, dice: &Dice) -> Result<(), String> {
    let (text, query) = queries::query(dice);
    let (range, spans_max) = (range(dice), 1 + dice.below(4) as usize);
    let limit = if dice.chance(20) { 1 + dice.below(3) as usize } else { 1000 };
    let request = SearchRequest {
        tenants: vec![TenantId::single()],
        filter: SearchFilter::TraceQl(text.clone()),
        range,
        limit,
        spans_per_spanset: spans_max,
    };
    let spoken = Spoken::of(&query);
    let mut expect = Vec::new();
    for trace in &world.traces {
        match run(trace, &query.pipeline) {
            Ok(sets) if sets.is_empty() || !in_range(&range, trace) => {}
            Ok(sets) => expect.push(found_with(trace, &spoken, sets, spans_max)),
            // An operator over several spansets: an error, unless the trace is not looked at.
            Err(_) => return Ok(()),
        }
    }
    let answer = world.rig.querier.search(request).await.map_err(|error| format!("{text}: {error}"))?;
    if !answer.missing.is_empty() {
        return Err(format!("{text}: missing {:?}", answer.missing));
    }
    let found: Vec<_> = answer.traces.into_iter().map(normalised).collect();
    expect.sort_by(|a, b| b.start_ns.cmp(&a.start_ns).then_with(|| a.id.cmp(&b.id)));
    if range != TimeRange::ALL {
        // A part outside the range is not looked for: such a trace may be missing.
        let excused =
            |id| world.split.contains(&u128::from_be_bytes(id)) && !found.iter().any(|f| f.id.0 == id);
        expect.retain(|trace| !excused(trace.id.0));
    }
    expect.truncate(limit);
    // As text, since NaN equals nothing.
    if format!("{found:?}") == format!("{expect:?}") {
        return Ok(());
    }
    Err(format!("{text} in {range:?}, limit {limit}\n{}", difference(&found, &expect)))
}

/// The first difference of two lists.
pub(crate) fn difference<T: std::fmt::Debug + PartialEq>(found: &[T], expect: &[T]) -> String {
    let at = (0..found.len().max(expect.len())).find(|&i| found.get(i) != expect.get(i)).unwrap_or(0);
    format!(
        "{} found, {} expected; entry {at}:\nfound  {:?}\nexpect {:?}",
        found.len(),
        expect.len(),
        found.get(at),
        expect.get(at)
    )
}

#[derive(Debug, Default)]
struct Counts {
    traces: usize,
    searches: u64,
    others: usize,
}

async fn world(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let dice = Dice::new(seed);
    let world = World::new(&dice).await;
    counts.traces += world.traces.len();
    for _ in 0..QUERIES_PER_WORLD {
        search(&world, &dice).await?;
        counts.searches += 1;
    }
    counts.others += traces::by_id(&world).await?;
    counts.others += traces::legacy(&world, &dice).await?;
    counts.others += tags::names(&world, &dice).await?;
    counts.others += tags::values(&world, &dice).await?;
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_answer_is_that_of_the_plain_evaluator_wherever_the_spans_lie() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let only = number("CADENZA_ORACLE_SEED");
    let worlds = WORLDS_DEFAULT * number("CADENZA_SOAK").unwrap_or(1);
    let seeds = only.map_or(0..worlds, |seed| seed..seed + 1);
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for seed in seeds {
        if let Err(what) = runtime.block_on(world(seed, &mut counts)) {
            wrong.push(format!(
                "seed {seed}: {what}\nrepeat: CADENZA_ORACLE_SEED={seed} cargo test --profile ci -p cadenza-query \
                 --test it"
            ));
        }
    }
    eprintln!("{counts:?}");
    let count = wrong.len();
    wrong.truncate(WRONG_SHOWN);
    assert!(count == 0, "{count} worlds differ; the first of them:\n{}", wrong.join("\n\n"));
}
