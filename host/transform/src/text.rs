//! Any attribute value as text: what masks of all types, conversions and `text` columns see.
//!
//! As the Collector's `AsString`: scalars as they read, bytes in base64, arrays and maps as JSON with sorted
//! keys. A double that JSON cannot say reads `NaN`, `Infinity` or `-Infinity`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadenza_model::ValueRef;
use cadenza_model::otlp::any_value::{array_elements, bytes_of, map_entries};
use cadenza_model::otlp::json::{put_double, put_string};
use std::io::Write as _;

/// Appends the text of a value.
pub(crate) fn put_text(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Absent | ValueRef::Empty => {}
        ValueRef::Str(text) => out.extend_from_slice(text.as_bytes()),
        ValueRef::Double(number) if !number.is_finite() => {
            let start = out.len();
            put_double(out, number);
            // Without the quotes that JSON needs.
            out.truncate(out.len() - 1);
            out.remove(start);
        }
        ValueRef::Bytes(encoded) => put_base64(out, bytes_of(encoded)),
        other => put_json(out, other),
    }
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
}

/// A JSON string in which `<`, `>` and `&` stand for themselves, as in the Collector's text of a value.
fn put_text_string(out: &mut Vec<u8>, text: &str) {
    let html = |c: char| matches!(c, '<' | '>' | '&');
    out.push(b'"');
    for piece in text.split_inclusive(html) {
        let plain = piece.trim_end_matches(html);
        let start = out.len();
        put_string(out, plain);
        // Without the quotes of the piece.
        out.truncate(out.len() - 1);
        out.remove(start);
        out.extend_from_slice(&piece.as_bytes()[plain.len()..]);
    }
    out.push(b'"');
}

/// Values nest no deeper than the wire format allows, so recursion is bounded.
fn put_json(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Absent | ValueRef::Empty => out.extend_from_slice(b"null"),
        ValueRef::Str(text) => put_text_string(out, text),
        // Writing to a vector cannot fail.
        ValueRef::Int(number) => drop(write!(out, "{number}")),
        ValueRef::Double(number) => put_double(out, number),
        ValueRef::Bool(set) => out.extend_from_slice(if set { b"true" } else { b"false" }),
        ValueRef::Bytes(encoded) => {
            out.push(b'"');
            put_base64(out, bytes_of(encoded));
            out.push(b'"');
        }
        ValueRef::Array(encoded) => {
            out.push(b'[');
            for (i, element) in array_elements(encoded).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                put_json(out, element);
            }
            out.push(b']');
        }
        ValueRef::Map(encoded) => {
            let mut entries: Vec<_> = map_entries(encoded).collect();
            entries.sort_by_key(|entry| entry.0);
            out.push(b'{');
            for (i, (key, element)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                put_text_string(out, key);
                out.push(b':');
                put_json(out, element);
            }
            out.push(b'}');
        }
    }
}
