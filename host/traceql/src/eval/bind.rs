//! A program with its names resolved in one set of columns.

use super::program::{Program, Slot};
use crate::ast::Field;
use cadenza_model::{Attrs, Code, Columns, Dict};

/// Codes of a key; equal keys may have several.
#[derive(Debug)]
pub(super) enum Keys {
    None,
    One(Code),
    Many(Vec<Code>),
}

impl Keys {
    fn of(names: &Dict, key: &str) -> Self {
        let mut codes = names.codes_of(key.as_bytes());
        let Some(first) = codes.next() else { return Self::None };
        let Some(second) = codes.next() else { return Self::One(first) };
        let mut all = vec![first, second];
        all.extend(codes);
        all.sort_unstable();
        Self::Many(all)
    }

    /// Index of the attribute with this key; of several the last one.
    #[inline]
    pub(super) fn find(&self, attrs: &Attrs, owner: usize) -> Option<usize> {
        let range = attrs.of(owner);
        let start = range.start;
        let keys = &attrs.key[range];
        let at = match self {
            Self::None => return None,
            Self::One(code) => keys.iter().rposition(|k| k == code),
            Self::Many(codes) => keys.iter().rposition(|k| codes.binary_search(k).is_ok()),
        };
        at.map(|at| start + at)
    }
}

/// Remembered answers of one leaf: by resource, by scope or by dictionary code.
pub(super) type Memo = Vec<u8>;

/// Not asked yet.
pub(super) const UNKNOWN: u8 = 0;
/// Asked: false.
pub(super) const NO: u8 = 1;
/// Asked: true.
pub(super) const YES: u8 = 2;

/// A program over one set of columns. Not shared: it remembers answers as it goes.
#[derive(Debug)]
pub struct Bound<'a> {
    pub(super) program: &'a Program,
    pub(super) columns: &'a Columns,
    /// By slot.
    pub(super) keys: Vec<Keys>,
    /// By leaf.
    pub(super) memos: Vec<Memo>,
}

impl Program {
    /// Resolves names in `columns`.
    pub fn bind<'a>(&'a self, columns: &'a Columns) -> Bound<'a> {
        let key = |slot: &Slot| match &slot.field {
            Field::Attribute(a) => Keys::of(&columns.names, &a.name),
            Field::Intrinsic(_) => Keys::None,
        };
        Bound {
            program: self,
            columns,
            keys: self.slots.iter().map(key).collect(),
            memos: vec![Memo::new(); self.leaves],
        }
    }
}
