//! What follows a backslash.

use super::class::{self, Ranges};
use super::{Read, fault, tables};

/// ASCII, as in RE2.
pub(super) fn perl(c: char) -> Option<Ranges> {
    Some(match c {
        'd' | 'D' => &[('0', '9')],
        's' | 'S' => &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        'w' | 'W' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    })
}

/// A class (`\d`, `\pN`) or a character at the start of `rest`, and its length.
pub(super) fn class_or_character(rest: &str) -> Read<(String, usize)> {
    if let Some(found) = group(rest)? {
        return Ok(found);
    }
    let (code, bytes) = character(rest)?;
    Ok((class::character(code), bytes))
}

/// A class at the start of `rest`: `\d`, `\pN`, `\p{^Greek}`; it also stands inside brackets.
pub(super) fn group(rest: &str) -> Read<Option<(String, usize)>> {
    let Some(c) = rest[1..].chars().next() else { return Ok(None) };
    if let Some(ranges) = perl(c) {
        return Ok(Some((class::ranges(ranges, c.is_ascii_uppercase()), 2)));
    }
    if c != 'p' && c != 'P' {
        return Ok(None);
    }
    let tail = &rest[2..];
    let (name, bytes) = match tail.strip_prefix('{') {
        Some(braced) => match braced.find('}') {
            Some(end) => (&braced[..end], end + 4),
            None => return fault("invalid character class range", rest),
        },
        None => match tail.chars().next() {
            Some(c) => (&tail[..c.len_utf8()], 2 + c.len_utf8()),
            None => return fault("invalid character class range", rest),
        },
    };
    let (inner, caret) = match name.strip_prefix('^') {
        Some(inner) => (inner, true),
        None => (name, false),
    };
    let Some(table) = tables::table(inner) else {
        return fault("invalid character class range", &rest[..bytes]);
    };
    let negated = caret != (c == 'P');
    Ok(Some((format!("[{}{table}]", if negated { "^" } else { "" }), bytes)))
}

/// A character spelled with a backslash, and the length of the spelling.
pub(super) fn character(rest: &str) -> Read<(u32, usize)> {
    let Some(c) = rest[1..].chars().next() else {
        return fault("trailing backslash at end of expression", "");
    };
    let digits = |from: usize, most: usize, radix: u32| {
        rest[from..].chars().take(most).take_while(|c| c.is_digit(radix)).count()
    };
    let code = match c {
        // A single digit would be a reference to a group.
        '1'..='7' if digits(2, 1, 8) == 0 => return fault("invalid escape sequence", &rest[..2]),
        '0'..='7' => {
            let end = 2 + digits(2, 2, 8);
            return Ok((u32::from_str_radix(&rest[1..end], 8).unwrap_or(0), end));
        }
        'x' => return hex(rest),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c as u32,
        c => return fault("invalid escape sequence", &rest[..1 + c.len_utf8()]),
    };
    Ok((code, 2))
}

/// `\x41`, `\x{10FFFF}`
fn hex(rest: &str) -> Read<(u32, usize)> {
    let braces = rest[2..].starts_with('{');
    let start = if braces { 3 } else { 2 };
    let mut code = 0;
    for (at, c) in rest.char_indices().skip(start) {
        let end = at + c.len_utf8();
        if braces && c == '}' && at > start {
            return Ok((code, end));
        }
        match c.to_digit(16) {
            Some(digit) if code * 16 + digit <= char::MAX as u32 => code = code * 16 + digit,
            // Without braces Go looks at two characters before it judges.
            _ => {
                let second = rest[end..].chars().next().filter(|_| !braces && at == start);
                return fault("invalid escape sequence", &rest[..end + second.map_or(0, char::len_utf8)]);
            }
        }
        if !braces && at == start + 1 {
            return Ok((code, end));
        }
    }
    fault("invalid escape sequence", rest)
}
