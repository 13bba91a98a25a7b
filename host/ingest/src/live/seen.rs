//! Fingerprints of the span ids a trace already has.
//!
//! They tell a possible second arrival; the frame tells a real one. Kept by trace, so the memory goes
//! with it, and a false suspicion needs two equal fingerprints within one trace.

use cadenza_model::SpanId;
use std::collections::HashSet;

/// Above this many spans a set is cheaper than looking at all of them.
const FEW_MAX: usize = 64;

/// Span ids of one trace, as 32-bit fingerprints.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A list: most traces have a few dozen spans.
    Few(Vec<u32>),
    /// A set.
    Many(HashSet<u32, foldhash::fast::FixedState>),
}

impl Default for Seen {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Mixes an id into 32 bits: ids are often counters or have few random bits.
fn fingerprint(span: SpanId) -> u32 {
    (span.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl Seen {
    /// Notes a span id; false if one with its fingerprint was noted before. `seed` hardens the set
    /// against ids chosen to collide.
    pub(crate) fn insert(&mut self, span: SpanId, seed: u64) -> bool {
        let print = fingerprint(span);
        match self {
            Self::Few(list) if list.contains(&print) => false,
            Self::Few(list) if list.len() < FEW_MAX => {
                list.push(print);
                true
            }
            Self::Few(list) => {
                let mut set = HashSet::with_capacity_and_hasher(
                    2 * FEW_MAX,
                    foldhash::fast::FixedState::with_seed(seed),
                );
                set.extend(list.iter().copied());
                set.insert(print);
                *self = Self::Many(set);
                true
            }
            Self::Many(set) => set.insert(print),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Few(list) => list.capacity() * size_of::<u32>(),
            // A control byte beside each slot.
            Self::Many(set) => set.capacity() * (size_of::<u32>() + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_insert_is_noticed_in_lists_and_sets() {
        let mut seen = Seen::default();
        for id in 1..=1000 {
            assert!(seen.insert(SpanId(id), 7), "{id} is new");
        }
        for id in 1..=1000 {
            assert!(!seen.insert(SpanId(id), 7), "{id} is known");
        }
        assert!(seen.memory_bytes() >= 4000);
    }
}
