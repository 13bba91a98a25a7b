//! OTLP as JSON: Tempo's form of a trace in answers.
//!
//! This is the mapping of gogo's jsonpb: ids are base64, enums are names, 64-bit integers are strings,
//! what is zero or unset is left out, and a `resource`, `scope` and `status` are always there.

mod read;
mod scalar;
mod text;

pub use text::{put_double, put_string};

pub(super) use read::read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// A trace: `{"resourceSpans":[…]}`, or `{"batches":[…]}` when `list_name` says so, and `{}` without any.
pub fn trace(list_name: &str, resource_spans: &[ResourceSpans]) -> Vec<u8> {
    let mut out = Vec::new();
    put_trace(&mut out, list_name, resource_spans);
    out
}

/// Appends what [`trace`] answers.
pub fn put_trace(out: &mut Vec<u8>, list_name: &str, resource_spans: &[ResourceSpans]) {
    let mut object = Object::open(out);
    object.list(list_name, resource_spans, put_resource_spans);
    object.close();
}

/// A JSON object being written: puts the commas.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn list<T>(&mut self, name: &str, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
        if items.is_empty() {
            return;
        }
        let out = self.name(name);
        out.push(b'[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            put(out, item);
        }
        out.push(b']');
    }

    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            put_string(self.name(name), text);
        }
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            put_base64(self.name(name), bytes);
        }
    }

    fn number(&mut self, name: &str, number: u32) {
        if number != 0 {
            self.name(name).extend_from_slice(number.to_string().as_bytes());
        }
    }

    fn nanos(&mut self, name: &str, number: u64) {
        if number != 0 {
            put_quoted(self.name(name), &number.to_string());
        }
    }

    /// The name of an enum's number, or the number if it has none.
    fn constant(&mut self, name: &str, number: i32, constant: Option<&str>) {
        if number != 0 {
            match constant {
                Some(constant) => put_quoted(self.name(name), constant),
                None => self.name(name).extend_from_slice(number.to_string().as_bytes()),
            }
        }
    }
}

/// Text that needs no escaping.
fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    put_quoted(out, &STANDARD.encode(bytes));
}

fn put_resource_spans(out: &mut Vec<u8>, message: &ResourceSpans) {
    let mut object = Object::open(out);
    let mut resource = Object::open(object.name("resource"));
    if let Some(message) = &message.resource {
        resource.list("attributes", &message.attributes, put_key_value);
        resource.number("droppedAttributesCount", message.dropped_attributes_count);
    }
    resource.close();
    object.list("scopeSpans", &message.scope_spans, put_scope_spans);
    object.text("schemaUrl", &message.schema_url);
    object.close();
}

fn put_scope_spans(out: &mut Vec<u8>, message: &ScopeSpans) {
    let mut object = Object::open(out);
    let mut scope = Object::open(object.name("scope"));
    if let Some(message) = &message.scope {
        scope.text("name", &message.name);
        scope.text("version", &message.version);
        scope.list("attributes", &message.attributes, put_key_value);
        scope.number("droppedAttributesCount", message.dropped_attributes_count);
    }
    scope.close();
    object.list("spans", &message.spans, put_span);
    object.text("schemaUrl", &message.schema_url);
    object.close();
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    let mut object = Object::open(out);
    object.bytes("traceId", &span.trace_id);
    object.bytes("spanId", &span.span_id);
    object.text("traceState", &span.trace_state);
    object.bytes("parentSpanId", &span.parent_span_id);
    object.number("flags", span.flags);
    object.text("name", &span.name);
    let kind = SpanKind::try_from(span.kind).ok();
    object.constant("kind", span.kind, kind.as_ref().map(SpanKind::as_str_name));
    object.nanos("startTimeUnixNano", span.start_time_unix_nano);
    object.nanos("endTimeUnixNano", span.end_time_unix_nano);
    object.list("attributes", &span.attributes, put_key_value);
    object.number("droppedAttributesCount", span.dropped_attributes_count);
    object.list("events", &span.events, put_event);
    object.number("droppedEventsCount", span.dropped_events_count);
    object.list("links", &span.links, put_link);
    object.number("droppedLinksCount", span.dropped_links_count);
    put_status(object.name("status"), span.status.as_ref());
    object.close();
}

fn put_status(out: &mut Vec<u8>, status: Option<&Status>) {
    let mut object = Object::open(out);
    if let Some(status) = status {
        object.text("message", &status.message);
        let code = StatusCode::try_from(status.code).ok();
        object.constant("code", status.code, code.as_ref().map(StatusCode::as_str_name));
    }
    object.close();
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    let mut object = Object::open(out);
    object.nanos("timeUnixNano", event.time_unix_nano);
    object.text("name", &event.name);
    object.list("attributes", &event.attributes, put_key_value);
    object.number("droppedAttributesCount", event.dropped_attributes_count);
    object.close();
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    let mut object = Object::open(out);
    object.bytes("traceId", &link.trace_id);
    object.bytes("spanId", &link.span_id);
    object.text("traceState", &link.trace_state);
    object.list("attributes", &link.attributes, put_key_value);
    object.number("droppedAttributesCount", link.dropped_attributes_count);
    object.number("flags", link.flags);
    object.close();
}

/// Appends a KeyValue.
pub fn put_key_value(out: &mut Vec<u8>, pair: &KeyValue) {
    let mut object = Object::open(out);
    object.text("key", &pair.key);
    if let Some(value) = &pair.value {
        put_any_value(object.name("value"), value);
    }
    object.close();
}

/// Appends an AnyValue: the field that is set, be it zero; `{}` if none is.
pub fn put_any_value(out: &mut Vec<u8>, value: &AnyValue) {
    let mut object = Object::open(out);
    match &value.value {
        None => {}
        Some(Value::StringValue(text)) => put_string(object.name("stringValue"), text),
        Some(Value::BoolValue(set)) => {
            object.name("boolValue").extend_from_slice(if *set { b"true" } else { b"false" });
        }
        Some(Value::IntValue(number)) => put_quoted(object.name("intValue"), &number.to_string()),
        Some(Value::DoubleValue(number)) => put_double(object.name("doubleValue"), *number),
        Some(Value::ArrayValue(array)) => {
            let mut list = Object::open(object.name("arrayValue"));
            list.list("values", &array.values, put_any_value);
            list.close();
        }
        Some(Value::KvlistValue(map)) => {
            let mut list = Object::open(object.name("kvlistValue"));
            list.list("values", &map.values, put_key_value);
            list.close();
        }
        Some(Value::BytesValue(bytes)) => put_base64(object.name("bytesValue"), bytes),
        // Decoding ignores this field of the profiles signal, so it never comes from columns.
        Some(Value::StringValueStrindex(_)) => {}
    }
    object.close();
}
