//! The log on the disk.
//!
//! Segments are files `NNNNNNNNNN.wal`: a block of [`crate::frame::BLOCK_BYTES`] with four copies of the
//! file header, then commits, each padded with zeros to a whole block. One thread commits: it takes all
//! waiting frames, writes them in one go, syncs once, and only then answers.

pub(crate) mod cache;
pub(crate) mod commit;
pub(crate) mod queue;
pub(crate) mod read;
pub(crate) mod scan;
pub(crate) mod segment;
pub(crate) mod shared;
pub(crate) mod unlink;
