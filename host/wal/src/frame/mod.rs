//! Frame format, version 1.
//!
//! ```text
//! frame   = header, body
//! header  = magic u16 LE, kind u8, flags u8, header bytes u16 LE, crc32c u32 LE (of the rest of the
//!           header, the segment's salt and the frame's offset), frame bytes varint, tenant (length varint,
//!           0 = single-tenant; bytes), chain digest (32 bytes, flag DIGEST), rows varint, section table
//! table   = one entry per section: stored bytes << 1 | snappy varint, raw bytes varint (if snappy),
//!           crc32c u32 LE (if not empty)
//!         | with flag MERGED: raw bytes varint per section, then one entry for all of them together
//! body    = the sections as stored, in the order of the table
//! ```
//!
//! The checksum covers a random salt of the segment and the offset, so bytes that a client sent, or that
//! an earlier file left behind, cannot pass for a header. Small frames are merged: one checksum, one
//! snappy block, a short header. Codes in sections are positions in the frame's own dictionaries; entry 0
//! is the empty string and not stored. A dictionary of names stores well-known names as a number.

mod attrs;
mod control;
mod decode;
mod dicts;
mod encode;
mod header;
mod ids;
mod pack;
mod tables;
mod wellknown;

pub(crate) use control::{decode_controls, encode_controls};
pub(crate) use decode::{Parts, unpack, unpack_ids};
pub(crate) use encode::{Encoder, TooLarge};
pub(crate) use header::{FrameHeader, HEADER_BYTES_MAX, Kind, Stored, peek_header_bytes, seal};

/// Sections of a frame of spans, in order.
pub(crate) const SECTIONS: usize = 7;
pub(crate) const IDS: usize = 0;
pub(crate) const RESOURCES: usize = 1;
pub(crate) const NAMES: usize = 2;
pub(crate) const SPAN_ATTRS: usize = 3;
pub(crate) const EVENTS: usize = 4;
pub(crate) const KEYS: usize = 5;
pub(crate) const VALUES: usize = 6;

/// Largest frame: far above any request a receiver takes, far below what 32-bit positions hold.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;
/// Largest section before compression; decoding allocates no more per section.
pub(crate) const SECTION_BYTES_MAX: usize = 128 << 20;
/// Rows of one table of a frame: columns of constants take no bytes, so counts need a bound of their own.
pub(crate) const ROWS_MAX: usize = 1 << 20;
/// Attributes of one kind of owner in a frame.
pub(crate) const ATTRS_MAX: usize = 1 << 22;
/// Frames up to this size are merged: separate sections pay only when they spare a read.
pub(crate) const MERGED_BYTES_MAX: usize = 8 << 10;

/// Commits begin on multiples of this, the smallest unit disks and page caches write.
pub(crate) const BLOCK_BYTES: u64 = 4096;

/// The next multiple of [`BLOCK_BYTES`] at or after `offset`.
pub(crate) fn block_ceil(offset: u64) -> u64 {
    offset.next_multiple_of(BLOCK_BYTES)
}
