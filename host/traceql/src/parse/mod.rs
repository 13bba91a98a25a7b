//! Recursive descent with precedence climbing, over the token list.

mod expr;
mod metrics;
mod pipeline;
mod scalar;

use crate::ast::{FieldRef, Pos, Query};
use crate::error::{ErrorKind, ParseError};
use crate::lex::{Tok, Token, tokens};

/// Longest query: Tempo's default of `max_query_expression_size_bytes`. It also bounds the token list.
pub const QUERY_BYTES_MAX: usize = 131_072;

/// Deepest nesting of parentheses, prefixes and operators. Everything that walks a tree recurses, and
/// this many levels fit a thread's stack many times over; chains of `&&` and `||` count once.
pub const DEPTH_MAX: u32 = 128;

/// Of this many alternatives and fewer, an error lists what was expected.
const EXPECTED_MAX: usize = 4;

/// Parses and checks a query.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let query = parse_unchecked(text)?;
    crate::check::query(&query, text)?;
    Ok(query)
}

/// Parses without checking types.
pub(crate) fn parse_unchecked(text: &str) -> Result<Query, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!(
            "TraceQL expression exceeds the configured maximum size of {QUERY_BYTES_MAX} bytes, reduce the query \
             expression size or contact your system administrator"
        );
        return Err(ParseError::new(ErrorKind::Limit, message, text, Pos::default()));
    }
    let mut parser = Parser { text, tokens: tokens(text), at: 0, depth: 0 };
    parser.query()
}

/// Parses the text of exactly one field: what a tag-values request names.
pub(crate) fn parse_field(text: &str) -> Result<FieldRef, ParseError> {
    let mut parser = Parser { text, tokens: tokens(text), at: 0, depth: 0 };
    let field = parser.field_ref()?;
    parser.expect_end()?;
    Ok(field)
}

pub(crate) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn peek(&self) -> &Tok<'a> {
        &self.tokens[self.at].tok
    }

    fn peek_second(&self) -> &Tok<'a> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].tok
    }

    fn pos(&self) -> Pos {
        self.tokens[self.at].pos
    }

    /// Place of the token before the current one.
    fn last_pos(&self) -> Pos {
        self.tokens[self.at.saturating_sub(1)].pos
    }

    fn advance(&mut self) {
        // The last token (`End` or `Bad`) is never passed.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn sym(&self) -> Option<&'static str> {
        match self.peek() {
            Tok::Sym(s) => Some(s),
            _ => None,
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Tok::Word(w) if *w == word)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let hit = self.sym() == Some(symbol);
        if hit {
            self.advance();
        }
        hit
    }

    fn expect(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(&[symbol])) }
    }

    fn expect_end(&self) -> Parsed<()> {
        if *self.peek() == Tok::End { Ok(()) } else { Err(self.unexpected(&["$end"])) }
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>, pos: Pos) -> ParseError {
        ParseError::new(kind, message, self.text, pos)
    }

    /// The current token does not fit.
    fn unexpected(&self, expected: &[&'static str]) -> ParseError {
        self.unexpected_at(self.at, expected)
    }

    fn unexpected_at(&self, at: usize, expected: &[&'static str]) -> ParseError {
        let Token { tok, pos } = &self.tokens[at];
        let found = match tok {
            Tok::Bad(message) => return self.error(ErrorKind::Syntax, message.clone(), *pos),
            Tok::Sym(s) => s,
            Tok::Word(w) if is_keyword(w) => w,
            Tok::Word(_) => "IDENTIFIER",
            Tok::Colon(scope) => &format!("{scope}:"),
            Tok::Attr(a) if a.parent => "parent.",
            Tok::Attr(a) => a.scope.prefix(),
            Tok::Int(_) => "INTEGER",
            Tok::Float(_) => "FLOAT",
            Tok::Duration(_) => "DURATION",
            Tok::Str(_) => "STRING",
            Tok::End => "$end",
        };
        let mut error = self.error(ErrorKind::Syntax, format!("syntax error: unexpected {found}"), *pos);
        if expected.len() <= EXPECTED_MAX {
            error.expected = expected.to_vec();
        }
        error
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn check_depth(&self, depth: u32) -> Parsed<()> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("query nests deeper than {DEPTH_MAX} levels");
        Err(self.error(ErrorKind::Limit, message, self.pos()))
    }
}

/// Words with a meaning of their own, as error texts tell them from identifiers.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: &str = "true false nil ok error unset unspecified internal server client producer consumer \
        duration childCount name status statusMessage kind rootName rootServiceName rootService traceDuration \
        nestedSetLeft nestedSetRight nestedSetParent id traceID spanID parentID timeSinceStart version parent \
        count avg max min sum by coalesce select rate count_over_time min_over_time max_over_time avg_over_time \
        sum_over_time quantile_over_time histogram_over_time compare topk bottomk with";
    KEYWORDS.split_ascii_whitespace().any(|k| k == word)
}
