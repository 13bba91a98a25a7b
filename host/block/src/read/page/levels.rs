//! Levels as bytes, for copying rows: slices of them are what a writer takes.

use super::hybrid::{Run, Runs};
use super::{PageError, level_bits};

/// Replaces `out` by `len` levels of at most `max`; nothing for a leaf that has none.
pub(crate) fn decode(src: &[u8], max: u8, len: usize, out: &mut Vec<u8>) -> Result<(), PageError> {
    out.clear();
    let width = level_bits(max);
    if width == 0 {
        return Ok(());
    }
    let mut runs = Runs::new(src, width, len);
    while let Some(run) = runs.next_run()? {
        match run {
            Run::Same { len, value } => out.resize(out.len() + len, value as u8),
            Run::Packed { len, bytes } => match width {
                1 => unpack::<1>(bytes, len, out),
                2 => unpack::<2>(bytes, len, out),
                _ => unpack::<3>(bytes, len, out),
            },
        }
    }
    if runs.left() != 0 {
        return Err(PageError::Truncated("levels"));
    }
    Ok(())
}

fn unpack<const W: usize>(bytes: &[u8], len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    for group in bytes.chunks(W) {
        let packed = group.iter().rev().fold(0, |packed, &byte| packed << 8 | u64::from(byte));
        out.extend_from_slice(&spread::<W>(packed).to_le_bytes());
    }
    out.truncate(end);
}

/// Eight levels of W bits to a byte each: halves, then quarters, then single ones moved apart.
fn spread<const W: usize>(x: u64) -> u64 {
    let ones = |bits: usize| (1u64 << bits) - 1;
    let halves = (x | x << (32 - 4 * W)) & (0x0000_0001_0000_0001 * ones(4 * W));
    let quarters = (halves | halves << (16 - 2 * W)) & (0x0001_0001_0001_0001 * ones(2 * W));
    (quarters | quarters << (8 - W)) & (0x0101_0101_0101_0101 * ones(W))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::page::Planes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_the_levels_of_the_planes(max in 1..=7_u8, runs in prop::collection::vec((0..8_u8, 1..90_usize), 0..40)) {
            let levels: Vec<u8> =
                runs.iter().flat_map(|&(level, n)| std::iter::repeat_n(level.min(max), n)).collect();
            let mut encoded = Vec::new();
            crate::write::levels::encode(&levels, level_bits(max), &mut encoded);
            let mut bytes = Vec::new();
            decode(&encoded, max, levels.len(), &mut bytes).expect("what was encoded");
            prop_assert_eq!(&bytes, &levels);
            let mut planes = Planes::default();
            planes.decode(&encoded, max, levels.len()).expect("what was encoded");
            prop_assert!((0..levels.len()).all(|i| planes.get(i) == levels[i]));
        }
    }

    #[test]
    fn a_section_that_ends_early_is_an_error() {
        assert!(decode(&[2 << 1, 1], 1, 3, &mut Vec::new()).is_err());
    }
}
