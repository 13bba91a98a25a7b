//! What can be wrong with a query, and where.

use crate::ast::Pos;
use std::fmt;

/// Characters of a long line shown on each side of the caret.
const CARET_CONTEXT_CHARS: usize = 60;

/// The family of a [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not TraceQL.
    Syntax,
    /// It parses, but types or arguments do not fit.
    Invalid,
    /// Valid TraceQL which Tempo does not execute either.
    Unsupported,
    /// Over a limit of size or nesting.
    Limit,
}

/// Why a query was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The family.
    pub kind: ErrorKind,
    /// What is wrong, without the position.
    pub message: String,
    /// Byte offset into the query.
    pub offset: usize,
    /// Line of the offset, from 1.
    pub line: usize,
    /// Column of the offset in characters, from 1.
    pub column: usize,
    /// What could have stood there instead; empty when that is not known.
    pub expected: Vec<&'static str>,
}

impl ParseError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, text: &str, pos: Pos) -> Self {
        let mut offset = (pos.start as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { kind, message: message.into(), offset, line, column, expected: Vec::new() }
    }

    /// The offending line of `query` with a caret below the place.
    pub fn caret(&self, query: &str) -> String {
        let line = query.split('\n').nth(self.line - 1).unwrap_or_default();
        let skip = (self.column - 1).saturating_sub(CARET_CONTEXT_CHARS);
        let shown: String = line
            .chars()
            .skip(skip)
            .take(2 * CARET_CONTEXT_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let (mark, width) = if skip > 0 { ("…", self.column - skip) } else { ("", self.column - 1) };
        format!("{mark}{shown}\n{}^", " ".repeat(width))
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != ErrorKind::Syntax {
            return f.write_str(&self.message);
        }
        write!(f, "parse error at line {}, col {}: {}", self.line, self.column, self.message)?;
        for (i, what) in self.expected.iter().enumerate() {
            write!(f, "{}{what}", if i == 0 { ", expecting " } else { " or " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

/// A construct that is valid but that this evaluator does not execute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{construct} is not supported")]
pub struct Unsupported {
    /// What, as it stands in the query.
    pub construct: String,
    /// Where, in bytes.
    pub offset: usize,
}

impl Unsupported {
    pub(crate) fn new(construct: String, pos: Pos) -> Self {
        Self { construct, offset: pos.start as usize }
    }

    /// The offending line of `query` with a caret below the place.
    pub fn caret(&self, query: &str) -> String {
        let pos = Pos { start: self.offset as u32, end: self.offset as u32 };
        ParseError::new(ErrorKind::Unsupported, "", query, pos).caret(query)
    }
}

/// Why a query failed over a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A structural operator between pipelines that split the trace.
    #[error("spanset operators are not supported for multiple spansets per trace. consider using coalesce()")]
    MultipleSpansets,
}
