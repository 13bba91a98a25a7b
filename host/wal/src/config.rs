//! What an operator can set about the log.

use std::path::PathBuf;

/// Small enough that releasing segments follows flushing closely, large enough that a busy server makes
/// a new file only every few seconds.
pub const SEGMENT_BYTES_MAX_DEFAULT: u64 = 64 << 20;
/// Room for an object store outage of about two hours at 20,000 spans a second.
pub const BYTES_MAX_DEFAULT: u64 = 10 << 30;
/// What stays free on the volume, so that control frames, blocks under construction and log lines
/// still find room when spans are refused.
pub const FREE_BYTES_MIN_DEFAULT: u64 = 64 << 20;
/// Longest wait for company before a commit; measured to pay only when many small frames are in flight.
pub const COMMIT_WAIT_MAX_US_DEFAULT: u64 = 2_000;
/// Frames that wait for a commit: more than a slow disk needs to be busy, less than hurts memory.
pub const QUEUE_BYTES_MAX_DEFAULT: u64 = 64 << 20;
/// Packed sections kept for queries; about 300,000 spans.
pub const READ_CACHE_BYTES_MAX_DEFAULT: u64 = 32 << 20;

/// Settings of a [`crate::Wal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Directory of the segments; made when missing. Nothing else may live there.
    pub path: PathBuf,
    /// A segment that would grow over this is closed and the next one begun.
    pub segment_bytes_max: u64,
    /// Spans are refused while all segments together hold more than this.
    pub bytes_max: u64,
    /// Spans are refused while the volume has less than this free.
    pub free_bytes_min: u64,
    /// How long a commit of few small frames may wait for more of them.
    pub commit_wait_max_us: u64,
    /// Spans are refused while frames of more than this wait for a commit.
    pub queue_bytes_max: u64,
    /// Bound of the cache of packed sections behind [`crate::Wal::read`].
    pub read_cache_bytes_max: u64,
}

impl Config {
    /// Defaults for a log in `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            segment_bytes_max: SEGMENT_BYTES_MAX_DEFAULT,
            bytes_max: BYTES_MAX_DEFAULT,
            free_bytes_min: FREE_BYTES_MIN_DEFAULT,
            commit_wait_max_us: COMMIT_WAIT_MAX_US_DEFAULT,
            queue_bytes_max: QUEUE_BYTES_MAX_DEFAULT,
            read_cache_bytes_max: READ_CACHE_BYTES_MAX_DEFAULT,
        }
    }
}
