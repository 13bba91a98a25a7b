//! Value encodings: dictionary codes, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, bits.

use super::levels::put_varint;

/// Shortest run of one code that is written as a run.
const RUN_MIN: usize = 16;
/// Values per block of a delta encoding.
const BLOCK: usize = 128;
/// Values per miniblock, which share a bit width.
const MINI: usize = 32;

/// Bits per code for codes up to `max`.
///
/// Whole bytes where they cost nothing after compression: attributes repeat in sequences, and zstd finds
/// repeated bytes, not repeated bits.
pub(super) fn code_width(max: u32) -> u32 {
    let bits = u32::BITS - max.leading_zeros();
    if bits <= 2 { bits } else { bits.next_multiple_of(8) }
}

/// Appends a page's codes: the width, then runs and packed groups.
pub(super) fn put_codes(codes: &[u32], out: &mut Vec<u8>) {
    let width = code_width(codes.iter().copied().max().unwrap_or(0));
    out.push(width as u8);
    let (mut at, mut packed_from) = (0, 0);
    while codes.len() - at >= 8 {
        let run = codes[at..].iter().take_while(|&&code| code == codes[at]).count();
        if run >= RUN_MIN {
            pack(&codes[packed_from..at], width, out);
            put_run(codes[at], run, width, out);
            at += run;
            packed_from = at;
        } else {
            at += 8;
        }
    }
    pack(&codes[packed_from..at], width, out);
    while at < codes.len() {
        let run = codes[at..].iter().take_while(|&&code| code == codes[at]).count();
        put_run(codes[at], run, width, out);
        at += run;
    }
}

fn put_run(code: u32, run: usize, width: u32, out: &mut Vec<u8>) {
    put_varint((run as u64) << 1, out);
    out.extend_from_slice(&code.to_le_bytes()[..width.div_ceil(8) as usize]);
}

fn pack(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    put_varint((codes.len() as u64 / 8) << 1 | 1, out);
    match width {
        8 => out.extend(codes.iter().map(|&code| code as u8)),
        16 => out.extend(codes.iter().flat_map(|&code| (code as u16).to_le_bytes())),
        24 => out.extend(codes.iter().flat_map(|&code| {
            let [a, b, c, _] = code.to_le_bytes();
            [a, b, c]
        })),
        _ => put_bits(codes.iter().map(|&code| u64::from(code)), width, out),
    }
}

/// Packs numbers of `width` bits (up to 64), lowest bit first; the last byte is filled up with zeros.
fn put_bits(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut bits) = (0_u128, 0);
    for number in numbers {
        word |= u128::from(number) << bits;
        bits += width;
        while bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            bits -= 32;
        }
    }
    let rest = word.to_le_bytes();
    out.extend_from_slice(&rest[..bits.div_ceil(8) as usize]);
}

/// Appends booleans (0 or 1) as bits.
pub(super) fn put_bools(bools: &[u8], out: &mut Vec<u8>) {
    let (groups, tail) = bools.as_chunks::<8>();
    // The product gathers the lowest bit of each byte in the top byte, the first one lowest.
    let pack = |group: u64| (group.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    out.extend(groups.iter().map(|group| pack(u64::from_le_bytes(*group))));
    if !tail.is_empty() {
        let mut group = [0; 8];
        group[..tail.len()].copy_from_slice(tail);
        out.push(pack(u64::from_le_bytes(group)));
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// Appends DELTA_BINARY_PACKED numbers of 64 bits, or of 32 bits (`narrow`), which wrap at their width.
pub(super) fn put_delta(numbers: &[i64], narrow: bool, out: &mut Vec<u8>) {
    put_varint(BLOCK as u64, out);
    put_varint((BLOCK / MINI) as u64, out);
    put_varint(numbers.len() as u64, out);
    put_varint(zigzag(numbers.first().copied().unwrap_or(0)), out);
    let wrap = |number: i64| if narrow { i64::from(number as i32) } else { number };
    let mask = if narrow { u64::from(u32::MAX) } else { u64::MAX };
    let mut deltas = [0; BLOCK];
    let mut at = 1;
    while at < numbers.len() {
        let count = BLOCK.min(numbers.len() - at);
        for (i, delta) in deltas[..count].iter_mut().enumerate() {
            *delta = wrap(numbers[at + i].wrapping_sub(numbers[at + i - 1]));
        }
        at += count;
        let least = deltas[..count].iter().copied().min().unwrap_or(0);
        put_varint(zigzag(least), out);
        let above = deltas.map(|delta| delta.wrapping_sub(least) as u64 & mask);
        let minis = above[..count].chunks(MINI);
        let widths = minis.clone().map(|mini| {
            let max = mini.iter().fold(0, |all, &n| all | n);
            u64::BITS - max.leading_zeros()
        });
        let widths_at = out.len();
        out.extend([0; BLOCK / MINI]);
        for (i, (mini, width)) in minis.zip(widths).enumerate() {
            out[widths_at + i] = width as u8;
            let padding = std::iter::repeat_n(0, MINI - mini.len());
            if width > 0 {
                put_bits(mini.iter().copied().chain(padding), width, out);
            }
        }
    }
}

/// Appends DELTA_LENGTH_BYTE_ARRAY strings: their lengths, then their bytes.
pub(super) fn put_delta_length(lengths: &[i64], bytes: &[u8], out: &mut Vec<u8>) {
    put_delta(lengths, true, out);
    out.extend_from_slice(bytes);
}
