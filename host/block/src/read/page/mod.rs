//! Pages of a Parquet column chunk, decoded without the Arrow or record machinery.
//!
//! A [`Page`] is the decompressed body cut into its three sections, for both page versions alike. What is
//! done with the sections is the caller's choice: a scan looks at value codes first and decodes levels
//! only if one of them matters.

pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod codec;
pub(crate) mod delta;
pub(crate) mod header;
pub(crate) mod hybrid;
pub(crate) mod levels;
pub(crate) mod planes;
pub(crate) mod values;

pub(crate) use bytes::ByteList;
pub(crate) use codec::{Codec, Scratch};
pub(crate) use header::{Encoding, PageHeader, PageKind};
pub(crate) use planes::{Planes, Ranked};
pub(crate) use values::{Dictionary, Physical, Values};

/// Why a page could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The bytes end before what they announce.
    #[error("{0} is cut short")]
    Truncated(&'static str),
    /// Something that no writer produces.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A valid form that this reader does not know.
    #[error("{what} {number} is not supported")]
    Unsupported {
        /// The enumeration.
        what: &'static str,
        /// Its number in the file.
        number: i64,
    },
    /// More than a page may hold.
    #[error("{what} of {actual} is more than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// As announced.
        actual: u64,
        /// The largest accepted.
        limit: u64,
    },
    /// The decompressor's own words.
    #[error("decompression failed: {0}")]
    Decompress(String),
}

/// Largest data page, decompressed. Ours are 64 KiB and Tempo's 256 KiB, but a page holds whole rows and
/// a row is a trace: one large trace makes one large page.
pub(crate) const DATA_PAGE_BYTES_MAX: usize = 256 << 20;

/// Largest dictionary page, decompressed. Tempo bounds dictionaries only by the row group, 100 MB.
pub(crate) const DICTIONARY_BYTES_MAX: usize = 256 << 20;

/// Most entries of one page: keeps a run header of a few bytes from standing for gigabytes of levels.
pub(crate) const PAGE_ENTRIES_MAX: usize = 32 << 20;

/// Largest level in any leaf of the schema; three bits.
pub(crate) const LEVEL_MAX: u8 = 7;

/// The three sections of a data page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    /// Entries: one per level.
    pub(crate) entries: usize,
    /// Repetition levels, hybrid-encoded; empty if the leaf has none.
    pub(crate) rep: &'a [u8],
    /// Definition levels, hybrid-encoded; empty if the leaf has none.
    pub(crate) def: &'a [u8],
    /// How the values are encoded.
    pub(crate) encoding: Encoding,
    /// The present values.
    pub(crate) values: &'a [u8],
}

/// Bits of a level up to `max`.
pub(crate) fn level_bits(max: u8) -> u32 {
    u8::BITS - max.leading_zeros()
}
