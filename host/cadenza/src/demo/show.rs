//! What the demo prints: a table of traces, one trace as a tree, and where to go next.
#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

use crate::demo::Ports;
use serde_json::Value;
use std::collections::HashMap;

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

/// A trace as trace-by-id returned it, indented by parent.
pub(crate) fn tree(trace: &Value) {
    let empty = Vec::new();
    let mut children: HashMap<&str, Vec<Line<'_>>> = HashMap::new();
    for batch in trace["batches"].as_array().unwrap_or(&empty) {
        let service = attribute(&batch["resource"], "service.name");
        for span in batch["scopeSpans"]
            .as_array()
            .unwrap_or(&empty)
            .iter()
            .flat_map(|scope| scope["spans"].as_array())
            .flatten()
        {
            children
                .entry(text(span, "parentSpanId"))
                .or_default()
                .push(Line { service: service.clone(), span });
        }
    }
    println!("\nOne of them, a run of the process framework:\n");
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
