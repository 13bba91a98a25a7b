//! OTLP in both directions: wire bytes to columns, columns to messages.

pub mod any_value;
mod decode;
pub mod json;
mod messages;
mod wire;
mod wire_index;

pub use decode::{Decoded, decode, decode_json, ids_ok};
pub use messages::{any_value as any_value_message, to_resource_spans};
pub use wire::DEPTH_MAX;

pub(crate) use wire_index::{WireIndex, WireMark};
