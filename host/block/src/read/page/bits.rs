//! Bit-packed integers: little-endian, values back to back.

use super::PageError;

/// Appends `count` values of `width` bits (at most 32) from `src`, which holds whole groups of eight.
pub(crate) fn unpack_u32(src: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Result<(), PageError> {
    macro_rules! by_width {
        ($($w:literal)*) => {
            match width {
                0 => out.resize(out.len() + count, 0),
                $($w => unpack::<$w>(src, count, out),)*
                _ => return Err(PageError::Malformed("bit width")),
            }
        };
    }
    if src.len() < (count * width as usize).div_ceil(8) {
        return Err(PageError::Truncated("bit-packed values"));
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    Ok(())
}

/// 32 values are exactly `W` words: with `W` known, the shifts are constants.
fn unpack<const W: usize>(src: &[u8], count: usize, out: &mut Vec<u32>) {
    let mask = if W == 32 { u32::MAX } else { (1 << W) - 1 };
    let mut left = count;
    let mut words = [0u32; 33];
    let mut block = [0u32; 32];
    for bytes in src.chunks(W * 4) {
        if left == 0 {
            break;
        }
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(4)) {
            *word = match bytes.first_chunk::<4>() {
                Some(four) => u32::from_le_bytes(*four),
                None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)),
            };
        }
        for (i, value) in block.iter_mut().enumerate() {
            let (word, shift) = (i * W / 32, i * W % 32);
            let wide = u64::from(words[word]) | u64::from(words[word + 1]) << 32;
            *value = (wide >> shift) as u32 & mask;
        }
        let n = left.min(32);
        out.extend_from_slice(&block[..n]);
        left -= n;
    }
}

/// Value `index` of `width` bits (at most 64) in `src`; bytes beyond the end count as zero.
pub(crate) fn get(src: &[u8], width: u32, index: usize) -> u64 {
    if width == 0 {
        return 0;
    }
    let bit = index * width as usize;
    let (byte, shift) = (bit / 8, bit % 8);
    let mut window = [0u8; 16];
    let from = src.get(byte..).unwrap_or_default();
    let n = from.len().min(9);
    window[..n].copy_from_slice(&from[..n]);
    let wide = u128::from_le_bytes(window) >> shift;
    wide as u64 & (u64::MAX >> (64 - width))
}
