//! Strings of one leaf, and their codes in the columns being built.

use crate::read::page::{ByteList, Dictionary};
use cadenza_model::{Code, Dict};
use std::sync::Arc;

/// Marks a reference to `plain` instead of the dictionary. Dictionaries are bounded far below 2³¹ entries.
const PLAIN: u32 = 1 << 31;

/// "Not interned yet".
const UNKNOWN: Code = Code::MAX;

/// Strings in the order of the entries that hold them.
#[derive(Debug, Default)]
pub(crate) struct Text {
    refs: Vec<u32>,
    dictionary: Option<Arc<Dictionary>>,
    /// Strings of pages that are not dictionary-coded.
    plain: Vec<u8>,
    plain_ends: Vec<u32>,
    /// Code in the columns, by dictionary code.
    codes: Vec<Code>,
}

impl Text {
    pub(crate) fn set_dictionary(&mut self, dictionary: Option<Arc<Dictionary>>) {
        self.dictionary = dictionary;
    }

    pub(crate) fn push_code(&mut self, code: u32) {
        self.refs.push(code);
    }

    pub(crate) fn push_plain(&mut self, bytes: &[u8]) {
        self.refs.push(PLAIN | self.plain_ends.len() as u32);
        self.plain.extend_from_slice(bytes);
        self.plain_ends.push(self.plain.len() as u32);
    }

    fn dictionary(&self) -> Option<&ByteList<'static>> {
        match self.dictionary.as_deref() {
            Some(Dictionary::Bytes(list)) => Some(list),
            _ => None,
        }
    }

    /// String `i`; empty beyond the end.
    pub(crate) fn get(&self, i: usize) -> &[u8] {
        match self.refs.get(i) {
            Some(&at) if at & PLAIN != 0 => {
                let at = (at & !PLAIN) as usize;
                let start = if at == 0 { 0 } else { self.plain_ends[at - 1] as usize };
                &self.plain[start..self.plain_ends[at] as usize]
            }
            Some(&code) => self.dictionary().and_then(|list| list.get(code as usize)).unwrap_or_default(),
            None => &[],
        }
    }

    /// The dictionary code of string `i`, if it has one.
    pub(crate) fn code(&self, i: usize) -> Option<u32> {
        self.refs.get(i).copied().filter(|at| at & PLAIN == 0)
    }

    /// The code of string `i` in `dict`, which must be the same one in every call. Tempo cuts long
    /// strings by bytes; what is no longer UTF-8 is repaired.
    pub(crate) fn intern(&mut self, i: usize, dict: &mut Dict) -> Code {
        let Some(at) = self.code(i) else { return intern(dict, self.get(i)) };
        if self.codes.is_empty() {
            let len = self.dictionary().map_or(0, ByteList::len);
            self.codes.resize(len, UNKNOWN);
        }
        match self.codes.get(at as usize) {
            Some(&known) if known != UNKNOWN => known,
            _ => {
                let code = intern(dict, self.get(i));
                if let Some(slot) = self.codes.get_mut(at as usize) {
                    *slot = code;
                }
                code
            }
        }
    }
}

fn intern(dict: &mut Dict, bytes: &[u8]) -> Code {
    match std::str::from_utf8(bytes) {
        Ok(_) => dict.intern(bytes),
        Err(_) => dict.intern(String::from_utf8_lossy(bytes).as_bytes()),
    }
}
