//! Generic attributes: seven leaves walked in step, back into one list per owner.

use super::cursor::Cursor;
use super::unsupported;
use crate::read::ReadError;
use crate::read::projection::Keys;
use crate::schema::{Owner, ValueKind};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Dict, ValueRef};
use std::ops::Range;

/// The leaves of one owner's attributes.
#[derive(Debug)]
pub(crate) struct AttrCursor<'s> {
    depth: u8,
    keys: Keys,
    /// Whether the key is wanted, by dictionary code: 0 unknown, 1 no, 2 yes.
    wanted: Vec<u8>,
    pub(crate) key: Cursor<'s>,
    pub(crate) is_array: Cursor<'s>,
    pub(crate) strings: Cursor<'s>,
    pub(crate) ints: Cursor<'s>,
    pub(crate) doubles: Cursor<'s>,
    pub(crate) bools: Cursor<'s>,
    pub(crate) unsupported: Cursor<'s>,
}

/// The dictionaries that attribute codes refer to.
pub(crate) struct Dicts<'a> {
    pub(crate) names: &'a mut Dict,
    pub(crate) values: &'a mut Dict,
    pub(crate) raw: &'a mut Dict,
}

/// Numbers of an attribute's values in the four lists.
struct Found {
    is_array: bool,
    strings: Range<usize>,
    ints: Range<usize>,
    doubles: Range<usize>,
    bools: Range<usize>,
    unsupported: Option<usize>,
}

impl<'s> AttrCursor<'s> {
    pub(crate) fn new(
        owner: Owner,
        keys: Keys,
        mut cursor: impl FnMut(crate::schema::Column) -> Cursor<'s>,
    ) -> Self {
        use crate::schema::Column::{AttrIsArray, AttrKey, AttrUnsupported, AttrValue};
        Self {
            depth: owner.list().depth(),
            keys,
            wanted: Vec::new(),
            key: cursor(AttrKey(owner)),
            is_array: cursor(AttrIsArray(owner)),
            strings: cursor(AttrValue(owner, ValueKind::Str)),
            ints: cursor(AttrValue(owner, ValueKind::Int)),
            doubles: cursor(AttrValue(owner, ValueKind::Double)),
            bools: cursor(AttrValue(owner, ValueKind::Bool)),
            unsupported: cursor(AttrUnsupported(owner)),
        }
    }

    fn all(&mut self) -> [&mut Cursor<'s>; 7] {
        [
            &mut self.key,
            &mut self.is_array,
            &mut self.strings,
            &mut self.ints,
            &mut self.doubles,
            &mut self.bools,
            &mut self.unsupported,
        ]
    }

    pub(crate) fn end_row(&mut self) -> Result<(), ReadError> {
        self.all().into_iter().try_for_each(Cursor::end_row)
    }

    /// Passes the entry that stands for an owner which does not exist.
    pub(crate) fn skip_placeholder(&mut self) {
        for cursor in self.all() {
            cursor.step();
        }
    }

    /// Appends the attributes of the next owner to the list being filled in `out`.
    pub(crate) fn owner(&mut self, out: &mut Attrs, dicts: &mut Dicts<'_>) {
        if !self.key.is_read() {
            return;
        }
        if self.key.def() <= self.depth {
            self.skip_placeholder();
            return;
        }
        loop {
            let key = self.key.step();
            let found = Found {
                is_array: self.is_array.step().and_then(|i| self.is_array.bool_at(i)).unwrap_or(false),
                strings: values(&mut self.strings, self.depth + 2),
                ints: values(&mut self.ints, self.depth + 2),
                doubles: values(&mut self.doubles, self.depth + 2),
                bools: values(&mut self.bools, self.depth + 2),
                unsupported: self.unsupported.step(),
            };
            if let Some(key) = key
                && self.is_wanted(key)
            {
                let code = self.key.code_at(key, dicts.names);
                let (ty, val) = self.value(&found, dicts);
                out.push(code, ty, val);
            }
            if self.key.rep() != self.depth + 1 {
                return;
            }
        }
    }

    fn is_wanted(&mut self, key: usize) -> bool {
        let Keys::Some(keys) = &self.keys else { return true };
        let wanted = || {
            let text = String::from_utf8_lossy(self.key.bytes_at(key));
            keys.contains(&*text)
        };
        let Some(code) = self.key.text().and_then(|text| text.code(key)) else { return wanted() };
        let code = code as usize;
        if self.wanted.len() <= code {
            self.wanted.resize(code + 1, 0);
        }
        if self.wanted[code] == 0 {
            self.wanted[code] = 1 + u8::from(wanted());
        }
        self.wanted[code] == 2
    }

    fn value(&mut self, found: &Found, dicts: &mut Dicts<'_>) -> (AttrType, u64) {
        let count = found.strings.len() + found.ints.len() + found.doubles.len() + found.bools.len();
        if found.is_array || count > 1 {
            let encoded = self.array(found);
            return (AttrType::Array, u64::from(dicts.raw.intern(&encoded)));
        }
        let (strings, ints, doubles, bools) =
            (found.strings.start, found.ints.start, found.doubles.start, found.bools.start);
        if !found.strings.is_empty() {
            return (AttrType::Str, u64::from(self.strings.code_at(strings, dicts.values)));
        }
        if !found.ints.is_empty() {
            return (AttrType::Int, self.ints.int_at(ints).unwrap_or(0) as u64);
        }
        if !found.doubles.is_empty() {
            return (AttrType::Double, self.doubles.double_at(doubles).unwrap_or(0.0).to_bits());
        }
        if !found.bools.is_empty() {
            return (AttrType::Bool, u64::from(self.bools.bool_at(bools).unwrap_or(false)));
        }
        match found.unsupported {
            Some(json) => unsupported_value(self.unsupported.bytes_at(json), dicts),
            None => (AttrType::Empty, 0),
        }
    }

    fn array(&self, found: &Found) -> Vec<u8> {
        let strings: Vec<_> =
            found.strings.clone().map(|i| String::from_utf8_lossy(self.strings.bytes_at(i))).collect();
        let elements = strings
            .iter()
            .map(|text| ValueRef::Str(text))
            .chain(found.ints.clone().filter_map(|i| self.ints.int_at(i)).map(ValueRef::Int))
            .chain(found.doubles.clone().filter_map(|i| self.doubles.double_at(i)).map(ValueRef::Double))
            .chain(found.bools.clone().filter_map(|i| self.bools.bool_at(i)).map(ValueRef::Bool));
        any_value::array(elements)
    }
}

/// Passes the next entry and those that repeat it at level `rep`; the numbers of their values.
pub(crate) fn values(list: &mut Cursor<'_>, rep: u8) -> Range<usize> {
    let mut out: Option<Range<usize>> = None;
    loop {
        if let Some(value) = list.step() {
            match &mut out {
                Some(range) => range.end = value + 1,
                None => out = Some(value..value + 1),
            }
        }
        if list.rep() != rep {
            return out.unwrap_or(0..0);
        }
    }
}

fn unsupported_value(json: &[u8], dicts: &mut Dicts<'_>) -> (AttrType, u64) {
    let (ty, encoded) = unsupported::decode(json);
    match ty {
        AttrType::Array | AttrType::Map | AttrType::Bytes => (ty, u64::from(dicts.raw.intern(&encoded))),
        _ => match any_value::value(&encoded) {
            ValueRef::Str(text) => (AttrType::Str, u64::from(dicts.values.intern(text.as_bytes()))),
            ValueRef::Int(number) => (AttrType::Int, number as u64),
            ValueRef::Double(number) => (AttrType::Double, number.to_bits()),
            ValueRef::Bool(flag) => (AttrType::Bool, u64::from(flag)),
            ValueRef::Absent | ValueRef::Empty => (AttrType::Empty, 0),
            ValueRef::Array(_) | ValueRef::Map(_) | ValueRef::Bytes(_) => {
                (ty, u64::from(dicts.raw.intern(&encoded)))
            }
        },
    }
}
