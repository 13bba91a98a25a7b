//! `cadenza plugin test`: a plugin on a file of traces, through the chain that a server would run.

mod diff;
mod fields;
pub(super) mod input;
mod outcome;
mod rows;
mod show;

use super::lab::Lab;
use super::subject::Subject;
use super::term::{ColorChoice, Paint, say};
use anyhow::{Context, Result, anyhow, bail};
use cadenza_env::ManualClock;
use cadenza_model::Columns;
use diff::{Counts, Diff, diff};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use outcome::Outcome;
use prost::Message as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    subject: Subject,
    /// Traces: .pb or .binpb (OTLP), .json (OTLP or a trace-by-id answer), .jsonl (a request a line).
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// What the result must be, in the same forms; any difference is shown, and an exit code of 1.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write the result, as OTLP: .json, or .pb or .binpb. What `--expect` can be next time.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show all changes, however many.
    #[arg(long)]
    all: bool,
    /// When to use colour.
    #[arg(long, default_value = "auto")]
    color: ColorChoice,
}

/// Runs the plugin, shows what it did, compares that with what it should have done.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let subject = &options.subject;
    let (bytes, config) = (subject.bytes()?, subject.config_json()?);
    let batches = input::requests(&options.input)?;
    let expected = options.expect.as_deref().map(input::requests).transpose()?;
    // A result must not depend on when it is made.
    let now = ManualClock::at(newest(&batches));
    let lab = Lab::new(subject, Some(Arc::new(now)))?;
    let loaded = lab.load(&bytes).map_err(|error| anyhow!("{}: {error}", subject.component))?;
    let chain = lab.chain(subject, &loaded, &config)?;
    let outcome = outcome::run(chain.as_ref(), &loaded.metadata().name, batches);
    let outcome = outcome.with_context(|| format!("{} on {}", subject.component, options.input.display()))?;
    if let Some(file) = &options.output {
        write(file, &outcome.tree)?;
    }
    let edits = diff(&outcome.pairs);
    let unexpected = expected.map(|expected| {
        let expected = expected.iter().flat_map(|columns| rows::flat(rows::tree(columns))).collect();
        diff(&rows::pair(expected, rows::flat(outcome.tree.clone())))
    });
    if subject.json {
        say!("{:#}", json(&edits, unexpected.as_ref(), &outcome));
    } else {
        text(options, &edits, unexpected.as_ref(), &outcome);
    }
    let is_good = outcome.failed_spans() == 0 && unexpected.is_none_or(|unexpected| unexpected.is_empty());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The end of the newest span.
fn newest(batches: &[Columns]) -> u64 {
    batches.iter().flat_map(|columns| &columns.spans.end_ns).copied().max().unwrap_or_default()
}

fn write(file: &Path, tree: &[ResourceSpans]) -> Result<()> {
    let request = ExportTraceServiceRequest { resource_spans: tree.to_vec() };
    let bytes = match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => serde_json::to_vec_pretty(&request)?,
        Some("pb" | "binpb") => request.encode_to_vec(),
        _ => bail!("{}: a result is written as .json, .pb or .binpb", file.display()),
    };
    std::fs::write(file, bytes).with_context(|| file.display().to_string())
}

fn text(options: &Options, edits: &Diff, unexpected: Option<&Diff>, outcome: &Outcome) {
    let paint = Paint::new(options.color);
    let Some(unexpected) = unexpected else {
        show::text(edits, options.all, paint);
        summary(edits.counts, outcome, paint);
        return;
    };
    if unexpected.is_empty() {
        summary(edits.counts, outcome, paint);
        say!("{}", paint.green("as expected"));
        return;
    }
    let expected = options.expect.as_deref().unwrap_or_else(|| Path::new("")).display();
    say!("{} - {expected}, + result\n", paint.bold("differs from what was expected:"));
    show::text(unexpected, options.all, paint);
    summary(edits.counts, outcome, paint);
    let Counts { changed_spans, gone_spans, new_spans, .. } = unexpected.counts;
    let line = format!(
        "not as expected: {changed_spans} spans differ, {gone_spans} are missing, {new_spans} should not be there"
    );
    say!("{}", paint.red(&line));
}

fn summary(counts: Counts, outcome: &Outcome, paint: Paint) {
    let Counts { before, after, changed_spans, gone_spans, changed, added, removed, .. } = counts;
    say!(
        "{before} spans in, {after} out: {changed_spans} changed, {gone_spans} gone; \
         values: {changed} changed, {added} added, {removed} removed"
    );
    let failed = outcome.failed_spans();
    if failed > 0 {
        let failures = &outcome.counters["failures"];
        say!("{}", paint.red(&format!("the plugin failed on {failed} spans; failed calls: {failures}")));
    }
}

fn json(edits: &Diff, unexpected: Option<&Diff>, outcome: &Outcome) -> serde_json::Value {
    let mut answer = serde_json::json!({
        "counts": show::counts_json(&edits.counts),
        "edits": show::json(edits),
        "failed_spans": outcome.failed_spans(),
        "counters": outcome.counters,
    });
    if let Some(unexpected) = unexpected {
        answer["as_expected"] = unexpected.is_empty().into();
        answer["unexpected"] = show::json(unexpected);
    }
    answer
}
