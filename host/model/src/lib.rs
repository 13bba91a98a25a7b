//! Spans as columns: ids, dictionaries, batches, and OTLP in both directions.
//!
//! A [`Columns`] is what the wire decodes into, what a log frame holds, what a block is built from and
//! what a block's pages decode back into: one shape for all sources, so one evaluator serves them all.
//! Layout: flat vectors, codes into dictionaries, end offsets per nesting level, no allocation per
//! attribute.

mod columns;
mod dict;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hex;
mod ids;
pub mod otlp;
mod stage;
pub mod tree;
mod value;

pub use columns::{
    AttributesCut, Attrs, Columns, Events, Links, Remap, Resources, Savepoint, Scopes, Spans, presence,
};
pub use dict::{Code, Dict};
pub use error::{Broken, DecodeError, DictError, Full, IdError};
pub use hex::hex;
pub use ids::{SINGLE_TENANT, SpanId, TenantError, TenantId, TraceId};
pub use stage::{Admitted, Processed, Received, SpanBatch};
pub use value::{AttrType, ValueRef};
