//! Requests with a canary in every place that can hold text.

use cadenza_tests::leaks::Canaries;
use cadenza_tests::otlp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// Attributes are cut at this many bytes.
const ATTRIBUTE_BYTES_MAX: usize = 2048;

/// `builtin:redaction` over everything it can look at. Keys that are not allowed go, whatever they are; bytes are
/// masked by their key, for their text is base64.
pub(super) const REDACTION: &str = "
    - source: builtin:redaction
      config:
        allow_all_keys: false
        allowed_keys: [service.name, plain, middle, whole, early, across, list, map, nested, seen]
        blocked_key_patterns: ['^secret']
        blocked_values: ['cny[a-z0-9]{21}ync']
        redact_all_types: true
        summary: info
        also: [links, span_names, status_messages, event_names, scope_names, scope_versions, trace_states, schema_urls]
";

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn list(values: Vec<AnyValue>) -> Value {
    Value::ArrayValue(ArrayValue { values })
}

fn map(key: &str, value: Value) -> Value {
    Value::KvlistValue(KeyValueList { values: vec![otlp::attribute(key, value)] })
}

fn text(text: String) -> Value {
    Value::StringValue(text)
}

/// Every shape of an attribute, for one kind of owner.
fn attributes(canaries: &mut Canaries, owner: &str) -> Vec<KeyValue> {
    let mut make = |shape: &str| canaries.make(&format!("{owner}: {shape}"));
    let filler = "lorem ipsum ".repeat(20);
    let mut attributes = vec![
        otlp::string("plain", "nothing to hide"),
        otlp::string("middle", &format!("{filler}{} {filler}", make("in the middle of a value"))),
        otlp::string("whole", &make("a whole value")),
        otlp::string("early", &format!("{}{filler}", make("begin of a value"))),
        // The cut goes through it.
        otlp::string(
            "across",
            &format!("{}{}", "x".repeat(ATTRIBUTE_BYTES_MAX - 14), make("across the cut of a value")),
        ),
        otlp::attribute(
            "list",
            list(vec![any(text(make("in a list"))), any(Value::IntValue(7)), any(text("fine".into()))]),
        ),
        otlp::attribute("map", map("inner", text(format!("<{}> & more", make("in a map"))))),
        otlp::attribute("nested", map("a", list(vec![any(map(&make("key in a map"), text("v".into())))]))),
        otlp::string(&format!("key.{}", make("a key")), "value"),
        otlp::string(
            &format!("{}{}", "k".repeat(ATTRIBUTE_BYTES_MAX - 14), make("across the cut of a key")),
            "value",
        ),
        otlp::string("secret.text", &make("under a blocked key")),
        otlp::string("unknown", &make("under a key that is not allowed")),
    ];
    let bytes = canaries.make_bytes(&format!("{owner}: bytes"));
    attributes.push(otlp::attribute("secret.bytes", Value::BytesValue(bytes)));
    attributes
}

/// A span with a canary in every place.
pub(super) fn secret_span(canaries: &mut Canaries, id: [u8; 16], span_id: u64) -> Span {
    let mut span =
        otlp::span(id, span_id, u64::from(span_id > 1), &format!("GET /{}", canaries.make("span name")));
    span.attributes = attributes(canaries, "span");
    span.status = Some(Status { message: format!("failed: {}", canaries.make("status message")), code: 2 });
    span.events = vec![Event {
        time_unix_nano: span.start_time_unix_nano + 1000,
        name: canaries.make("event name"),
        attributes: attributes(canaries, "event"),
        ..Event::default()
    }];
    let link = Link {
        trace_id: otlp::trace_id(1, 1).to_vec(),
        span_id: 1_u64.to_be_bytes().to_vec(),
        trace_state: format!("v={}", canaries.make("trace state of a link")),
        attributes: attributes(canaries, "link"),
        ..Link::default()
    };
    span.trace_state = format!("v={}", canaries.make("trace state"));
    span.links = vec![link];
    span
}

/// Spans under a resource and a scope with canaries of their own.
pub(super) fn secret_owner(canaries: &mut Canaries, spans: Vec<Span>) -> ResourceSpans {
    let mut resource = attributes(canaries, "resource");
    resource.push(otlp::string("service.name", &format!("shop {}", canaries.make("service name"))));
    let scope = InstrumentationScope {
        name: format!("lib {}", canaries.make("scope name")),
        version: format!("1.{}", canaries.make("scope version")),
        attributes: attributes(canaries, "scope"),
        ..InstrumentationScope::default()
    };
    let mut url = |of: &str| format!("https://{}.example", canaries.make(&format!("schema URL of a {of}")));
    let (of_resource, of_scope) = (url("resource"), url("scope"));
    ResourceSpans {
        resource: Some(Resource { attributes: resource, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: of_scope }],
        schema_url: of_resource,
    }
}

/// A span with one canary, so that every row of a large batch has its own.
pub(super) fn small_span(canaries: &mut Canaries, id: [u8; 16], span_id: u64) -> Span {
    let mut span = otlp::span(id, span_id, 1, "work");
    span.attributes = vec![otlp::string("middle", &format!("card {} ok", canaries.make("any row")))];
    span
}

/// Rows at both sides of where batches are cut for guests, and of where dictionaries begin anew.
const SECRET_ROWS: [u64; 8] = [1, 2, 511, 512, 513, 1024, 1025, 1300];

/// More spans than a guest is handed at once, canaries in each.
pub(super) fn large(canaries: &mut Canaries, id: [u8; 16]) -> ExportTraceServiceRequest {
    let spans = (1..=1300)
        .map(|span_id| match SECRET_ROWS.contains(&span_id) {
            true => secret_span(canaries, id, span_id),
            false => small_span(canaries, id, span_id),
        })
        .collect();
    otlp::request_of(vec![secret_owner(canaries, spans)])
}
