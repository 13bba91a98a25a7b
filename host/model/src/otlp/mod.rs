//! OTLP in both directions: wire bytes to columns, columns to messages.

pub mod any_value;
mod decode;
mod wire;
mod wire_index;

pub use decode::{Decoded, decode, ids_ok};
pub use wire::DEPTH_MAX;

pub(crate) use wire_index::{WireIndex, WireMark};
