//! Encoded `AnyValue` messages: how arrays, maps and byte strings are kept.
//!
//! What is stored is *canonical*: an AnyValue has at most one field, a KeyValue at most one key and one
//! value, no field is unknown, all text is UTF-8, nesting is bounded. Almost every sender writes exactly
//! that, so the bytes are stored as they came; the rest is rewritten once, when it is decoded.

mod build;
mod canonical;
mod json;

mod read;

pub use build::{array, bytes};
pub use json::{from_json, to_json};

pub use read::{Elements, Entries, array_elements, bytes_of, map_entries, value};

pub(super) use canonical::{canonical, check};

use super::wire::{FIXED64, LEN, Message, VARINT, key};

/// `AnyValue.string_value`.
pub(super) const STRING: u32 = key(1, LEN);
/// `AnyValue.bool_value`.
pub(super) const BOOL: u32 = key(2, VARINT);
/// `AnyValue.int_value`.
pub(super) const INT: u32 = key(3, VARINT);
/// `AnyValue.double_value`.
pub(super) const DOUBLE: u32 = key(4, FIXED64);
/// `AnyValue.array_value`.
pub(super) const ARRAY: u32 = key(5, LEN);
/// `AnyValue.kvlist_value`.
pub(super) const KVLIST: u32 = key(6, LEN);
/// `AnyValue.bytes_value`.
pub(super) const BYTES: u32 = key(7, LEN);

/// `KeyValue.key`, and `ArrayValue.values` and `KeyValueList.values`.
pub(super) const FIRST: u32 = key(1, LEN);
/// `KeyValue.value`.
pub(super) const VALUE: u32 = key(2, LEN);

/// Field 8, a string index of the profiles signal, counts as unknown: the protocol wants it ignored.
pub(super) const ANY_VALUE: Message = Message { name: "AnyValue", fields: 0b1111_1110 };
/// Field 3, a string index of the profiles signal, counts as unknown: the protocol wants it ignored.
pub(super) const KEY_VALUE: Message = Message { name: "KeyValue", fields: 0b110 };
pub(super) const ARRAY_VALUE: Message = Message { name: "ArrayValue", fields: 0b10 };
pub(super) const KEY_VALUE_LIST: Message = Message { name: "KeyValueList", fields: 0b10 };
