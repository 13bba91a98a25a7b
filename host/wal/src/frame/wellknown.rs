//! Names that stand in the format itself.
//!
//! Half of what a small request would write are the same few attribute keys in every frame. The list is
//! part of format version 1: it never changes, neither in order nor in length, because a frame stores
//! positions in it. Frequent names come first: the first 64 take one byte.

use std::collections::HashMap;
use std::sync::LazyLock;

const LIST: &str = include_str!("wellknown_v1.txt");

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| LIST.lines().collect());

static NUMBERS: LazyLock<HashMap<&'static [u8], u32, foldhash::fast::RandomState>> =
    LazyLock::new(|| (0..).zip(NAMES.iter()).map(|(number, name)| (name.as_bytes(), number)).collect());

/// The number of a well-known name.
pub(crate) fn number(name: &[u8]) -> Option<u32> {
    NUMBERS.get(name).copied()
}

/// The well-known name of a number.
pub(crate) fn name(number: u64) -> Option<&'static str> {
    NAMES.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_version_1_is_for_ever() {
        assert_eq!((NAMES.len(), crc32c::crc32c(LIST.as_bytes())), (622, 1_473_090_800));
        assert_eq!(NUMBERS.len(), NAMES.len(), "a name stands twice");
        assert!(NAMES.iter().all(|name| !name.is_empty()));
    }
}
