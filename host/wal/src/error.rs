//! What can go wrong with the log, by operation.

use crate::FramePos;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log could not be opened. Damaged segments are not among the reasons: replay reports them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another [`crate::Wal`] of this one, uses the directory.
    #[error("log directory {path} is in use by another process", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} log directory {path}: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The metrics could not be registered.
    #[error("cannot register the log's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// The volume answered that it has no space.
    #[error("no space left on its volume")]
    NoSpace,
    /// Writing would leave less than the configured reserve.
    #[error("its volume has {free_bytes} bytes free, the reserve is {free_bytes_min}")]
    Reserve {
        /// Free now.
        free_bytes: u64,
        /// [`crate::Config::free_bytes_min`].
        free_bytes_min: u64,
    },
    /// The log has reached its own limit.
    #[error("it holds {bytes} bytes, the limit is {bytes_max}")]
    Log {
        /// Held now, with what waits for a commit.
        bytes: u64,
        /// [`crate::Config::bytes_max`].
        bytes_max: u64,
    },
}

/// Why a frame was not made durable. Nothing of it was acknowledged; after a crash it may still be found.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// No room. Heals by itself when space returns.
    #[error("write-ahead log is full: {0}")]
    DiskFull(Full),
    /// Writing or syncing failed on the segment and on its replacements.
    #[error("write-ahead log could not be made durable: {0}")]
    SyncFailed(Arc<io::Error>),
    /// More frames wait for a commit than may.
    #[error("write-ahead log is busy: {bytes} bytes wait for the disk, the limit is {bytes_max}")]
    Busy {
        /// Waiting now.
        bytes: u64,
        /// [`crate::Config::queue_bytes_max`].
        bytes_max: u64,
    },
    /// The log has been closed.
    #[error("write-ahead log is closed")]
    Closed,
    /// The batch is too large for one frame.
    #[error("batch of {bytes} bytes exceeds the write-ahead log's frame limit of {bytes_max}")]
    FrameTooLarge {
        /// Bytes of the frame or of its largest section.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
}

/// [`AppendError`] without its details, for tables and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppendErrorKind {
    /// [`AppendError::DiskFull`].
    DiskFull,
    /// [`AppendError::SyncFailed`].
    SyncFailed,
    /// [`AppendError::Busy`].
    Busy,
    /// [`AppendError::Closed`].
    Closed,
    /// [`AppendError::FrameTooLarge`].
    FrameTooLarge,
}

impl AppendError {
    /// Which kind this is.
    pub fn kind(&self) -> AppendErrorKind {
        match self {
            Self::DiskFull(_) => AppendErrorKind::DiskFull,
            Self::SyncFailed(_) => AppendErrorKind::SyncFailed,
            Self::Busy { .. } => AppendErrorKind::Busy,
            Self::Closed => AppendErrorKind::Closed,
            Self::FrameTooLarge { .. } => AppendErrorKind::FrameTooLarge,
        }
    }

    /// True when the same batch can succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind() != AppendErrorKind::FrameTooLarge
    }
}

impl AppendErrorKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::DiskFull, Self::SyncFailed, Self::Busy, Self::Closed, Self::FrameTooLarge];

    /// Value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::SyncFailed => "sync_failed",
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::FrameTooLarge => "frame_too_large",
        }
    }
}

/// Why bytes are not a frame, or not the one that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

/// Why a frame could not be read back.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such segment: released, or never there.
    #[error("write-ahead log segment {segment} is gone")]
    Gone {
        /// The segment asked for.
        segment: u64,
    },
    /// The frame's bytes are not what was written.
    #[error("write-ahead log frame at {}:{} is damaged: {what}", pos.segment, pos.offset)]
    Damaged {
        /// Where.
        pos: FramePos,
        /// How.
        what: Malformed,
    },
    /// The disk failed.
    #[error("cannot read write-ahead log segment {segment}: {source}")]
    Io {
        /// The segment.
        segment: u64,
        /// The system's answer.
        source: Arc<io::Error>,
    },
}
