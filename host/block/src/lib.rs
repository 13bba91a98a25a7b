//! Tempo's blocks: reader, writer, meta and bloom filter.

pub mod bloom;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod merge;
pub mod meta;
pub mod read;
pub mod schema;
pub mod write;

pub use error::WriteError;
