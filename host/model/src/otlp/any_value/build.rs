//! Encoding values.

use super::{BOOL, DOUBLE, INT};
use crate::ValueRef;
use crate::otlp::wire::{put_bytes, put_varint};

/// Appends `value` as an encoded AnyValue. Both "absent" and "empty" are nothing at all.
pub(super) fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Absent | ValueRef::Empty => {}
        ValueRef::Str(text) => put_bytes(out, 1, text.as_bytes()),
        ValueRef::Bool(set) => {
            put_varint(out, BOOL.into());
            put_varint(out, set.into());
        }
        ValueRef::Int(number) => {
            put_varint(out, INT.into());
            put_varint(out, number as u64);
        }
        ValueRef::Double(number) => {
            put_varint(out, DOUBLE.into());
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Array(encoded) | ValueRef::Map(encoded) | ValueRef::Bytes(encoded) => {
            out.extend_from_slice(encoded)
        }
    }
}

/// An array AnyValue with these elements.
pub fn array<'a>(elements: impl IntoIterator<Item = ValueRef<'a>>) -> Vec<u8> {
    let (mut list, mut one) = (Vec::new(), Vec::new());
    for element in elements {
        one.clear();
        put_value(&mut one, element);
        put_bytes(&mut list, 1, &one);
    }
    let mut out = Vec::with_capacity(list.len() + 6);
    put_bytes(&mut out, 5, &list);
    out
}

/// A byte string AnyValue.
pub fn bytes(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put_bytes(&mut out, 7, content);
    out
}
