//! Patterns in the syntax of Go's `regexp` (RE2), in the words of the `regex` crate.
//!
//! The two languages look alike and differ in meaning: `\d`, `\w`, `\s` and `\b` are ASCII here and Unicode
//! there, `\Q…\E`, octal escapes and `[a&&b]` mean other things, and either refuses what the other takes. So
//! a pattern is read by Go's rules, refused with Go's reason, and written anew.

mod class;
mod escape;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use thiserror::Error;

/// Go's bound on the count of a repetition, also of nested ones multiplied.
const REPEAT_MAX: u64 = 1000;
/// Go's bound on open groups.
const NESTING_MAX: usize = 1000;
/// Longest piece of a pattern in an error: patterns may be as long as queries.
const SHOWN_CHARS_MAX: usize = 60;
/// Longest regular expression automaton, in bytes of the compiled program: it bounds time and memory of
/// compiling and of every match.
pub(crate) const REGEX_BYTES_MAX: usize = 1 << 20;

/// Why a pattern was refused, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It is not in the language.
    #[error("{what}: `{part}`")]
    Syntax {
        /// Go's reason.
        what: &'static str,
        /// The part at fault.
        part: String,
    },
    /// It is, but would need too much memory.
    #[error("expression compiles to more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The engine has a limit that Go has not.
    #[error("expression not supported: {0}")]
    Engine(String),
}

pub(crate) type Read<T> = Result<T, PatternError>;

pub(crate) fn fault<T>(what: &'static str, part: &str) -> Read<T> {
    let mut shown: String = part.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < part.len() {
        shown.push('…');
    }
    Err(PatternError::Syntax { what, part: shown })
}

/// Compiles a pattern as TraceQL matches it: anchored at both ends, `.` matches a newline, bounded size.
pub fn compile_regex(pattern: &str) -> Result<regex::Regex, PatternError> {
    let translated = translate(pattern)?;
    build(regex::RegexBuilder::new(&format!(r"\A(?:{translated})\z")).dot_matches_new_line(true))
}

/// A pattern that may match anywhere, with its groups.
#[derive(Debug, Clone)]
pub struct Search {
    /// Matches as Go's `regexp` does; groups have numbers only.
    pub regex: regex::Regex,
    /// Names of the groups from 1 on; none for those without one.
    pub groups: Vec<Option<String>>,
}

/// Compiles a pattern as Go's `regexp.Compile` does: it matches anywhere and its groups capture.
pub fn compile_search(pattern: &str) -> Result<Search, PatternError> {
    let mut reader = Reader::new(pattern, true);
    let translated = reader.translate()?;
    let groups = reader.captured.iter().map(|name| name.map(str::to_owned)).collect();
    Ok(Search { regex: build(&mut regex::RegexBuilder::new(&translated))?, groups })
}

/// Compiles what was translated, within bounds.
fn build(builder: &mut regex::RegexBuilder) -> Result<regex::Regex, PatternError> {
    builder.size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(bytes_max) => PatternError::TooLarge { bytes_max },
        // The crate draws the pattern with a caret; the last line is the reason.
        other => PatternError::Engine(
            other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        ),
    })
}

/// The pattern in the words of the `regex` crate.
pub(crate) fn translate(pattern: &str) -> Read<String> {
    Reader::new(pattern, false).translate()
}

/// Something that a repetition can follow.
#[derive(Debug, Default)]
struct Piece {
    text: String,
    /// Largest product of nested counts in it.
    repeats: u64,
    repeated: bool,
    /// Flags such as `(?i)`: no piece of its own for a repetition.
    flags: bool,
}

impl Piece {
    fn new(text: String) -> Self {
        Self { text, repeats: 1, ..Self::default() }
    }
}

/// A group that is still open.
#[derive(Debug, Default)]
struct Group {
    /// How it begins.
    open: String,
    /// Alternatives that are complete.
    done: String,
    repeats: u64,
    pieces: Vec<Piece>,
}

impl Group {
    fn end_alternative(&mut self) {
        for piece in self.pieces.drain(..) {
            self.repeats = self.repeats.max(piece.repeats);
            self.done.push_str(&piece.text);
        }
    }

    fn finish(mut self) -> Piece {
        self.end_alternative();
        Piece { repeats: self.repeats.max(1), ..Piece::new(self.open + &self.done) }
    }
}

struct Reader<'p> {
    whole: &'p str,
    rest: &'p str,
    /// The innermost last; never empty while reading.
    groups: Vec<Group>,
    names: HashSet<&'p str>,
    /// Groups that capture keep doing so.
    capture: bool,
    /// Names of the capturing groups in the order of their opening parentheses.
    captured: Vec<Option<&'p str>>,
}

impl<'p> Reader<'p> {
    fn new(pattern: &'p str, capture: bool) -> Self {
        Self {
            whole: pattern,
            rest: pattern,
            groups: vec![Group::default()],
            names: HashSet::new(),
            capture,
            captured: Vec::new(),
        }
    }

    fn translate(&mut self) -> Read<String> {
        self.read()?;
        match self.groups.pop() {
            Some(outer) if self.groups.is_empty() => Ok(outer.finish().text),
            _ => fault("missing closing )", self.whole),
        }
    }

    fn push(&mut self, text: String) {
        if let Some(group) = self.groups.last_mut() {
            group.pieces.push(Piece::new(text));
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn read(&mut self) -> Read<()> {
        // The repetition operator that has just been read: Go refuses a second one right behind it.
        let mut last_repeat: Option<&'p str> = None;
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let previous = last_repeat.take();
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    if let Some(group) = self.groups.last_mut() {
                        group.end_alternative();
                        group.done.push('|');
                    }
                }
                '[' => {
                    let (text, bytes) = class::read(self.rest)?;
                    self.skip(bytes);
                    self.push(text);
                }
                '*' | '+' | '?' => {
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    last_repeat = Some(self.repeat(1, min, max, previous)?);
                }
                '{' => match counts(self.rest) {
                    Some((min, max, bytes)) => last_repeat = Some(self.repeat(bytes, min, max, previous)?),
                    None => self.literal(c),
                },
                '\\' => self.escape()?,
                '^' | '$' => {
                    self.skip(1);
                    self.push(format!("(?:{c})"));
                }
                '.' => {
                    self.skip(1);
                    self.push(".".to_owned());
                }
                c => self.literal(c),
            }
            debug_assert!(self.rest.len() < before.len());
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.skip(c.len_utf8());
        self.push(class::character(c as u32));
    }

    fn repeat(
        &mut self,
        bytes: usize,
        min: u64,
        max: Option<u64>,
        previous: Option<&'p str>,
    ) -> Read<&'p str> {
        let lazy = self.rest[bytes..].starts_with('?');
        let operator = &self.rest[..bytes + usize::from(lazy)];
        if min > REPEAT_MAX || max.is_some_and(|max| max > REPEAT_MAX || max < min) {
            return fault("invalid repeat count", &operator[..bytes]);
        }
        if let Some(previous) = previous {
            // Both stand side by side in the pattern.
            let end = self.whole.len() - self.rest.len() + operator.len();
            let start = end - operator.len() - previous.len();
            return fault("invalid nested repetition operator", &self.whole[start..end]);
        }
        let pieces = self.groups.last_mut().map(|group| &mut group.pieces);
        let Some(piece) = pieces.and_then(|pieces| pieces.iter_mut().rev().find(|piece| !piece.flags)) else {
            return fault("missing argument to repetition operator", operator);
        };
        if operator.starts_with('{') {
            piece.repeats *= match max.unwrap_or(min) {
                // Nothing in it is ever repeated.
                0 if max == Some(0) => 0,
                count => count.max(1),
            };
            piece.repeats = piece.repeats.max(1);
            if piece.repeats > REPEAT_MAX {
                return fault("invalid repeat count", operator);
            }
        }
        if piece.repeated {
            piece.text = format!("(?:{})", piece.text);
        }
        piece.text.push_str(operator);
        piece.repeated = true;
        self.skip(operator.len());
        Ok(operator)
    }

    fn open(&mut self) -> Read<()> {
        if self.groups.len() > NESTING_MAX {
            return fault("expression nests too deeply", self.whole);
        }
        let Some(perl) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            return self.begin_capture(None);
        };
        let named = perl.strip_prefix("P<").or_else(|| perl.strip_prefix('<'));
        if let Some(named) = named {
            let Some((name, _)) = named.split_once('>') else {
                return fault("invalid named capture", self.rest);
            };
            let bytes = self.rest.len() - named.len() + name.len() + 1;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return fault("invalid named capture", &self.rest[..bytes]);
            }
            if !self.names.insert(name) {
                return fault("duplicate capture group name", name);
            }
            self.skip(bytes);
            return self.begin_capture(Some(name));
        }
        self.flags(perl)
    }

    fn begin_capture(&mut self, name: Option<&'p str>) -> Read<()> {
        self.captured.push(name);
        self.begin(if self.capture { "(" } else { "(?:" }.to_owned())
    }

    fn begin(&mut self, open: String) -> Read<()> {
        self.groups.push(Group { open, ..Group::default() });
        Ok(())
    }

    /// `(?i)`, `(?i-s:…)`
    fn flags(&mut self, perl: &'p str) -> Read<()> {
        let (mut negative, mut saw) = (false, false);
        for (at, c) in perl.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => saw = true,
                '-' if !negative => (negative, saw) = (true, false),
                ')' | ':' if saw || !negative => {
                    let flags = distinct_flags(&perl[..at]);
                    self.skip("(?".len() + at + 1);
                    if c == ':' {
                        return self.begin(format!("(?{flags}:"));
                    }
                    let text = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
                    if let Some(group) = self.groups.last_mut() {
                        group.pieces.push(Piece { flags: true, ..Piece::new(text) });
                    }
                    return Ok(());
                }
                c => return fault("invalid or unsupported Perl syntax", &self.rest[..2 + at + c.len_utf8()]),
            }
        }
        fault("invalid or unsupported Perl syntax", self.rest)
    }

    fn close(&mut self) -> Read<()> {
        self.skip(1);
        match self.groups.pop() {
            Some(group) if !self.groups.is_empty() => {
                let mut piece = group.finish();
                piece.text.push(')');
                if let Some(outer) = self.groups.last_mut() {
                    outer.pieces.push(piece);
                }
                Ok(())
            }
            _ => fault("unexpected )", self.whole),
        }
    }

    fn escape(&mut self) -> Read<()> {
        let Some(c) = self.rest[1..].chars().next() else {
            return fault("trailing backslash at end of expression", "");
        };
        let text = match c {
            'A' => r"(?:\A)",
            'z' => r"(?:\z)",
            'b' => r"(?-u:\b)",
            'B' => r"(?-u:\B)",
            'Q' => {
                let quoted = &self.rest[2..];
                let (text, bytes) = match quoted.find(r"\E") {
                    Some(end) => (&quoted[..end], end + 4),
                    None => (quoted, self.rest.len()),
                };
                self.skip(bytes);
                text.chars().for_each(|c| self.push(class::character(c as u32)));
                return Ok(());
            }
            _ => {
                let (text, bytes) = escape::class_or_character(self.rest)?;
                self.skip(bytes);
                self.push(text);
                return Ok(());
            }
        };
        self.skip(2);
        self.push(text.to_owned());
        Ok(())
    }
}

/// `{2}`, `{2,}`, `{2,3}` and its length; anything else is text.
fn counts(rest: &str) -> Option<(u64, Option<u64>, usize)> {
    let inner = &rest[1..rest.find('}')?];
    let bytes = inner.len() + 2;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // Leading zeros make it text; a number that overflows is over every limit.
        (digits && (text.len() == 1 || !text.starts_with('0'))).then(|| text.parse().unwrap_or(u64::MAX))
    };
    match inner.split_once(',') {
        None => number(inner).map(|n| (n, Some(n), bytes)),
        Some((min, "")) => Some((number(min)?, None, bytes)),
        Some((min, max)) => Some((number(min)?, Some(number(max)?), bytes)),
    }
}

/// The same flags, each once: Go takes `(?ii)` and `(?i-i)`, in which the last one counts; the engine takes
/// neither.
fn distinct_flags(flags: &str) -> String {
    let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
    let mut out: String = "imsU".chars().filter(|&flag| on.contains(flag) && !off.contains(flag)).collect();
    if !off.is_empty() {
        out.push('-');
        out.extend("imsU".chars().filter(|&flag| off.contains(flag)));
    }
    out
}
