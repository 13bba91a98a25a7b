//! OTLP in both directions: wire bytes to columns, columns to messages.

mod wire_index;

pub(crate) use wire_index::{WireIndex, WireMark};
