//! Dictionaries of a leaf: values numbered by first use.

use cadenza_model::{Code, Dict};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Bytes of a dictionary page beyond which later pages are PLAIN. A reader decodes the whole page before
/// it can answer about one trace (2 MB compressed cost 7 ms), so the dictionary must not grow with the
/// number of spans; 8 MiB hold every value of a block of typical traffic.
pub(super) const DICTIONARY_BYTES_MAX: usize = 8 << 20;
/// Entries of a dictionary of numbers beyond which later pages are PLAIN: from here on a code is as long
/// as most numbers are after compression.
pub(super) const DICTIONARY_INTS_MAX: usize = 1 << 16;

/// Marks an entry that isn't a code of the source dictionary.
const EXTRA: u32 = 1 << 31;

/// Strings, most of which have a code in the columns' dictionary: no string with a code is hashed.
#[derive(Default)]
pub(crate) struct Strings {
    /// By code of the source: 0 or 1 + our code. Empty until used: unused spares cost nothing.
    by_source: Vec<u32>,
    /// By our code: the source's code, or `EXTRA` and the number of an extra string.
    order: Vec<u32>,
    extras: HashMap<Vec<u8>, u32, RandomState>,
    extra_order: Vec<Vec<u8>>,
    bytes: usize,
}

impl Strings {
    /// Our code of the source's `code`.
    #[inline]
    pub(super) fn code(&mut self, code: Code, dict: &Dict) -> u32 {
        match self.by_source.get(code as usize) {
            Some(&known) if known != 0 => known - 1,
            _ => self.insert(code, dict),
        }
    }

    #[cold]
    fn insert(&mut self, code: Code, dict: &Dict) -> u32 {
        if self.by_source.is_empty() {
            self.by_source = vec![0; dict.len()];
        }
        self.bytes += dict.get(code).len() + 4;
        self.order.push(code);
        self.by_source[code as usize] = self.order.len() as u32;
        self.order.len() as u32 - 1
    }

    /// Our code of a string without a code, such as an element of an array.
    pub(super) fn extra(&mut self, text: &[u8]) -> u32 {
        if let Some(&code) = self.extras.get(text) {
            return code;
        }
        let code = self.order.len() as u32;
        self.bytes += text.len() + 4;
        self.order.push(EXTRA | self.extra_order.len() as u32);
        self.extra_order.push(text.to_vec());
        self.extras.insert(text.to_vec(), code);
        code
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes > DICTIONARY_BYTES_MAX
    }

    /// Appends the PLAIN page.
    pub(super) fn put(&self, dict: &Dict, out: &mut Vec<u8>) {
        out.reserve(self.bytes);
        for &entry in &self.order {
            let text = match entry & EXTRA {
                0 => dict.get(entry),
                _ => &self.extra_order[(entry & !EXTRA) as usize],
            };
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text);
        }
    }
}

/// Numbers.
#[derive(Default)]
pub(crate) struct Ints {
    codes: HashMap<i64, u32, RandomState>,
    order: Vec<i64>,
}

impl Ints {
    #[inline]
    pub(super) fn code(&mut self, number: i64) -> u32 {
        let next = self.order.len() as u32;
        let code = *self.codes.entry(number).or_insert(next);
        if code == next {
            self.order.push(number);
        }
        code
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.order.len() > DICTIONARY_INTS_MAX
    }

    /// Appends the PLAIN page, of numbers of 32 bits (`narrow`) or 64.
    pub(super) fn put(&self, narrow: bool, out: &mut Vec<u8>) {
        if narrow {
            out.extend(self.order.iter().flat_map(|&number| (number as i32).to_le_bytes()));
        } else {
            out.extend(self.order.iter().flat_map(|number| number.to_le_bytes()));
        }
    }
}
