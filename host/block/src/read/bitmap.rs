//! Sets of rows, spans and other slots.

use super::page::planes::fill;

/// A fixed-size bit set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// Nothing set.
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Everything set.
    pub(crate) fn full(len: usize) -> Self {
        let mut out = Self::new(len);
        out.set_range(0, len);
        out
    }

    pub(crate) fn set(&mut self, i: usize) {
        self.words[i / 64] |= 1 << (i % 64);
    }

    pub(crate) fn get(&self, i: usize) -> bool {
        self.words[i / 64] >> (i % 64) & 1 == 1
    }

    pub(crate) fn set_range(&mut self, from: usize, to: usize) {
        fill(&mut self.words, from, to);
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.words.iter().map(|word| word.count_ones() as usize).sum::<usize>() == self.len
    }

    /// Whether any bit in `from..to` is set.
    pub(crate) fn any(&self, from: usize, to: usize) -> bool {
        self.next_one(from).is_some_and(|at| at < to)
    }

    /// The first set bit at or after `i`.
    pub(crate) fn next_one(&self, i: usize) -> Option<usize> {
        if i >= self.len {
            return None;
        }
        let rest = self.words[i / 64] & u64::MAX << (i % 64);
        if rest != 0 {
            return Some(i / 64 * 64 + rest.trailing_zeros() as usize);
        }
        let skip = self.words[i / 64 + 1..].iter().position(|&word| word != 0)?;
        let at = i / 64 + 1 + skip;
        Some(at * 64 + self.words[at].trailing_zeros() as usize)
    }

    /// The set bits in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.next_one(0), |&at| self.next_one(at + 1))
    }
}
