//! The write-ahead log: frames of columns, group commit, replay.
//!
//! A span is acknowledged once the frame that holds it is on the disk. One log serves all tenants; a
//! frame is one processed batch of one tenant in separately checksummed sections, so replay, queries and
//! block building read only the parts they need. [`Wal`] is the whole surface.

mod config;
mod control;
mod error;
mod frame;
pub mod fuzzing;
mod log;
pub mod measure;
mod metrics;
mod pos;
mod replay;
mod wal;

pub use config::{
    BYTES_MAX_DEFAULT, COMMIT_WAIT_MAX_US_DEFAULT, Config, FREE_BYTES_MIN_DEFAULT, QUEUE_BYTES_MAX_DEFAULT,
    READ_CACHE_BYTES_MAX_DEFAULT, SEGMENT_BYTES_MAX_DEFAULT,
};
pub use control::Control;
pub use error::{AppendError, AppendErrorKind, Full, Malformed, OpenError, ReadError};
pub use log::commit::Committer;
pub use metrics::Metrics;
pub use pos::{Durable, FramePos, Sections};
pub use replay::{Damage, DamageKind, FrameIds, ReplayItem, ReplayStats, SpanFrame};
pub use wal::{Appending, ReadGuard, SegmentInfo, Wal};
