//! Repetition and definition levels: Parquet's hybrid of runs and bit-packing, cut to suit readers.
//!
//! A run costs a reader a branch and a header; eight packed levels cost it one table look-up. So only
//! long runs are written as runs. Each call ends without padding, so the bytes of several calls one
//! after another are the levels of one page: siblings share what was encoded once.

/// Shortest run that is written as one. From 16 up both the size after zstd and the time to decode
/// change little; below they get worse.
const RUN_MIN: usize = 32;

/// Bits of a level that is at most `max`.
pub(crate) fn width(max: u8) -> u32 {
    u8::BITS - max.leading_zeros()
}

/// Appends `levels`, each of `width` bits (0 to 3).
pub(crate) fn encode(levels: &[u8], width: u32, out: &mut Vec<u8>) {
    match width {
        0 => {}
        1 => encode_as::<1>(levels, out),
        2 => encode_as::<2>(levels, out),
        3 => encode_as::<3>(levels, out),
        _ => unreachable!("levels of the schema are at most 6"),
    }
}

fn encode_as<const W: u32>(levels: &[u8], out: &mut Vec<u8>) {
    let (mut at, mut packed_from) = (0, 0);
    while levels.len() - at >= 8 {
        let run = run_length(&levels[at..]);
        if run >= RUN_MIN {
            pack::<W>(&levels[packed_from..at], out);
            put_run(levels[at], run, out);
            at += run;
            packed_from = at;
        } else {
            at += 8;
        }
    }
    pack::<W>(&levels[packed_from..at], out);
    while at < levels.len() {
        let run = levels[at..].iter().take_while(|&&level| level == levels[at]).count();
        put_run(levels[at], run, out);
        at += run;
    }
}

/// Length of the run that `levels` starts with; any number below [`RUN_MIN`] when it is too short.
fn run_length(levels: &[u8]) -> usize {
    let first = u64::from(levels[0]) * 0x0101_0101_0101_0101;
    let (groups, tail) = levels.as_chunks::<8>();
    for (i, group) in groups.iter().enumerate() {
        let differs = u64::from_le_bytes(*group) ^ first;
        if differs != 0 {
            return i * 8 + differs.trailing_zeros() as usize / 8;
        }
    }
    groups.len() * 8 + tail.iter().take_while(|&&level| level == levels[0]).count()
}

fn put_run(level: u8, run: usize, out: &mut Vec<u8>) {
    put_varint((run as u64) << 1, out);
    out.push(level);
}

/// A bit-packed run; the number of levels is a multiple of eight.
fn pack<const W: u32>(levels: &[u8], out: &mut Vec<u8>) {
    let (groups, _) = levels.as_chunks::<8>();
    if groups.is_empty() {
        return;
    }
    put_varint((groups.len() as u64) << 1 | 1, out);
    for group in groups {
        let bytes = pack_eight::<W>(u64::from_le_bytes(*group)).to_le_bytes();
        out.extend_from_slice(&bytes[..W as usize]);
    }
}

/// Eight bytes of W bits each, moved together: neighbours, then pairs, then quadruples.
fn pack_eight<const W: u32>(x: u64) -> u64 {
    let pairs = (x | x >> (8 - W)) & (0x0001_0001_0001_0001 * ((1 << (2 * W)) - 1));
    let fours = (pairs | pairs >> (16 - 2 * W)) & (0x0000_0001_0000_0001 * ((1 << (4 * W)) - 1));
    (fours | fours >> (32 - 4 * W)) & ((1 << (8 * W)) - 1)
}

/// Appends an unsigned LEB128 number.
pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes by the specification.
    fn decode(mut bytes: &[u8], width: u32, count: usize) -> Vec<u8> {
        let mut levels = Vec::new();
        while levels.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                levels.extend(std::iter::repeat_n(bytes[0], (header >> 1) as usize));
                bytes = &bytes[1..];
            } else {
                for _ in 0..header >> 1 {
                    let bit = |i: usize| bytes[i / 8] >> (i % 8) & 1;
                    let level =
                        |n: usize| (0..width as usize).map(|b| bit(n * width as usize + b) << b).sum();
                    levels.extend((0..8).map(level).collect::<Vec<u8>>());
                    bytes = &bytes[width as usize..];
                }
            }
        }
        assert!(bytes.is_empty());
        levels
    }

    fn runs() -> impl Strategy<Value = Vec<(u8, usize)>> {
        prop::collection::vec((0..8_u8, prop_oneof![1..4_usize, 1..90_usize]), 0..40)
    }

    proptest! {
        #[test]
        fn decodes_to_what_was_encoded(width in 1..=3_u32, units in prop::collection::vec(runs(), 1..4)) {
            let (mut bytes, mut expect) = (Vec::new(), Vec::new());
            for unit in units {
                let limit = (1 << width) - 1;
                let levels: Vec<u8> =
                    unit.iter().flat_map(|&(level, n)| std::iter::repeat_n(level & limit, n)).collect();
                encode(&levels, width, &mut bytes);
                expect.extend(levels);
            }
            prop_assert_eq!(decode(&bytes, width, expect.len()), expect);
        }
    }

    #[test]
    fn widths_are_those_of_the_maximum() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(width), [0, 1, 2, 2, 3, 3, 3]);
    }
}
