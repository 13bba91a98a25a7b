//! A dictionary of byte strings: an arena, end offsets and a hash index.

/// A position in a [`Dict`]. Code 0 is always the empty string.
pub type Code = u32;

/// Byte strings by code, interned while being filled.
///
/// Entries may repeat: interning gives up after a bounded number of probes, so hostile keys cannot make
/// it quadratic. Readers must not assume that two codes mean two strings.
#[derive(Debug, Clone)]
pub struct Dict {
    arena: Vec<u8>,
    ends: Vec<u32>,
    slots: Vec<u64>,
}
