//! Tempo's blocks: reader, writer, meta and bloom filter.

mod error;
pub mod schema;

pub use error::WriteError;
