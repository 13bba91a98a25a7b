//! Reading blocks: one trace, traces that may match a filter, and the names and values of attributes.
//!
//! Pages are decoded by our own code (`page`); the `parquet` crate reads the footer and page index, and
//! its column readers are the oracle of the tests. Everything is synchronous and asks for bytes through
//! [`RangeRead`] only.

mod bitmap;
mod cache;
mod error;
mod fields;
pub(crate) mod file;
mod filter;
mod io;
pub(crate) mod page;
mod projection;
mod reader;
mod rows;
mod scan;
pub(crate) mod skeleton;
pub(crate) mod source;

pub use cache::Cache;
pub use error::{PageError, ReadError};
pub use filter::{AttrScope, Candidates, Cmp, Field, Filter, Intrinsic, StrTest, Test};
pub use io::{RangeRead, ReadStats};
pub use projection::Projection;
pub use reader::{BlockReader, ROWS_PER_READ_MAX};
pub use rows::{Nested, ServiceCount, TraceInfo, TraceRows};
pub use scan::Distinct;

#[cfg(test)]
mod tests;
