//! A report for a person, and for a program.

use super::plan::Outline;
use super::{Problem, Report};
use crate::tools::term::{Paint, cut, plain, say};
use cadenza_plugin::{Metadata, MetricKind};
use cadenza_transform::{Kind, OnFailure};
use serde_json::{Value, json};

/// Fields and targets shown; a plan may have hundreds.
const LISTED_MAX: usize = 20;
/// Characters shown of a key, a pattern or a line of the plugin's.
const CHARS_MAX: usize = 200;

pub(super) fn text(report: &Report<'_>, paint: Paint) {
    say!("{}", paint.bold(&plain(&report.subject.component)));
    row("size", &format!("{} bytes", report.bytes));
    row("sha256", &report.sha256);
    if let Some(loaded) = &report.loaded {
        about(loaded.metadata());
    }
    if !report.imports.is_empty() {
        say!("\n{}", paint.bold("imports"));
    }
    for import in &report.imports {
        let name = plain(&import.name);
        match import.allowed {
            true => say!("  {}  {name}", paint.green("allowed")),
            false => say!("  {}  {name}", paint.red("refused")),
        }
    }
    if let Some(outline) = &report.outline {
        say!("\n{} with {}", paint.bold("plan"), plain(report.subject.config_name()));
        plan(outline);
    }
    if report.problems.is_empty() {
        say!("\n{}: a server would run it", paint.green("ok"));
        return;
    }
    say!("\n{}: a server would not run it", paint.red("refused"));
    for problem in &report.problems {
        say!("  {}", line(report, problem));
    }
}

fn line(report: &Report<'_>, problem: &Problem) -> String {
    let Problem { about, path, message } = problem;
    let name = match *about {
        "configuration" => report.subject.config_name(),
        about => about,
    };
    match path.as_str() {
        "" => format!("{}: {}", plain(name), plain(message)),
        path => format!("{}: {}: {}", plain(name), plain(path), plain(message)),
    }
}

fn row(name: &str, value: &str) {
    say!("  {name:<12}  {value}");
}

fn about(metadata: &Metadata) {
    let kind = metadata.kind_name();
    row("kind", &format!("{kind} (world cadenza:plugin/{kind})"));
    row("name", &format!("{} {}", plain(&metadata.name), plain(&metadata.version)));
    row("description", &cut(&plain(&metadata.description), CHARS_MAX));
    row("on failure", on_failure(metadata));
    for metric in &metadata.metrics {
        row(
            "metric",
            &format!("{} ({}): {}", plain(&metric.name), metric_kind(metric.kind), plain(&metric.help)),
        );
    }
}

/// As a chain takes it where its entry says nothing.
fn on_failure(metadata: &Metadata) -> &'static str {
    match (metadata.kind, metadata.on_failure) {
        (Kind::Scrubber, OnFailure::FailOpen) => {
            "fail-closed: it asks for fail-open, which a scrubber gets only by its entry's on_failure"
        }
        (_, OnFailure::FailOpen) => "fail-open: spans it fails on go on unmodified",
        (_, OnFailure::FailClosed) => "fail-closed: spans it fails on are not taken",
    }
}

fn metric_kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    }
}

fn plan(outline: &Outline) {
    let step = |(name, count): &(&str, usize)| match count {
        1 => (*name).to_owned(),
        count => format!("{name} x{count}"),
    };
    let steps: Vec<_> = outline.steps.iter().map(step).collect();
    let order = if steps.is_empty() { String::new() } else { format!(": {}", steps.join(", ")) };
    row("native steps", &format!("{}{order}", outline.native_steps));
    row(
        "guest",
        if outline.calls_guest {
            "called for batches"
        } else {
            "never called: native steps are all there is"
        },
    );
    listed("sees", &outline.sees);
    listed("writes", &outline.writes);
    if let Some(secret) = &outline.secret {
        row("secret", &plain(secret));
    }
}

fn listed(name: &str, items: &[String]) {
    for (i, item) in items.iter().take(LISTED_MAX).enumerate() {
        row(if i == 0 { name } else { "" }, &cut(&plain(item), CHARS_MAX));
    }
    if items.len() > LISTED_MAX {
        row("", &format!("… and {} more", items.len() - LISTED_MAX));
    }
}

pub(super) fn json(report: &Report<'_>) -> Value {
    let import = |import: &cadenza_plugin::Import| json!({"name": import.name, "allowed": import.allowed});
    let problem = |p: &Problem| json!({"about": p.about, "path": p.path, "message": p.message});
    let mut answer = json!({
        "component": report.subject.component,
        "ok": report.problems.is_empty(),
        "bytes": report.bytes,
        "sha256": report.sha256,
        "imports": report.imports.iter().map(import).collect::<Vec<_>>(),
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
    });
    if let Some(loaded) = &report.loaded {
        let metadata = loaded.metadata();
        let metric = |metric: &cadenza_plugin::Metric| json!({"name": metric.name, "kind": metric_kind(metric.kind), "help": metric.help});
        answer["kind"] = metadata.kind_name().into();
        answer["name"] = metadata.name.as_str().into();
        answer["version"] = metadata.version.as_str().into();
        answer["description"] = metadata.description.as_str().into();
        answer["on_failure"] = match metadata.on_failure {
            OnFailure::FailOpen => "fail-open",
            OnFailure::FailClosed => "fail-closed",
        }
        .into();
        answer["metrics"] = metadata.metrics.iter().map(metric).collect();
    }
    if let Some(outline) = &report.outline {
        answer["plan"] = json!({
            "native_steps": outline.native_steps,
            "steps": outline.steps.iter().map(|(name, count)| json!([name, count])).collect::<Vec<_>>(),
            "calls_guest": outline.calls_guest,
            "sees": outline.sees,
            "writes": outline.writes,
            "secret": outline.secret,
        });
    }
    answer
}
