//! The lists that a batch or the edits of a call are made of, and slices of them.

use crate::types::{Arena, Slice, Strings};

fn slice<T>(list: &[T], slice: Slice) -> &[T] {
    &list[slice.start as usize..][..slice.len as usize]
}

pub(crate) fn numbers(arena: &Arena, at: Slice) -> &[u32] {
    slice(&arena.numbers, at)
}

pub(crate) fn longs(arena: &Arena, at: Slice) -> &[i64] {
    slice(&arena.longs, at)
}

pub(crate) fn bytes(arena: &Arena, at: Slice) -> &[u8] {
    slice(&arena.bytes, at)
}

/// Strings of an arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    ends: &'a [u32],
    data: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(crate) fn new(arena: &'a Arena, strings: Strings) -> Self {
        Self { ends: numbers(arena, strings.ends), data: bytes(arena, strings.data) }
    }

    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    pub(crate) fn blob(self, index: u32) -> &'a [u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.data[start..self.ends[index] as usize]
    }

    /// The server has checked the text; were it not UTF-8, it would be seen as empty, never as something else.
    pub(crate) fn get(self, index: u32) -> &'a str {
        std::str::from_utf8(self.blob(index)).unwrap_or_default()
    }
}

/// Appends to a list and says where.
pub(crate) fn put<T>(list: &mut Vec<T>, items: impl Iterator<Item = T>) -> Slice {
    let start = list.len();
    list.extend(items);
    Slice { start: start as u32, len: (list.len() - start) as u32 }
}
