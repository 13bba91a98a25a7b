//! What follows a backslash.

use super::class::{self, Ranges};
use super::{Read, fault};

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
    let Some(table) = table(inner) else {
        return fault("invalid character class range", &rest[..bytes]);
    };
    let negated = caret != (c == 'P');
    Ok(Some((format!("[{}{table}]", if negated { "^" } else { "" }), bytes)))
}

/// Go's general categories.
const CATEGORIES: [&str; 35] = [
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Any",
];
/// Scripts whose full name is as long as the codes of scripts, which Go does not know.
const SCRIPTS_OF_FOUR: [&str; 7] = ["Ahom", "Cham", "Kawi", "Lisu", "Thai", "Toto", "Modi"];

/// What stands inside the brackets for a Unicode table that Go knows; scripts that it may know are left to the
/// engine.
fn table(name: &str) -> Option<String> {
    if CATEGORIES.contains(&name) {
        return Some(format!(r"\p{{{name}}}"));
    }
    match name {
        // Go counts no unassigned characters.
        "C" => return Some(r"\p{Cc}\p{Cf}\p{Co}".to_owned()),
        // No text holds a surrogate.
        "Cs" => return Some("a&&b".to_owned()),
        _ => {}
    }
    let capital = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    let plain = name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let code = name.len() == 4 && !SCRIPTS_OF_FOUR.contains(&name);
    let script = plain && !code && name.split('_').all(capital);
    let known = || regex::Regex::new(&format!(r"\p{{Script={name}}}")).is_ok();
    (script && known()).then(|| format!(r"\p{{Script={name}}}"))
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
    let tail = &rest[2..];
    let (digits, bytes) = match tail.strip_prefix('{') {
        Some(braced) => match braced.find('}') {
            Some(end) => (&braced[..end], end + 4),
            None => return fault("invalid escape sequence", rest),
        },
        None => match tail.get(..2) {
            Some(two) => (two, 4),
            None => return fault("invalid escape sequence", rest),
        },
    };
    let all_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match u32::from_str_radix(digits, 16) {
        Ok(code) if all_hex && code <= char::MAX as u32 => Ok((code, bytes)),
        _ => fault("invalid escape sequence", &rest[..bytes]),
    }
}
