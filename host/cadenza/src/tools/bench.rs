//! `cadenza plugin bench`: what a plugin costs a span, against a chain without plugins on the same batches.

use super::lab::Lab;
use super::subject::Subject;
use super::term::say;
use super::try_out::input;
use anyhow::{Context, Result, anyhow, bail};
use cadenza_chains::Assembled;
use cadenza_ingest::chain::Verdict;
use cadenza_model::{Columns, otlp};
use cadenza_plugin::thread_cpu;
use cadenza_traffic::Exporter;
use prost::Message as _;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Spans of a batch: what a small service sends at once, and what a collector does.
const BATCH_SPANS: [usize; 2] = [10, 400];
/// Different batches of each size, so that dictionaries and branches are not always the same.
const BATCHES: usize = 16;
/// Rounds whose medians are told; one is a pass over all batches.
const ROUNDS: usize = 61;
/// Rounds before those: caches, instances and sessions are as in a server that has run for a while.
const WARM_UP_ROUNDS: usize = 5;
/// Spans that a round goes through at least: the clock must not be what is measured.
const ROUND_SPANS_MIN: usize = 4000;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    subject: Subject,
    /// Traces to measure with, as for `test`; generated ones if absent.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Nanoseconds per span of one size of batch.
struct Figures {
    spans: usize,
    plugin: Spread,
    empty: Spread,
}

/// The middle and the tenths at both ends.
struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

/// Measures both sizes.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let subject = &options.subject;
    let (bytes, config) = (subject.bytes()?, subject.config_json()?);
    let input = options.input.as_deref().map(input::requests).transpose()?;
    let lab = Lab::new(subject, None)?;
    let loaded = lab.load(&bytes).map_err(|error| anyhow!("{}: {error}", subject.component))?;
    let (chain, empty) = (lab.chain(subject, &loaded, &config)?, lab.empty_chain()?);
    let mut all = Vec::new();
    for spans in BATCH_SPANS {
        let batches = match &input {
            Some(requests) => again(requests, spans)?,
            None => generated(spans)?,
        };
        all.push(measure(chain.as_ref(), empty.as_ref(), &batches, spans)?);
    }
    let counters = chain.status()[&loaded.metadata().name].take();
    let count = |name: &str| counters[name].as_u64().unwrap_or_default();
    if count("rejected") + count("unmodified") > 0 {
        bail!("{}: the plugin fails on these spans: {}", subject.component, counters["failures"]);
    }
    let of_input =
        options.input.as_ref().map_or("generated traffic".to_owned(), |file| file.display().to_string());
    let edits_per_span = count("edits") as f64 / count("rows").max(1) as f64;
    if subject.json {
        let one = |f: &Figures| {
            let spread = |s: &Spread| json!({"median": s.median, "p10": s.low, "p90": s.high});
            json!({"batch_spans": f.spans, "plugin_ns_per_span": spread(&f.plugin), "empty_ns_per_span": spread(&f.empty)})
        };
        let answer = json!({
            "component": subject.component,
            "input": of_input,
            "clock": "CPU time of the thread",
            "rounds": ROUNDS,
            "calls_guest": count("calls") > 0,
            "edits_per_span": edits_per_span,
            "batches": all.iter().map(one).collect::<Vec<_>>(),
        });
        say!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    say!("{} with {}, on {of_input}", subject.component, subject.config_name());
    say!("CPU time of the thread, ns per span; median (10 % to 90 %) of {ROUNDS} rounds, both in turn\n");
    say!("{:<10} {:>30} {:>30} {:>11}", "batch", "with the plugin", "empty chain", "the plugin");
    for Figures { spans, plugin, empty } in &all {
        let spread = |s: &Spread| format!("{:.1} ({:.1} to {:.1})", s.median, s.low, s.high);
        let own = plugin.median - empty.median;
        say!("{:<10} {:>30} {:>30} {:>11.1}", format!("{spans} spans"), spread(plugin), spread(empty), own);
    }
    let guest = if count("calls") > 0 { "called for batches" } else { "never called" };
    say!("\nguest {guest}; {edits_per_span:.2} edits a span");
    Ok(ExitCode::SUCCESS)
}

/// Batches of generated traffic.
fn generated(spans: usize) -> Result<Vec<Columns>> {
    let mut exporter = Exporter::new(1, 1_760_000_000_000_000_000, 3_000_000, spans);
    let mut one = || {
        let mut columns = Columns::new();
        otlp::decode(&exporter.next_request().encode_to_vec(), &mut columns)?;
        exactly(&columns, 0, spans)
    };
    (0..BATCHES).map(|_| one()).collect()
}

/// Batches of spans of a file, from its beginning again when it has no more.
fn again(requests: &[Columns], spans: usize) -> Result<Vec<Columns>> {
    let mut all = Columns::new();
    for request in requests {
        let rows: Vec<u32> = (0..request.spans.len() as u32).collect();
        all.append_rows(request, &rows).context("the input is too large for one batch")?;
    }
    (0..BATCHES).map(|batch| exactly(&all, batch * spans, spans)).collect()
}

/// So many spans, and nothing in dictionaries that they do not have.
fn exactly(columns: &Columns, first: usize, spans: usize) -> Result<Columns> {
    let rows: Vec<u32> = (first..first + spans).map(|row| (row % columns.spans.len()) as u32).collect();
    let mut exact = Columns::new();
    exact.append_rows(columns, &rows)?;
    Ok(exact)
}

fn measure(
    chain: &dyn Assembled,
    empty: &dyn Assembled,
    batches: &[Columns],
    spans: usize,
) -> Result<Figures> {
    let passes = ROUND_SPANS_MIN.div_ceil(batches.len() * spans);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        let (plugin, nothing) = (pass(chain, batches, passes)?, pass(empty, batches, passes)?);
        if round >= WARM_UP_ROUNDS {
            with.push(plugin);
            without.push(nothing);
        }
    }
    let all = (passes * batches.len() * spans) as f64;
    Ok(Figures { spans, plugin: spread(with, all), empty: spread(without, all) })
}

/// Time of a chain on all batches, with what the write path does for the chain's edits.
fn pass(chain: &dyn Assembled, batches: &[Columns], passes: usize) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for batch in batches.iter().cycle().take(batches.len() * passes) {
        let mut columns = batch.clone();
        let rows = 0..columns.spans.len();
        let started = thread_cpu();
        let done =
            chain.run(&mut columns, std::slice::from_ref(&rows)).map_err(|hold| anyhow!(hold.message))?;
        let drops = done.verdicts.iter().any(|verdict| *verdict != Verdict::Keep);
        if drops {
            columns.retain_rows(|row| done.verdicts[row] == Verdict::Keep);
        }
        if drops || done.edited {
            columns.compact();
        }
        took += thread_cpu().saturating_sub(started);
    }
    Ok(took)
}

fn spread(mut rounds: Vec<Duration>, spans: f64) -> Spread {
    rounds.sort_unstable();
    let at = |tenths: usize| rounds[(rounds.len() - 1) * tenths / 10].as_nanos() as f64 / spans;
    Spread { median: at(5), low: at(1), high: at(9) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_fills_batches_by_being_read_again() {
        let few = generated(3).expect("generated").swap_remove(0);
        let batches = again(&[few.clone(), few], 10).expect("made");
        assert_eq!(batches.len(), BATCHES);
        assert!(batches.iter().all(|columns| columns.spans.len() == 10));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let rounds = (1..=11).map(Duration::from_nanos).rev().collect();
        let Spread { median, low, high } = spread(rounds, 1.0);
        assert_eq!((low, median, high), (2.0, 6.0, 10.0));
    }
}
