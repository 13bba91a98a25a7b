//! What the demo prints: a table of traces, one trace as a tree, and where to go next.
#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

use super::chain::ADDED_IN_SHORT;
use super::traffic::{NOTE, NOTE_AS_SENT};
use crate::demo::Ports;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Deepest level printed; deeper spans are real but would leave the screen.
const DEPTH_MAX: usize = 12;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    text(value, key).parse().unwrap_or_default()
}

/// The traces a search found, newest first.
pub(crate) fn table(traces: &[Value]) {
    println!("\nNewest traces ({} shown):\n", traces.len());
    println!(
        "{:<32}  {:<22} {:<28} {:>9} {:>6}",
        "TRACE ID", "ROOT SERVICE", "ROOT SPAN", "DURATION", "SPANS"
    );
    for trace in traces {
        let spans: u64 = trace["serviceStats"]
            .as_object()
            .map(|services| services.values().filter_map(|stats| stats["spanCount"].as_u64()).sum())
            .unwrap_or_default();
        println!(
            "{:<32}  {:<22} {:<28} {:>6} ms {:>6}",
            text(trace, "traceID"),
            text(trace, "rootServiceName"),
            text(trace, "rootTraceName"),
            trace["durationMs"].as_u64().unwrap_or_default(),
            spans,
        );
    }
}

struct Line<'a> {
    service: String,
    span: &'a Value,
}

/// Spans of a trace with their services.
fn lines(trace: &Value) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for batch in trace["batches"].as_array().into_iter().flatten() {
        let service = attribute(&batch["resource"], "service.name");
        let scopes = batch["scopeSpans"].as_array().into_iter().flatten();
        let spans = scopes.flat_map(|scope| scope["spans"].as_array()).flatten();
        lines.extend(spans.map(|span| Line { service: service.clone(), span }));
    }
    lines
}

/// Ids of the spans of a trace, as often as they are in it.
pub(super) fn span_ids(trace: &Value) -> Vec<&str> {
    lines(trace).iter().map(|line| text(line.span, "spanId")).collect()
}

/// An attribute of the first span that has it.
pub(super) fn attribute_anywhere(trace: &Value, key: &str) -> String {
    let values = lines(trace).into_iter().map(|line| attribute(line.span, key));
    values.into_iter().find(|value| !value.is_empty()).unwrap_or_default()
}

/// A trace as trace-by-id returned it, indented by parent; `derived` if the demo's chain made its steps.
pub(crate) fn tree(trace: &Value, derived: bool) {
    let mut children: HashMap<&str, Vec<Line<'_>>> = HashMap::new();
    for line in lines(trace) {
        children.entry(text(line.span, "parentSpanId")).or_default().push(line);
    }
    let origin = if derived { "; step.index and step.name came from a plugin" } else { "" };
    println!("\nOne of them, a run of the process framework{origin}:\n");
    print_children(&children, "", 0);
}

fn print_children(children: &HashMap<&str, Vec<Line<'_>>>, parent: &str, depth: usize) {
    let Some(lines) = children.get(parent).filter(|_| depth < DEPTH_MAX) else { return };
    for Line { service, span } in lines {
        let took_us =
            number(span, "endTimeUnixNano").saturating_sub(number(span, "startTimeUnixNano")) / 1000;
        let step = match attribute(span, "step.index") {
            index if index.is_empty() => String::new(),
            index => format!("  step.index={index} step.name={}", attribute(span, "step.name")),
        };
        let failed = if text(&span["status"], "code") == "STATUS_CODE_ERROR" { "  ERROR" } else { "" };
        println!(
            "  {:indent$}{} [{service}] {took_us} µs{step}{failed}",
            "",
            text(span, "name"),
            indent = 2 * depth
        );
        print_children(children, text(span, "spanId"), depth + 1);
    }
}

/// An attribute of a resource or span as text; empty when absent.
fn attribute(owner: &Value, key: &str) -> String {
    let attributes = owner["attributes"].as_array();
    let found = attributes.into_iter().flatten().find(|attribute| text(attribute, "key") == key);
    match found.and_then(|attribute| attribute["value"].as_object()?.values().next()) {
        Some(Value::String(value)) => value.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// What the chain did, and its counters as `/status/plugins` has them.
pub(super) fn chain(trace: &Value, chain: &Value) {
    println!("\nThe plugin chain, before anything is written:\n");
    println!("  sent    {NOTE} = {NOTE_AS_SENT}");
    println!("  stored  {NOTE} = {}\n", attribute_anywhere(trace, NOTE));
    println!(
        "  {:<10} {:<26} {:>7} {:>7} {:>7} {:>9}",
        "PLUGIN", "SOURCE", "SPANS", "CALLS", "EDITS", "NS/SPAN"
    );
    for plugin in chain["version"]["plugins"].as_array().into_iter().flatten() {
        let name = text(plugin, "name");
        let count = |what: &str| chain["version"]["counters"][name][what].as_u64().unwrap_or_default();
        let (spans, calls, edits) = (count("rows"), count("calls"), count("edits"));
        let ns = count("nanoseconds") / spans.max(1);
        println!("  {name:<10} {:<26} {spans:>7} {calls:>7} {edits:>7} {ns:>9}", text(plugin, "source"));
    }
}

/// What a live swap came to.
#[derive(Debug, Default)]
pub(super) struct Swapped {
    /// Numbers of the versions.
    pub(super) before: u64,
    pub(super) version: u64,
    /// From the change of the file until the new version was in force.
    pub(super) took: Duration,
    pub(super) traces: usize,
    pub(super) spans: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
    /// What is changed, in the last trace of the old version and the first of the new one.
    pub(super) last_before: String,
    pub(super) first_after: String,
}

/// Says what is going to be changed.
pub(super) fn swap_begins(file: &Path) {
    println!("\nA live swap: {} is changed while traces go in: {ADDED_IN_SHORT}\n", file.display());
}

/// Says what came of it.
pub(super) fn swapped(swapped: &Swapped) {
    let Swapped { before, version, took, traces, spans, lost, doubled, last_before, first_after } = swapped;
    println!("  version {before:<3} customer.email = {last_before}");
    println!("  version {version:<3} customer.email = {first_after}");
    println!(
        "\n  in force after {:.1} s; {traces} traces with {spans} spans meanwhile: {lost} lost, {doubled} doubled",
        took.as_secs_f64()
    );
}

/// URLs and snippets to paste.
pub(crate) fn next_steps(ports: &Ports, spans: u64) {
    let Ports { otlp_grpc, otlp_http, http } = ports;
    println!(
        "
{spans} spans went in over OTLP/gRPC and are on disk. Look around:

  http://127.0.0.1:{http}/                                    what this server offers
  http://127.0.0.1:{http}/api/search?q=%7Bstatus%3Derror%7D     TraceQL: {{status=error}}
  http://127.0.0.1:{http}/api/search?q=%7Bspan.step.index%3D2%7D  TraceQL: {{span.step.index=2}}
  http://127.0.0.1:{http}/api/v2/search/tags                  attribute names
  http://127.0.0.1:{http}/status/plugins                      the plugin chain and its counters
  http://127.0.0.1:{http}/metrics                             Prometheus metrics

Grafana data source (provisioning/datasources/cadenza.yaml):

  apiVersion: 1
  datasources:
    - name: Cadenza
      type: tempo
      access: proxy
      url: http://127.0.0.1:{http}

OpenTelemetry Collector exporter:

  exporters:
    otlp/cadenza:
      endpoint: 127.0.0.1:{otlp_grpc}        # or otlphttp: http://127.0.0.1:{otlp_http}
      tls:
        insecure: true

Serving, with a new trace every second. Ctrl-C stops."
    );
}
