//! The bucket: where blocks lie, which there are, and how their bytes are reached.
//!
//! The layout is Tempo's (`<tenant>/<block id>/{data.parquet,bloom-N,index,meta.json}`), so a Cadenza and
//! a Tempo can share a bucket. `meta.json` is written last and makes a block exist; blocks are immutable.
//! Which store it is, and what is around it, is the business of `cadenza-objects`.

mod block;
mod blocklist;
pub mod compact;
mod config;
mod error;
pub mod fuzzing;
mod index;
mod inspect;
mod layout;
mod listing;
mod metrics;
mod move_in;
mod poll;
mod quarantine;
mod range;
mod retention;
mod store;
mod upload;

pub use block::StoredBlock;
pub use config::Config;
pub use error::StoreError;
pub use index::IndexError;
pub use inspect::{Checked, Fault, Inspected};
pub use metrics::Metrics;
pub use move_in::{BuildBlock, MoveInReport};
pub use poll::PollReport;
pub use retention::RetentionReport;
pub use store::Store;
