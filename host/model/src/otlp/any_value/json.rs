//! Values as protobuf JSON: how blocks keep what their columns have no type for.

use crate::ValueRef;
use crate::error::DecodeError;
use crate::otlp::{json, messages};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use prost::Message as _;

/// A value as the JSON of an AnyValue, such as `{"bytesValue":"3q2+7w=="}`; `{}` if nothing is set.
pub fn to_json(value: ValueRef<'_>) -> String {
    let mut out = Vec::new();
    json::put_any_value(&mut out, &messages::any_value(value).unwrap_or_default());
    // What is written is text by construction.
    String::from_utf8(out).unwrap_or_default()
}

/// The encoded AnyValue of what [`to_json`] and Tempo write; [`super::value`] tells its type.
pub fn from_json(text: &str) -> Result<Vec<u8>, DecodeError> {
    json::read::<AnyValue>(text.as_bytes()).map(|value| value.encode_to_vec())
}
