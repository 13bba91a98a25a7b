//! Byte strings of a page or dictionary: ranges in one buffer.

use super::PageError;
use std::borrow::Cow;

/// Byte strings that lie in one buffer.
#[derive(Debug, Default, Clone)]
pub(crate) struct ByteList<'a> {
    data: Cow<'a, [u8]>,
    ranges: Vec<(u32, u32)>,
}

impl<'a> ByteList<'a> {
    /// Empties the list and makes `data` its buffer.
    pub(crate) fn borrow(&mut self, data: &'a [u8]) {
        self.data = Cow::Borrowed(data);
        self.ranges.clear();
    }

    /// Replaces the whole list.
    pub(crate) fn own(&mut self, data: Vec<u8>, ranges: Vec<(u32, u32)>) {
        self.data = Cow::Owned(data);
        self.ranges = ranges;
    }

    /// Adds the string `start..end` of the buffer, which the caller has checked to lie inside.
    pub(crate) fn push_range(&mut self, start: usize, end: usize) {
        self.ranges.push((start as u32, end as u32));
    }

    /// PLAIN: each string behind its length. Decodes at most `count`.
    pub(crate) fn decode_plain(&mut self, src: &'a [u8], count: usize) -> Result<(), PageError> {
        let cut = PageError::Truncated("byte arrays");
        self.borrow(src);
        let mut at = 0usize;
        while at < src.len() && self.ranges.len() < count {
            let len = src.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(cut.clone())?;
            let start = at + 4;
            let end = start + u32::from_le_bytes(*len) as usize;
            if end > src.len() {
                return Err(cut);
            }
            self.push_range(start, end);
            at = end;
        }
        Ok(())
    }

    /// Number of strings.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// String `i`.
    pub(crate) fn get(&self, i: usize) -> Option<&[u8]> {
        let &(start, end) = self.ranges.get(i)?;
        self.data.get(start as usize..end as usize)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges
            .iter()
            .map(|&(start, end)| self.data.get(start as usize..end as usize).unwrap_or_default())
    }

    /// The same list with a buffer of its own.
    pub(crate) fn into_owned(self) -> ByteList<'static> {
        ByteList { data: Cow::Owned(self.data.into_owned()), ranges: self.ranges }
    }

    /// Heap bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.data.len() + self.ranges.len() * 8
    }
}
