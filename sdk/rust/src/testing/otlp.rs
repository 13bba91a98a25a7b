//! Rows of OTLP/JSON, for tests over recorded requests.

use super::data::{Attributes, Data, Event, Link, Span, Value};
use serde_json::Value as Json;

impl Data {
    /// Adds an `ExportTraceServiceRequest` as OTLP/JSON has it.
    ///
    /// # Panics
    /// At what is not OTLP/JSON.
    pub fn otlp(&mut self, request: &Json) {
        for resource_spans in list(&request["resourceSpans"]) {
            self.resource([]).attributes = attributes(&resource_spans["resource"]["attributes"]);
            // `resource` adds a scope; real ones take its place.
            self.scopes.pop();
            for scope_spans in list(&resource_spans["scopeSpans"]) {
                let scope = &scope_spans["scope"];
                self.scopes.push(super::Scoped {
                    resource: self.resources.len() - 1,
                    name: text(&scope["name"]),
                    version: text(&scope["version"]),
                    attributes: attributes(&scope["attributes"]),
                });
                for span in list(&scope_spans["spans"]) {
                    self.otlp_span(span);
                }
            }
        }
    }

    fn otlp_span(&mut self, span: &Json) {
        let start = number(&span["startTimeUnixNano"]);
        let row = self.spans.len();
        self.spans.push(Span {
            scope: self.scopes.len() - 1,
            trace_id: id(&span["traceId"]),
            span_id: id(&span["spanId"]),
            parent_span_id: id(&span["parentSpanId"]),
            trace_state: text(&span["traceState"]),
            flags: number(&span["flags"]) as u32,
            name: text(&span["name"]),
            kind: enumerated(&span["kind"], &KINDS),
            status_code: enumerated(&span["status"]["code"], &STATUSES),
            status_message: text(&span["status"]["message"]),
            start_unix_nano: start,
            duration_nano: number(&span["endTimeUnixNano"]).saturating_sub(start),
            attributes: attributes(&span["attributes"]),
        });
        for event in list(&span["events"]) {
            self.events.push(Event {
                span: row,
                name: text(&event["name"]),
                time_unix_nano: number(&event["timeUnixNano"]),
                attributes: attributes(&event["attributes"]),
            });
        }
        for link in list(&span["links"]) {
            self.links.push(Link {
                span: row,
                trace_id: id(&link["traceId"]),
                span_id: id(&link["spanId"]),
                trace_state: text(&link["traceState"]),
                attributes: attributes(&link["attributes"]),
            });
        }
    }
}

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn number(json: &Json) -> u64 {
    json.as_u64().or_else(|| json.as_str()?.parse().ok()).unwrap_or_default()
}

fn enumerated(json: &Json, names: &[&str]) -> i64 {
    let named =
        json.as_str().map(|name| names.iter().position(|n| *n == name).expect("a name of the enum") as i64);
    named.or(json.as_i64()).unwrap_or_default()
}

fn attributes(json: &Json) -> Attributes {
    list(json).iter().map(|entry| (text(&entry["key"]), Value::from_json(&entry["value"]))).collect()
}

fn id<const BYTES: usize>(json: &Json) -> [u8; BYTES] {
    let digits = json.as_str().unwrap_or_default();
    let mut id = [0; BYTES];
    for (byte, pair) in id.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).expect("hex digits");
        *byte = u8::from_str_radix(pair, 16).expect("hex digits");
    }
    id
}
