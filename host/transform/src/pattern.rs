//! Patterns and what takes the place of their matches.

use crate::hash::Keyed;
use crate::kernels;
use crate::plan::{HashKind, WellKnown};
use cadenza_traceql::{Search, compile_search};
use std::ops::Range;

/// Something that is searched for in text.
#[derive(Debug)]
pub(crate) enum Finder {
    Regex(Search),
    Known(WellKnown),
}

/// What takes the place of a match.
#[derive(Debug)]
pub(crate) enum Sub {
    Text(String),
    /// Pieces of text and groups.
    Template(Vec<Piece>),
    Hash(HashKind),
}

#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Group(usize),
}

impl Finder {
    /// `text` is UTF-8.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Regex(search) => search.regex.is_match(utf8(text)),
            Self::Known(known) => kernels::find(*known, text, 0).is_some(),
        }
    }

    /// Appends `text` with its matches replaced; tells whether there was one. Without a match nothing is
    /// appended.
    pub(crate) fn replace(&self, text: &[u8], sub: &Sub, keyed: &Keyed, out: &mut Vec<u8>) -> bool {
        let mut copied = 0;
        let mut any = false;
        match (self, sub) {
            (Self::Regex(search), Sub::Template(pieces)) => {
                for groups in search.regex.captures_iter(utf8(text)) {
                    let Some(whole) = groups.get(0) else { continue };
                    out.extend_from_slice(&text[copied..whole.start()]);
                    for piece in pieces {
                        match piece {
                            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                            Piece::Group(group) => {
                                let part = groups.get(*group).map_or("", |part| part.as_str());
                                out.extend_from_slice(part.as_bytes());
                            }
                        }
                    }
                    copied = whole.end();
                    any = true;
                }
            }
            (Self::Regex(search), _) => {
                for found in search.regex.find_iter(utf8(text)) {
                    put_match(text, copied, found.range(), sub, keyed, out);
                    copied = found.end();
                    any = true;
                }
            }
            (Self::Known(known), _) => {
                while let Some(found) = kernels::find(*known, text, copied) {
                    let end = found.end;
                    put_match(text, copied, found, sub, keyed, out);
                    copied = end;
                    any = true;
                }
            }
        }
        if any {
            out.extend_from_slice(&text[copied..]);
        }
        any
    }
}

/// Text of a dictionary, or made of such text.
fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Appends what stands before a match and what takes its place.
fn put_match(text: &[u8], copied: usize, found: Range<usize>, sub: &Sub, keyed: &Keyed, out: &mut Vec<u8>) {
    out.extend_from_slice(&text[copied..found.start]);
    let whole = &text[found];
    match sub {
        Sub::Text(text) => out.extend_from_slice(text.as_bytes()),
        Sub::Hash(kind) => keyed.put(out, *kind, whole),
        Sub::Template(pieces) => {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                    Piece::Group(_) => out.extend_from_slice(whole),
                }
            }
        }
    }
}

/// Compiles a pattern, or says why not.
pub(crate) fn expression(pattern: &str) -> Result<Search, String> {
    compile_search(pattern).map_err(|error| error.to_string())
}

/// Reads a template by Go's rules: `$1`, `$name`, `${name}`, `$$`; any other `$` stands for itself.
/// `groups` are the names from group 1 on.
pub(crate) fn template(text: &str, groups: &[Option<String>]) -> Result<Sub, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(after) else {
            plain.push('$');
            rest = after;
            continue;
        };
        let number = match name.parse::<usize>() {
            Ok(number) => Some(number).filter(|&number| number <= groups.len()),
            Err(_) => groups.iter().position(|group| group.as_deref() == Some(name)).map(|at| at + 1),
        };
        let Some(number) = number else { return Err(format!("no group `{name}` in the pattern")) };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Group(number));
        rest = after;
    }
    plain.push_str(rest);
    if pieces.is_empty() {
        return Ok(Sub::Text(plain));
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(Sub::Template(pieces))
}

/// The name behind a `$`, and what follows it.
fn group_name(after: &str) -> Option<(&str, &str)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(braced) = after.strip_prefix('{') {
        let (name, rest) = braced.split_once('}')?;
        return (!name.is_empty() && name.chars().all(word)).then_some((name, rest));
    }
    let end = after.find(|c| !word(c)).unwrap_or(after.len());
    (end > 0).then(|| after.split_at(end))
}
