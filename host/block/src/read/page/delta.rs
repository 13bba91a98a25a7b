//! DELTA_BINARY_PACKED, and the two byte array encodings built on it.

use super::{ByteList, PAGE_ENTRIES_MAX, PageError, bits};

/// Deltas of one block; writers use 128 and parquet-go up to 128 as well. Bounds the work of one header.
const BLOCK_VALUES_MAX: u64 = 1 << 16;

const CUT: PageError = PageError::Truncated("delta-packed values");
const BAD: PageError = PageError::Malformed("delta-packed values");

struct Reader<'a> {
    src: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, PageError> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.src.get(self.at).ok_or(CUT)?;
            self.at += 1;
            out |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(out);
            }
        }
        Err(BAD)
    }

    fn zigzag(&mut self) -> Result<i64, PageError> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], PageError> {
        let out = self.src.get(self.at..self.at.saturating_add(len)).ok_or(CUT)?;
        self.at += len;
        Ok(out)
    }
}

/// Decodes all values into `out` (replaced); returns how many bytes they took.
pub(crate) fn decode(src: &[u8], out: &mut Vec<i64>) -> Result<usize, PageError> {
    out.clear();
    let mut reader = Reader { src, at: 0 };
    let block = reader.varint()?;
    let minis = reader.varint()?;
    let total = reader.varint()?;
    let first = reader.zigzag()?;
    if block == 0 || block > BLOCK_VALUES_MAX || minis == 0 || block % minis != 0 || (block / minis) % 8 != 0
    {
        return Err(BAD);
    }
    if total > PAGE_ENTRIES_MAX as u64 {
        let limit = PAGE_ENTRIES_MAX as u64;
        return Err(PageError::TooLarge { what: "delta-packed values", actual: total, limit });
    }
    let (total, per_mini) = (total as usize, (block / minis) as usize);
    if total == 0 {
        return Ok(reader.at);
    }
    out.push(first);
    let mut value = first;
    while out.len() < total {
        let min = reader.zigzag()?;
        let widths = reader.take(minis as usize)?;
        for &width in widths {
            if out.len() == total {
                break;
            }
            let width = u32::from(width);
            if width > 64 {
                return Err(BAD);
            }
            let bytes = reader.take(per_mini * width as usize / 8)?;
            let n = per_mini.min(total - out.len());
            unpack(bytes, width, n, min, &mut value, out);
        }
    }
    Ok(reader.at)
}

/// Deltas unpacked at once: 32 values of `W` bits are exactly `W` words of four bytes.
const UNPACKED: usize = 32;

fn unpack(bytes: &[u8], width: u32, n: usize, min: i64, value: &mut i64, out: &mut Vec<i64>) {
    if width == 0 {
        out.extend((0..n).map(|_| {
            *value = value.wrapping_add(min);
            *value
        }));
        return;
    }
    macro_rules! by_width {
        ($($w:literal)*) => {
            match width {
                $($w => unpack_narrow::<$w>(bytes, n, min, value, out),)*
                _ => out.extend((0..n).map(|i| {
                    *value = value.wrapping_add(min).wrapping_add(bits::get(bytes, width, i) as i64);
                    *value
                })),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
        36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56);
}

/// At most 56 bits lie within the eight bytes that start at their first one; with `W` known, positions and
/// shifts are constants.
fn unpack_narrow<const W: usize>(bytes: &[u8], n: usize, min: i64, value: &mut i64, out: &mut Vec<i64>) {
    let mask = (1u64 << W) - 1;
    let mut block = [0u8; 56 * UNPACKED / 8 + 8];
    let mut deltas = [0u64; UNPACKED];
    let mut left = n;
    for chunk in bytes.chunks(W * UNPACKED / 8) {
        block[..chunk.len()].copy_from_slice(chunk);
        for (i, delta) in deltas.iter_mut().enumerate() {
            let eight = block[i * W / 8..].first_chunk::<8>().map_or(0, |eight| u64::from_le_bytes(*eight));
            *delta = eight >> (i * W % 8) & mask;
        }
        let take = left.min(UNPACKED);
        out.extend(deltas[..take].iter().map(|&delta| {
            *value = value.wrapping_add(min).wrapping_add(delta as i64);
            *value
        }));
        left -= take;
        if left == 0 {
            return;
        }
    }
}

/// DELTA_LENGTH_BYTE_ARRAY: lengths, then the bytes, which are left where they are.
pub(crate) fn decode_lengths<'a>(
    src: &'a [u8],
    numbers: &mut Vec<i64>,
    out: &mut ByteList<'a>,
) -> Result<(), PageError> {
    let at = decode(src, numbers)?;
    let data = src.get(at..).ok_or(CUT)?;
    out.borrow(data);
    let mut end = 0usize;
    for &len in &*numbers {
        let len = usize::try_from(len).map_err(|_| BAD)?;
        let start = end;
        end = end.checked_add(len).filter(|&end| end <= data.len()).ok_or(CUT)?;
        out.push_range(start, end);
    }
    Ok(())
}

/// DELTA_BYTE_ARRAY: each value shares a prefix with the one before.
pub(crate) fn decode_prefixed(
    src: &[u8],
    numbers: &mut Vec<i64>,
    bytes_max: usize,
    out: &mut ByteList<'_>,
) -> Result<(), PageError> {
    let mut prefixes = Vec::new();
    let at = decode(src, &mut prefixes)?;
    let mut suffixes = ByteList::default();
    decode_lengths(src.get(at..).ok_or(CUT)?, numbers, &mut suffixes)?;
    if suffixes.len() != prefixes.len() {
        return Err(BAD);
    }
    let (mut arena, mut ranges) = (Vec::new(), Vec::with_capacity(prefixes.len()));
    let mut before = 0..0usize;
    for (i, &prefix) in prefixes.iter().enumerate() {
        let prefix = usize::try_from(prefix).ok().filter(|&p| p <= before.len()).ok_or(BAD)?;
        let suffix = suffixes.get(i).unwrap_or_default();
        let actual = arena.len() + prefix + suffix.len();
        if actual > bytes_max {
            return Err(PageError::TooLarge {
                what: "prefixed values",
                actual: actual as u64,
                limit: bytes_max as u64,
            });
        }
        let start = arena.len();
        arena.extend_from_within(before.start..before.start + prefix);
        arena.extend_from_slice(suffix);
        before = start..arena.len();
        ranges.push((start as u32, arena.len() as u32));
    }
    out.own(arena, ranges);
    Ok(())
}
