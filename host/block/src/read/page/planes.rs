//! Levels as bit planes: bit `i` of plane `p` is bit `p` of level `i`.
//!
//! All levels of the schema fit three bits, so a question about levels ("does a row start here?") is two
//! operations per 64 entries. Counting bits per word gives rank and select, which replace offset arrays.

use super::hybrid::{Run, Runs};
use super::{LEVEL_MAX, PageError, level_bits};

/// The levels of a page.
#[derive(Debug, Default, Clone)]
pub(crate) struct Planes {
    planes: [Vec<u64>; 3],
    len: usize,
}

impl Planes {
    /// Replaces the content by `len` levels of at most `max`; an empty section stands for zeros.
    pub(crate) fn decode(&mut self, src: &[u8], max: u8, len: usize) -> Result<(), PageError> {
        debug_assert!(max <= LEVEL_MAX, "levels have three planes");
        self.len = len;
        let words = len.div_ceil(64) + 1;
        for plane in &mut self.planes {
            plane.clear();
            plane.resize(words, 0);
        }
        let width = level_bits(max);
        if width == 0 {
            return Ok(());
        }
        let mut runs = Runs::new(src, width, len);
        while let Some(run) = runs.next_run()? {
            match run {
                Run::Same { len, value } => {
                    let end = self.len - runs.left();
                    for (p, plane) in self.planes.iter_mut().enumerate() {
                        if value >> p & 1 == 1 {
                            fill(plane, end - len, end);
                        }
                    }
                }
                Run::Packed { len, bytes } => {
                    let at = self.len - runs.left() - len;
                    match width {
                        1 => self.packed_1(bytes, at, len),
                        2 => self.packed_2(bytes, at, len),
                        _ => self.packed_3(bytes, at, len),
                    }
                }
            }
        }
        if runs.left() != 0 {
            return Err(PageError::Truncated("levels"));
        }
        Ok(())
    }

    fn packed_1(&mut self, bytes: &[u8], at: usize, len: usize) {
        for (i, bytes) in bytes.chunks(8).enumerate() {
            let n = len.saturating_sub(i * 64).min(64);
            put(&mut self.planes[0], at + i * 64, word(bytes), n);
        }
    }

    fn packed_2(&mut self, bytes: &[u8], at: usize, len: usize) {
        for (i, bytes) in bytes.chunks(8).enumerate() {
            let n = len.saturating_sub(i * 32).min(32);
            let word = word(bytes);
            put(&mut self.planes[0], at + i * 32, every_second(word), n);
            put(&mut self.planes[1], at + i * 32, every_second(word >> 1), n);
        }
    }

    /// Eight levels are three bytes, and each byte says which bits it adds to the three planes.
    fn packed_3(&mut self, bytes: &[u8], at: usize, len: usize) {
        let [first, second, third] = &THIRDS;
        for (i, bytes) in bytes.chunks(24).enumerate() {
            let n = len.saturating_sub(i * 64).min(64);
            let mut words = [0u64; 3];
            for (group, bytes) in bytes.chunks(3).enumerate() {
                let byte = |i: usize| usize::from(bytes.get(i).copied().unwrap_or(0));
                let bits = first[byte(0)] | second[byte(1)] | third[byte(2)];
                for (p, word) in words.iter_mut().enumerate() {
                    *word |= u64::from(bits >> (8 * p) & 0xff) << (8 * group);
                }
            }
            for (plane, word) in self.planes.iter_mut().zip(words) {
                put(plane, at + i * 64, word, n);
            }
        }
    }

    /// Level `i`.
    pub(crate) fn get(&self, i: usize) -> u8 {
        let bit = |p: usize| (self.planes[p][i / 64] >> (i % 64) & 1) as u8;
        bit(0) | bit(1) << 1 | bit(2) << 2
    }

    /// Marks the entries whose level is at most `max`.
    pub(crate) fn at_most(&self, max: u8, out: &mut Ranked) {
        let [a, b, c] = &self.planes;
        let words = a.iter().zip(b).zip(c).map(|((a, b), c)| (*a, *b, *c));
        match max {
            0 => out.fill(self.len, words.map(|(a, b, c)| !(a | b | c))),
            1 => out.fill(self.len, words.map(|(_, b, c)| !(b | c))),
            2 => out.fill(self.len, words.map(|(a, b, c)| !(c | a & b))),
            3 => out.fill(self.len, words.map(|(_, _, c)| !c)),
            4 => out.fill(self.len, words.map(|(a, b, c)| !(c & (a | b)))),
            5 => out.fill(self.len, words.map(|(_, b, c)| !(c & b))),
            6 => out.fill(self.len, words.map(|(a, b, c)| !(a & b & c))),
            _ => out.fill(self.len, words.map(|_| u64::MAX)),
        }
    }

    /// Marks the entries with exactly this level.
    pub(crate) fn equal(&self, level: u8, out: &mut Ranked) {
        let flip = |p: u8| if level >> p & 1 == 1 { 0 } else { u64::MAX };
        let (fa, fb, fc) = (flip(0), flip(1), flip(2));
        let [a, b, c] = &self.planes;
        let words = a.iter().zip(b).zip(c);
        out.fill(self.len, words.map(|((a, b), c)| (a ^ fa) & (b ^ fb) & (c ^ fc)));
    }
}

/// Up to eight bytes, little-endian.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// Bits 0, 2, 4 … moved together.
fn every_second(word: u64) -> u64 {
    let mut x = word & 0x5555_5555_5555_5555;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff;
    x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    (x | x >> 16) & 0xffff_ffff
}

/// By byte of a group of three and its value: the bits of eight levels, a byte for each plane.
static THIRDS: [[u32; 256]; 3] = thirds();

const fn thirds() -> [[u32; 256]; 3] {
    let mut out = [[0; 256]; 3];
    let mut at = 0;
    while at < 3 * 256 * 8 {
        let (byte, value, bit) = (at / (256 * 8), at / 8 % 256, at % 8);
        let packed = byte * 8 + bit;
        if value >> bit & 1 == 1 {
            out[byte][value] |= 1 << (packed % 3 * 8 + packed / 3);
        }
        at += 1;
    }
    out
}

/// Writes the lowest `n` bits of `bits` at position `at`; the target bits are zero.
fn put(plane: &mut [u64], at: usize, bits: u64, n: usize) {
    if n == 0 {
        return;
    }
    let bits = bits & (u64::MAX >> (64 - n));
    let (word, shift) = (at / 64, at % 64);
    plane[word] |= bits << shift;
    if shift + n > 64 {
        plane[word + 1] |= bits >> (64 - shift);
    }
}

/// Sets the bits `from..to`.
pub(crate) fn fill(plane: &mut [u64], from: usize, to: usize) {
    if from >= to {
        return;
    }
    let (first, last) = (from / 64, (to - 1) / 64);
    let head = u64::MAX << (from % 64);
    let tail = u64::MAX >> (63 - (to - 1) % 64);
    if first == last {
        plane[first] |= head & tail;
        return;
    }
    plane[first] |= head;
    plane[first + 1..last].fill(u64::MAX);
    plane[last] |= tail;
}

/// Words that [`Ranked::select_next`] walks before it searches.
const SELECT_STEPS: usize = 8;

/// A bit set with rank and select.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ranked {
    words: Vec<u64>,
    /// Ones in front of each word.
    before: Vec<u32>,
    len: usize,
    ones: usize,
}

impl Ranked {
    /// Replaces the content by the first `len` bits of `words`.
    pub(crate) fn fill(&mut self, len: usize, words: impl Iterator<Item = u64>) {
        self.words.clear();
        self.words.extend(words.take(len.div_ceil(64)));
        if !len.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (64 - len % 64);
        }
        self.len = len;
        self.before.clear();
        let mut ones = 0;
        for word in &self.words {
            self.before.push(ones);
            ones += word.count_ones();
        }
        self.ones = ones as usize;
    }

    /// Number of ones.
    pub(crate) fn ones(&self) -> usize {
        self.ones
    }

    /// Ones in front of position `i`.
    pub(crate) fn rank(&self, i: usize) -> usize {
        match self.words.get(i / 64) {
            Some(word) => {
                let below = word & !(u64::MAX << (i % 64));
                self.before[i / 64] as usize + below.count_ones() as usize
            }
            None => self.ones,
        }
    }

    /// Position of the one with `k` ones in front; the length if there is none.
    pub(crate) fn select(&self, k: usize) -> usize {
        if k >= self.ones {
            return self.len;
        }
        let word = self.before.partition_point(|&before| before as usize <= k) - 1;
        word * 64 + select_in(self.words[word], k - self.before[word] as usize)
    }

    /// [`Self::select`] for ascending `k`: `hint`, 0 at first, is where the last search ended.
    pub(crate) fn select_next(&self, k: usize, hint: &mut usize) -> usize {
        if k >= self.ones {
            return self.len;
        }
        let mut word = *hint;
        debug_assert!(self.before[word] as usize <= k, "asked in ascending order");
        // As a rule the next one is in this word or the one behind it.
        let mut steps = 0;
        while self.before.get(word + 1).is_some_and(|&before| before as usize <= k) {
            word += 1;
            steps += 1;
            if steps == SELECT_STEPS {
                word += self.before[word..].partition_point(|&before| before as usize <= k) - 1;
                break;
            }
        }
        *hint = word;
        word * 64 + select_in(self.words[word], k - self.before[word] as usize)
    }

    /// The next one at or after `i`; the length if there is none.
    pub(crate) fn next_one(&self, i: usize) -> usize {
        let Some(&word) = self.words.get(i / 64) else { return self.len };
        let rest = word & u64::MAX << (i % 64);
        if rest != 0 {
            return i / 64 * 64 + rest.trailing_zeros() as usize;
        }
        let next = self.words[i / 64 + 1..].iter().position(|&word| word != 0);
        next.map_or(self.len, |skip| {
            let at = i / 64 + 1 + skip;
            at * 64 + self.words[at].trailing_zeros() as usize
        })
    }
}

/// Position of the one with `k` ones below it; there is one.
fn select_in(mut word: u64, mut k: usize) -> usize {
    let mut base = 0;
    for half in [32, 16, 8] {
        let low = (word & ((1 << half) - 1)).count_ones() as usize;
        if k >= low {
            k -= low;
            word >>= half;
            base += half;
        }
    }
    for _ in 0..k {
        word &= word - 1;
    }
    base + word.trailing_zeros() as usize
}
