//! Integer columns: minimum, then every value's distance to it in the smallest whole number of bytes.
//!
//! A constant column costs its width byte and its minimum; any row can be read without the others.

use crate::error::Malformed;

/// Longest LEB128 form of a `u64`.
const VARINT_BYTES_MAX: usize = 10;

/// Appends a LEB128 number.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A value a column can hold.
pub(crate) trait Int: Copy {
    /// As the number stored; signed ones keep their bits.
    fn wide(self) -> u64;
}

impl Int for u64 {
    #[inline]
    fn wide(self) -> u64 {
        self
    }
}

impl Int for u32 {
    #[inline]
    fn wide(self) -> u64 {
        u64::from(self)
    }
}

impl Int for i32 {
    #[inline]
    fn wide(self) -> u64 {
        u64::from(self as u32)
    }
}

impl Int for u8 {
    #[inline]
    fn wide(self) -> u64 {
        u64::from(self)
    }
}

/// Appends a column. Its length is not stored: the reader knows it.
#[inline]
pub(crate) fn put_column<T: Int>(out: &mut Vec<u8>, values: &[T]) {
    let (mut min, mut max) = (u64::MAX, 0);
    for value in values {
        min = min.min(value.wide());
        max = max.max(value.wide());
    }
    put_ranged(out, values.iter().map(|value| value.wide()), values.len(), min, max);
}

/// As [`put_column`], for `count` values known to lie in `min..=max` (which may be reversed if there are
/// none).
#[inline]
pub(crate) fn put_ranged(
    out: &mut Vec<u8>,
    values: impl Iterator<Item = u64>,
    count: usize,
    min: u64,
    max: u64,
) {
    let min = min.min(max);
    let width = width_of(max - min);
    out.push(width as u8);
    put_varint(out, min);
    let start = out.len();
    match width {
        0 => {}
        1 => out.extend(values.map(|value| (value - min) as u8)),
        2 => fill::<2>(out, start, count, values, min),
        3 => fill::<3>(out, start, count, values, min),
        4 => fill::<4>(out, start, count, values, min),
        5 => fill::<5>(out, start, count, values, min),
        6 => fill::<6>(out, start, count, values, min),
        7 => fill::<7>(out, start, count, values, min),
        _ => fill::<8>(out, start, count, values, min),
    }
}

#[inline]
fn fill<const W: usize>(
    out: &mut Vec<u8>,
    start: usize,
    count: usize,
    values: impl Iterator<Item = u64>,
    min: u64,
) {
    out.resize(start + count * W, 0);
    for (to, value) in out[start..].chunks_exact_mut(W).zip(values) {
        to.copy_from_slice(&(value - min).to_le_bytes()[..W]);
    }
}

fn width_of(spread: u64) -> usize {
    (64 - spread.leading_zeros() as usize).div_ceil(8)
}

/// Reads what the `put_*` functions wrote. Never panics, never allocates more than what it has seen
/// justifies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed("section is too short"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed("section is too short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for at in 0..VARINT_BYTES_MAX {
            let byte = *self.rest.get(at).ok_or(Malformed("number is cut off"))?;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                if at == VARINT_BYTES_MAX - 1 && byte > 1 {
                    return Err(Malformed("number exceeds 64 bits"));
                }
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(Malformed("number exceeds 64 bits"))
    }

    /// A varint that must not exceed `max`.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, Malformed> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|&count| count <= max)
            .ok_or(Malformed("count exceeds its limit"))
    }

    /// The next column of `count` rows, still packed.
    pub(crate) fn column(&mut self, count: usize) -> Result<Packed<'a>, Malformed> {
        let width = self.byte()? as usize;
        if width > 8 {
            return Err(Malformed("column is wider than 8 bytes"));
        }
        let min = self.varint()?;
        let bytes = count.checked_mul(width).ok_or(Malformed("column is too long"))?;
        Ok(Packed { count, width, min, bytes: self.take(bytes)? })
    }

    /// A column of numbers below `limit`.
    pub(crate) fn codes(&mut self, count: usize, limit: usize) -> Result<Vec<u32>, Malformed> {
        let codes = self.u32s(count)?;
        match codes.iter().max() {
            Some(&max) if max as usize >= limit => Err(Malformed("code is out of range")),
            _ => Ok(codes),
        }
    }

    pub(crate) fn u32s(&mut self, count: usize) -> Result<Vec<u32>, Malformed> {
        let column = self.column(count)?;
        if column.width > 4 || column.min > u64::from(u32::MAX) {
            return Err(Malformed("value exceeds 32 bits"));
        }
        let mut values = Vec::with_capacity(count);
        let mut seen = 0;
        column.each(|value| {
            seen |= value;
            values.push(value as u32);
        });
        if seen > u64::from(u32::MAX) {
            return Err(Malformed("value exceeds 32 bits"));
        }
        Ok(values)
    }

    pub(crate) fn i32s(&mut self, count: usize) -> Result<Vec<i32>, Malformed> {
        Ok(self.u32s(count)?.into_iter().map(|value| value as i32).collect())
    }

    pub(crate) fn bytes_column(&mut self, count: usize) -> Result<Vec<u8>, Malformed> {
        let wide = self.u32s(count)?;
        if wide.iter().any(|&value| value > 255) {
            return Err(Malformed("value exceeds 8 bits"));
        }
        Ok(wide.into_iter().map(|value| value as u8).collect())
    }

    /// A column of counts as running ends, which may sum up to `max`.
    pub(crate) fn ends(&mut self, count: usize, max: usize) -> Result<Vec<u32>, Malformed> {
        let mut ends = self.u32s(count)?;
        let mut sum = 0u64;
        for end in &mut ends {
            sum += u64::from(*end);
            if sum > max as u64 {
                return Err(Malformed("count exceeds its limit"));
            }
            *end = sum as u32;
        }
        Ok(ends)
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("section is too long")) }
    }
}

/// A column as it lies in the section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a> {
    count: usize,
    width: usize,
    min: u64,
    bytes: &'a [u8],
}

impl Packed<'_> {
    /// Visits the values in order. Sums wrap: damage cannot make it panic.
    #[inline]
    pub(crate) fn each(&self, visit: impl FnMut(u64)) {
        match self.width {
            0 => (0..self.count).map(|_| self.min).for_each(visit),
            1 => self.walk::<1>(visit),
            2 => self.walk::<2>(visit),
            3 => self.walk::<3>(visit),
            4 => self.walk::<4>(visit),
            5 => self.walk::<5>(visit),
            6 => self.walk::<6>(visit),
            7 => self.walk::<7>(visit),
            _ => self.walk::<8>(visit),
        }
    }

    #[inline]
    fn walk<const W: usize>(&self, mut visit: impl FnMut(u64)) {
        for chunk in self.bytes.chunks_exact(W) {
            let mut wide = [0; 8];
            wide[..W].copy_from_slice(chunk);
            visit(self.min.wrapping_add(u64::from_le_bytes(wide)));
        }
    }

    /// All values.
    pub(crate) fn to_vec(self) -> Vec<u64> {
        let mut values = Vec::with_capacity(self.count);
        self.each(|value| values.push(value));
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: &[u64]) -> usize {
        let mut out = Vec::new();
        put_column(&mut out, values);
        let mut input = Input::new(&out);
        assert_eq!(input.column(values.len()).unwrap().to_vec(), values);
        input.end().unwrap();
        out.len()
    }

    #[test]
    fn columns_take_the_smallest_whole_byte_width() {
        for (values, bytes) in [
            (vec![], 2),
            (vec![7; 1000], 2),
            (vec![1000, 1255, 1001], 3 + 3),
            (vec![1000, 1256], 3 + 4),
            (vec![0, u64::MAX], 2 + 16),
            (vec![u64::MAX, u64::MAX], 11),
            (vec![1 << 40, (1 << 40) + (1 << 33)], 7 + 10),
        ] {
            assert_eq!(round_trip(&values), bytes, "{values:?}");
        }
    }

    #[test]
    fn damaged_columns_are_refused() {
        assert!(Input::new(&[9, 0]).column(1).is_err(), "width");
        assert!(Input::new(&[4, 0, 1, 2]).column(1).is_err(), "too short");
        assert!(Input::new(&[8, 0]).column(usize::MAX).is_err(), "overflow");
        assert!(Input::new(&[0x80; 10]).varint().is_err(), "endless number");
        assert!(Input::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
        assert!(Input::new(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]).u32s(1).is_err(), "above 32 bits");
        assert!(Input::new(&[0, 5]).codes(1, 5).is_err(), "code");
        assert!(Input::new(&[0, 5]).ends(3, 14).is_err(), "sum");
    }
}
