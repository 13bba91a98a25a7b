//! Strings and numbers as Go's encoding/json writes them.

use std::io::Write as _;

/// Appends `text` as a JSON string: `<`, `>`, `&` and the line separators are escaped too.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    let mut at = 0;
    while at < bytes.len() {
        let (escape, len) = match escape(&bytes[at..]) {
            None => {
                at += 1;
                continue;
            }
            Some(found) => found,
        };
        out.extend_from_slice(&bytes[plain..at]);
        match escape {
            Escape::Short(letter) => out.extend_from_slice(&[b'\\', letter]),
            // Writing to a vector cannot fail.
            Escape::Code(code) => drop(write!(out, "\\u{code:04x}")),
        }
        at += len;
        plain = at;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

enum Escape {
    Short(u8),
    Code(u16),
}

/// How the character that starts here is escaped, if it is, and its length.
fn escape(bytes: &[u8]) -> Option<(Escape, usize)> {
    Some(match bytes {
        [b'"', ..] => (Escape::Short(b'"'), 1),
        [b'\\', ..] => (Escape::Short(b'\\'), 1),
        [b'\n', ..] => (Escape::Short(b'n'), 1),
        [b'\r', ..] => (Escape::Short(b'r'), 1),
        [b'\t', ..] => (Escape::Short(b't'), 1),
        [0x08, ..] => (Escape::Short(b'b'), 1),
        [0x0c, ..] => (Escape::Short(b'f'), 1),
        [byte @ (0..0x20 | b'<' | b'>' | b'&'), ..] => (Escape::Code(u16::from(*byte)), 1),
        [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => (Escape::Code(0x2000 + u16::from(last - 0x80)), 3),
        _ => return None,
    })
}

/// Appends a double: the shortest digits that read back the same, an exponent below 1e-6 and from 1e21
/// on, and what JSON cannot say as a string.
pub fn put_double(out: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
        return;
    }
    if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
        return;
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        let text = if size < 1.0 { text } else { text.replace('e', "e+") };
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(number.to_string().as_bytes());
    }
}
