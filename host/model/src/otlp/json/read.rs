//! Reading OTLP/JSON objects into messages.
//!
//! Names are lowerCamelCase or snake_case, ids hex, other bytes base64, enums numbers or names, 64-bit
//! integers numbers or strings. `null` is absent, unknown fields are skipped, a repeated list goes on.

use super::scalar::{Base64, Constant, Double, Hex, Number};
use crate::error::DecodeError;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use std::borrow::Cow;
use std::fmt;

/// Deepest nesting of objects and lists: enough for every value that [`super::super::DEPTH_MAX`] levels
/// of messages can hold.
const JSON_DEPTH_MAX: usize = 160;

/// Reads one JSON text as a message. `null` is an empty one.
pub(in crate::otlp) fn read<M: Message>(text: &[u8]) -> Result<M, DecodeError> {
    if depth(text) > JSON_DEPTH_MAX {
        return Err(DecodeError::Depth);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // Bounded above; the built-in limit is lower than what protobuf allows.
    deserializer.disable_recursion_limit();
    let message = Object::<M>::deserialize(&mut deserializer);
    let message = message.and_then(|object| deserializer.end().map(|()| object.0));
    message.map_err(|error| {
        // Not serde's own text: that quotes values, which must not reach a log.
        let what = match error.classify() {
            Category::Eof => "unexpected end",
            Category::Syntax => "syntax error",
            Category::Data | Category::Io => "value of the wrong type or form",
        };
        DecodeError::Json(format!("{what} at line {} column {}", error.line(), error.column()))
    })
}

/// How deep objects and lists nest, be the text valid or not.
fn depth(text: &[u8]) -> usize {
    let (mut deepest, mut depth, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for &byte in text {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    deepest
}

/// A message that can be read field by field.
pub(in crate::otlp) trait Message: Default {
    /// Reads the value of field `name`, or skips it.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// A JSON object that is the message `M`.
struct Object<M>(M);

impl<'de, M: Message> Deserialize<'de> for Object<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<M>(M);

        impl<'de, M: Message> Visitor<'de> for Fields<M> {
            type Value = Object<M>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Object<M>, E> {
                Ok(Object(self.0))
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Object<M>, A::Error> {
                while let Some(name) = map.next_key::<Name<'_>>()? {
                    self.0.read(&name.0, &mut map)?;
                }
                Ok(Object(self.0))
            }
        }

        deserializer.deserialize_any(Fields(M::default()))
    }
}

/// A field's name, copied only if it is escaped.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Reads a scalar spelled as `W`; `null` leaves what is there.
fn set<'de, W: Deserialize<'de> + Into<T>, T, A: MapAccess<'de>>(
    map: &mut A,
    field: &mut T,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<W>>()? {
        *field = value.into();
    }
    Ok(())
}

fn set_message<'de, M: Message, A: MapAccess<'de>>(
    map: &mut A,
    field: &mut Option<M>,
) -> Result<(), A::Error> {
    if let Some(Object(message)) = map.next_value::<Option<Object<M>>>()? {
        *field = Some(message);
    }
    Ok(())
}

fn extend<'de, M: Message, A: MapAccess<'de>>(map: &mut A, list: &mut Vec<M>) -> Result<(), A::Error> {
    if let Some(messages) = map.next_value::<Option<Vec<Object<M>>>>()? {
        list.extend(messages.into_iter().map(|object| object.0));
    }
    Ok(())
}

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

impl Message for ExportTraceServiceRequest {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "resourceSpans" | "resource_spans" => extend(map, &mut self.resource_spans),
            _ => skip(map),
        }
    }
}

impl Message for ResourceSpans {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "resource" => set_message(map, &mut self.resource),
            "scopeSpans" | "scope_spans" => extend(map, &mut self.scope_spans),
            "schemaUrl" | "schema_url" => set::<String, _, _>(map, &mut self.schema_url),
            _ => skip(map),
        }
    }
}

impl Message for ScopeSpans {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "scope" => set_message(map, &mut self.scope),
            "spans" => extend(map, &mut self.spans),
            "schemaUrl" | "schema_url" => set::<String, _, _>(map, &mut self.schema_url),
            _ => skip(map),
        }
    }
}

impl Message for Resource {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "attributes" => extend(map, &mut self.attributes),
            "droppedAttributesCount" | "dropped_attributes_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_attributes_count)
            }
            _ => skip(map),
        }
    }
}

impl Message for InstrumentationScope {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => set::<String, _, _>(map, &mut self.name),
            "version" => set::<String, _, _>(map, &mut self.version),
            "attributes" => extend(map, &mut self.attributes),
            "droppedAttributesCount" | "dropped_attributes_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_attributes_count)
            }
            _ => skip(map),
        }
    }
}

impl Message for Span {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "traceId" | "trace_id" => set::<Hex, _, _>(map, &mut self.trace_id),
            "spanId" | "span_id" => set::<Hex, _, _>(map, &mut self.span_id),
            "traceState" | "trace_state" => set::<String, _, _>(map, &mut self.trace_state),
            "parentSpanId" | "parent_span_id" => set::<Hex, _, _>(map, &mut self.parent_span_id),
            "flags" => set::<Number<u32>, _, _>(map, &mut self.flags),
            "name" => set::<String, _, _>(map, &mut self.name),
            "kind" => set::<Constant<SpanKind>, _, _>(map, &mut self.kind),
            "startTimeUnixNano" | "start_time_unix_nano" => {
                set::<Number<u64>, _, _>(map, &mut self.start_time_unix_nano)
            }
            "endTimeUnixNano" | "end_time_unix_nano" => {
                set::<Number<u64>, _, _>(map, &mut self.end_time_unix_nano)
            }
            "attributes" => extend(map, &mut self.attributes),
            "droppedAttributesCount" | "dropped_attributes_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_attributes_count)
            }
            "events" => extend(map, &mut self.events),
            "droppedEventsCount" | "dropped_events_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_events_count)
            }
            "links" => extend(map, &mut self.links),
            "droppedLinksCount" | "dropped_links_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_links_count)
            }
            "status" => set_message(map, &mut self.status),
            _ => skip(map),
        }
    }
}

impl Message for Status {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "message" => set::<String, _, _>(map, &mut self.message),
            "code" => set::<Constant<StatusCode>, _, _>(map, &mut self.code),
            _ => skip(map),
        }
    }
}

impl Message for Event {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "timeUnixNano" | "time_unix_nano" => set::<Number<u64>, _, _>(map, &mut self.time_unix_nano),
            "name" => set::<String, _, _>(map, &mut self.name),
            "attributes" => extend(map, &mut self.attributes),
            "droppedAttributesCount" | "dropped_attributes_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_attributes_count)
            }
            _ => skip(map),
        }
    }
}

impl Message for Link {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "traceId" | "trace_id" => set::<Hex, _, _>(map, &mut self.trace_id),
            "spanId" | "span_id" => set::<Hex, _, _>(map, &mut self.span_id),
            "traceState" | "trace_state" => set::<String, _, _>(map, &mut self.trace_state),
            "attributes" => extend(map, &mut self.attributes),
            "droppedAttributesCount" | "dropped_attributes_count" => {
                set::<Number<u32>, _, _>(map, &mut self.dropped_attributes_count)
            }
            "flags" => set::<Number<u32>, _, _>(map, &mut self.flags),
            _ => skip(map),
        }
    }
}

impl Message for KeyValue {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "key" => set::<String, _, _>(map, &mut self.key),
            "value" => set_message(map, &mut self.value),
            _ => skip(map),
        }
    }
}

impl Message for ArrayValue {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "values" => extend(map, &mut self.values),
            _ => skip(map),
        }
    }
}

impl Message for KeyValueList {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "values" => extend(map, &mut self.values),
            _ => skip(map),
        }
    }
}

impl Message for AnyValue {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let value = match name {
            "stringValue" | "string_value" => map.next_value::<Option<String>>()?.map(Value::StringValue),
            "boolValue" | "bool_value" => map.next_value::<Option<bool>>()?.map(Value::BoolValue),
            "intValue" | "int_value" => {
                map.next_value::<Option<Number<i64>>>()?.map(|number| Value::IntValue(number.into()))
            }
            "doubleValue" | "double_value" => {
                map.next_value::<Option<Double>>()?.map(|number| Value::DoubleValue(number.0))
            }
            "arrayValue" | "array_value" => {
                map.next_value::<Option<Object<ArrayValue>>>()?.map(|list| Value::ArrayValue(list.0))
            }
            "kvlistValue" | "kvlist_value" => {
                map.next_value::<Option<Object<KeyValueList>>>()?.map(|list| Value::KvlistValue(list.0))
            }
            "bytesValue" | "bytes_value" => {
                map.next_value::<Option<Base64>>()?.map(|bytes| Value::BytesValue(bytes.0))
            }
            _ => return skip(map),
        };
        if value.is_some() {
            self.value = value;
        }
        Ok(())
    }
}
