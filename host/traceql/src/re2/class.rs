//! Sets of characters in brackets.

use super::{Read, escape, fault};
use std::fmt::Write;

/// Both ends included.
pub(super) type Ranges = &'static [(char, char)];

/// A single character; one that no text can hold matches nothing.
pub(super) fn character(code: u32) -> String {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() => c.to_string(),
        Some(_) => format!("\\x{{{code:X}}}"),
        None => "[a&&b]".to_owned(),
    }
}

/// A set of its own, also inside another one.
pub(super) fn ranges(list: Ranges, negated: bool) -> String {
    let mut text = if negated { "[^".to_owned() } else { "[".to_owned() };
    list.iter().for_each(|&(low, high)| add(&mut text, low as u32, high as u32));
    text.push(']');
    text
}

fn add(text: &mut String, low: u32, high: u32) {
    // Surrogates are no characters.
    let low = if char::from_u32(low).is_none() { 0xe000 } else { low };
    let high = if char::from_u32(high).is_none() { 0xd7ff } else { high };
    if low <= high {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\x{{{low:X}}}-\\x{{{high:X}}}");
    }
}

/// The set at the start of `rest`, and its length.
pub(super) fn read(rest: &str) -> Read<(String, usize)> {
    let mut at = 1;
    let mut text = "[".to_owned();
    if rest[at..].starts_with('^') {
        text.push('^');
        at += 1;
    }
    // The engine refuses empty brackets; a set that holds nothing changes no other.
    text.push_str("[a&&b]");
    let mut first = true;
    loop {
        let here = &rest[at..];
        if here.is_empty() {
            return fault("missing closing ]", rest);
        }
        if here.starts_with(']') && !first {
            text.push(']');
            return Ok((text, at + 1));
        }
        first = false;
        if let Some((set, bytes)) = posix(here)? {
            text.push_str(&set);
            at += bytes;
            continue;
        }
        if here.starts_with('\\')
            && let Some((set, bytes)) = escape::group(here)?
        {
            text.push_str(&set);
            at += bytes;
            continue;
        }
        let (low, bytes) = one(here, rest)?;
        at += bytes;
        let mut high = low;
        if let Some(after) = rest[at..].strip_prefix('-')
            && !after.is_empty()
            && !after.starts_with(']')
        {
            let (end, bytes) = one(after, rest)?;
            at += 1 + bytes;
            high = end;
            if high < low {
                return fault(
                    "invalid character class range",
                    &rest[at - (here.len() - rest[at..].len())..at],
                );
            }
        }
        add(&mut text, low, high);
    }
}

/// A character, spelled out or with a backslash, and its length.
fn one(here: &str, whole: &str) -> Read<(u32, usize)> {
    if here.starts_with('\\') {
        return escape::character(here);
    }
    match here.chars().next() {
        Some(c) => Ok((c as u32, c.len_utf8())),
        None => fault("missing closing ]", whole),
    }
}

/// `[:alpha:]`, `[:^alpha:]`; a `[:` without an end is text.
fn posix(here: &str) -> Read<Option<(String, usize)>> {
    let Some(tail) = here.strip_prefix("[:") else { return Ok(None) };
    let Some(end) = tail.find(":]") else { return Ok(None) };
    let bytes = end + 4;
    let (name, negated) = match tail[..end].strip_prefix('^') {
        Some(name) => (name, true),
        None => (&tail[..end], false),
    };
    let list: Ranges = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return fault("invalid character class range", &here[..bytes]),
    };
    Ok(Some((ranges(list, negated), bytes)))
}
