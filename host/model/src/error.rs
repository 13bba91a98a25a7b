//! What can be wrong with batches and with what the wire sent.

/// Why stored parts are not a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictError {
    /// Code 0 must be the empty string.
    #[error("dictionary does not start with the empty entry")]
    NoEmptyEntry,
    /// An entry ends before it starts.
    #[error("dictionary offsets decrease")]
    Offsets,
    /// The last offset is not the end of the arena.
    #[error("dictionary offsets do not end at its {bytes} bytes")]
    ArenaLength {
        /// Length of the arena.
        bytes: usize,
    },
}

/// A batch cannot grow: a row number or an offset would not fit 32 bits. Nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} of a batch would exceed {max}", max = u32::MAX)]
pub struct Full {
    /// The column or dictionary.
    pub what: &'static str,
}

/// Columns whose parts contradict each other: damaged, or built wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("columns are inconsistent: {what}")]
pub struct Broken {
    /// The part and the rule it breaks.
    pub what: &'static str,
}
