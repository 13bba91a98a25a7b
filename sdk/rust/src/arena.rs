//! Strings as they stand in the lists that a batch or the edits of a call are made of.

use std::ops::Range;

/// Strings of an arena.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texts<'a> {
    ends: &'a [u32],
    data: &'a [u8],
    /// All of `data`, if it has been looked at as a whole, which costs less than string by string.
    text: &'a str,
}

impl<'a> Texts<'a> {
    /// Those that end there; their text begins with `bytes`.
    pub(crate) fn new(ends: &'a [u32], bytes: &'a [u8]) -> Self {
        let data = ends.last().map_or(&[][..], |&end| &bytes[..end as usize]);
        Self { ends, data, text: "" }
    }

    /// The same, where most of them will be asked for.
    pub(crate) fn checked(self) -> Self {
        if self.data.is_empty() {
            return self;
        }
        Self { text: std::str::from_utf8(self.data).unwrap_or_default(), ..self }
    }

    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    fn range(self, index: u32) -> Range<usize> {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        start..self.ends[index] as usize
    }

    pub(crate) fn blob(self, index: u32) -> &'a [u8] {
        &self.data[self.range(index)]
    }

    /// The server has checked the text; were it not UTF-8, it would be seen as empty, never as something else.
    pub(crate) fn get(self, index: u32) -> &'a str {
        self.text(index).unwrap_or_default()
    }

    /// Nothing for bytes that are no text.
    pub(crate) fn text(self, index: u32) -> Option<&'a str> {
        if self.text.is_empty() {
            return std::str::from_utf8(self.blob(index)).ok();
        }
        self.text.get(self.range(index))
    }
}

/// Takes so many items off the front of a list.
pub(crate) fn take<'a, T>(list: &mut &'a [T], count: u32) -> &'a [T] {
    let (taken, left) = list.split_at(count as usize);
    *list = left;
    taken
}
