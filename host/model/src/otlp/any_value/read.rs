//! Reading encoded values. Bytes that are not a valid value read as fewer elements, never as a panic:
//! what is in columns was checked when it was decoded.

use super::{ARRAY, BOOL, BYTES, DOUBLE, FIRST, INT, KVLIST, STRING, VALUE};
use crate::ValueRef;
use crate::otlp::wire::Reader;

/// The elements of an array; see [`array_elements`].
#[derive(Clone)]
pub struct Elements<'a> {
    reader: Reader<'a>,
}

/// The entries of a map; see [`map_entries`].
#[derive(Clone)]
pub struct Entries<'a> {
    reader: Reader<'a>,
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("\u{fffd}")
}

/// An encoded AnyValue as a typed value.
pub fn value(encoded: &[u8]) -> ValueRef<'_> {
    let read = || {
        let mut reader = Reader::new(encoded);
        let Some(key) = reader.key()? else { return Ok(ValueRef::Empty) };
        Ok::<_, crate::DecodeError>(match key {
            STRING => ValueRef::Str(text(reader.bytes()?)),
            BOOL => ValueRef::Bool(reader.varint()? != 0),
            INT => ValueRef::Int(reader.varint()? as i64),
            DOUBLE => ValueRef::Double(f64::from_bits(reader.fixed64()?)),
            ARRAY => ValueRef::Array(encoded),
            KVLIST => ValueRef::Map(encoded),
            BYTES => ValueRef::Bytes(encoded),
            _ => ValueRef::Empty,
        })
    };
    read().unwrap_or(ValueRef::Empty)
}

/// The content of the one field of `encoded` if its key is `key`.
fn content(encoded: &[u8], key: u32) -> &[u8] {
    let mut reader = Reader::new(encoded);
    match reader.key() {
        Ok(Some(found)) if found == key => reader.bytes().unwrap_or_default(),
        _ => &[],
    }
}

/// The elements of an encoded array ([`ValueRef::Array`]); none of anything else.
pub fn array_elements(encoded: &[u8]) -> Elements<'_> {
    Elements { reader: Reader::new(content(encoded, ARRAY)) }
}

/// Keys and values of an encoded map ([`ValueRef::Map`]); none of anything else.
pub fn map_entries(encoded: &[u8]) -> Entries<'_> {
    Entries { reader: Reader::new(content(encoded, KVLIST)) }
}

/// The content of an encoded byte string ([`ValueRef::Bytes`]); nothing of anything else.
pub fn bytes_of(encoded: &[u8]) -> &[u8] {
    content(encoded, BYTES)
}

fn next_part<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    match reader.key() {
        Ok(Some(FIRST)) => reader.bytes().ok(),
        _ => None,
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        next_part(&mut self.reader).map(value)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<(&'a str, ValueRef<'a>)> {
        let mut pair = Reader::new(next_part(&mut self.reader)?);
        let mut entry = ("", ValueRef::Absent);
        while let Some(key) = pair.key().ok()? {
            match key {
                FIRST => entry.0 = text(pair.bytes().ok()?),
                VALUE => entry.1 = value(pair.bytes().ok()?),
                _ => return None,
            }
        }
        Some(entry)
    }
}
