//! Attributes that have a column of their own, back into values.

use super::attrs::{Dicts, values};
use super::cursor::Cursor;
use crate::schema::{Column, Own, Owner, ValueKind};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Code, ValueRef};
use std::ops::Range;

/// A column of its own for one attribute.
pub(crate) struct OwnCursor<'s> {
    own: &'s Own,
    /// Of the key in the columns, once it was needed.
    code: Option<Code>,
    cursor: Cursor<'s>,
}

impl<'s> OwnCursor<'s> {
    pub(crate) fn new(own: &'s Own, cursor: Cursor<'s>) -> Self {
        Self { own, code: None, cursor }
    }

    pub(crate) fn cursor(&mut self) -> &mut Cursor<'s> {
        &mut self.cursor
    }

    /// Passes the next owner's entries; appends its attribute, if it has it, to the list being filled in `out`.
    pub(crate) fn owner(&mut self, owner: Owner, exists: bool, out: &mut Attrs, dicts: &mut Dicts<'_>) {
        let found = values(&mut self.cursor, owner.list().depth() + 1);
        if !exists || found.is_empty() {
            return;
        }
        let (ty, value) = if found.len() > 1 {
            (AttrType::Array, u64::from(dicts.raw.intern(&self.array(found))))
        } else if self.own.column.value_kind() == Some(ValueKind::Int) {
            (AttrType::Int, self.cursor.int_at(found.start).unwrap_or(0) as u64)
        } else {
            let code = self.cursor.code_at(found.start, dicts.values);
            if code == 0 && self.own.column == Column::ServiceName {
                // The service name has no "absent": Tempo stores it as empty.
                return;
            }
            (AttrType::Str, u64::from(code))
        };
        let key = *self.code.get_or_insert_with(|| dicts.names.intern(self.own.key.as_bytes()));
        out.push(key, ty, value);
    }

    fn array(&self, found: Range<usize>) -> Vec<u8> {
        if self.own.column.value_kind() == Some(ValueKind::Int) {
            return any_value::array(found.filter_map(|i| self.cursor.int_at(i)).map(ValueRef::Int));
        }
        let strings: Vec<_> =
            found.map(|i| String::from_utf8_lossy(self.cursor.bytes_at(i)).into_owned()).collect();
        any_value::array(strings.iter().map(|text| ValueRef::Str(text)))
    }
}
