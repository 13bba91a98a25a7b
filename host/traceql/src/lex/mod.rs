//! Text to tokens.
//!
//! An error becomes the last token, so that the parser reports whichever fault comes first in the text.

mod attribute;
mod number;
mod string;

use crate::ast::{Attribute, Pos, Scope};

pub(crate) use attribute::scan_name;

/// A token and its place.
#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) tok: Tok<'a>,
    pub(crate) pos: Pos,
}

/// Token kinds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tok<'a> {
    /// Operators and punctuation.
    Sym(&'static str),
    /// Keywords and identifiers.
    Word(&'a str),
    /// `trace:` and its like; holds the scope's name.
    Colon(&'static str),
    Attr(Attribute),
    Int(i64),
    Float(f64),
    Duration(i64),
    Str(Box<str>),
    /// What could not be read, and why.
    Bad(String),
    End,
}

/// Longest first, so that the first hit is the right one.
const SYMBOLS: [&str; 37] = [
    "!>>", "!<<", "&>>", "&<<", "!=", "=~", "!~", ">=", "<=", "&&", "||", ">>", "<<", "!>", "!<", "&~", "&>",
    "&<", ",", ".", "{", "}", "(", ")", "=", ">", "<", "+", "-", "/", "%", "*", "^", "!", "|", "~", "&",
];

/// Scopes that take an attribute name after a dot.
const DOT_SCOPES: [(&str, Scope); 5] = [
    ("resource", Scope::Resource),
    ("span", Scope::Span),
    ("event", Scope::Event),
    ("link", Scope::Link),
    ("instrumentation", Scope::Instrumentation),
];

/// Scopes that take an intrinsic after a colon.
const COLON_SCOPES: [&str; 5] = ["trace", "span", "event", "link", "instrumentation"];

/// All tokens; the last one is `End` or `Bad`.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        let blank = lexer.skip_blank();
        let start = lexer.at;
        let tok = blank.and_then(|()| lexer.next()).unwrap_or_else(Tok::Bad);
        let pos = Pos { start: start as u32, end: lexer.at as u32 };
        let last = matches!(tok, Tok::End | Tok::Bad(_));
        out.push(Token { tok, pos });
        if last {
            return out;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Past white space and comments.
    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or("comment not terminated")?;
                self.at += 2 + end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Tok<'a>, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Tok::End) };
        if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let (tok, len) = number::scan(rest)?;
            self.at += len;
            return Ok(tok);
        }
        match first {
            '"' => return self.string(string::quoted),
            '`' => return self.string(string::raw),
            '.' => {
                self.at += 1;
                return self.attribute(Scope::None, false);
            }
            c if c.is_alphabetic() || c == '_' => return self.word(),
            _ => {}
        }
        if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            if *symbol == "&" {
                return Err("syntax error: unexpected '&'".to_owned());
            }
            self.at += symbol.len();
            return Ok(Tok::Sym(symbol));
        }
        Err(format!("syntax error: unexpected {first:?}"))
    }

    fn string(&mut self, scan: fn(&str) -> Result<(String, usize), String>) -> Result<Tok<'a>, String> {
        let (text, len) = scan(self.rest())?;
        self.at += len;
        Ok(Tok::Str(text.into()))
    }

    /// The name after a scope's dot.
    fn attribute(&mut self, scope: Scope, parent: bool) -> Result<Tok<'a>, String> {
        let (name, len) = scan_name(self.rest())?;
        if len == 0 {
            let found = match self.rest().chars().next() {
                None => "$end".to_owned(),
                Some(c) if c.is_whitespace() => "white space".to_owned(),
                Some(c) => c.to_string(),
            };
            return Err(format!("syntax error: unexpected {found}, expecting an attribute name"));
        }
        self.at += len;
        Ok(Tok::Attr(Attribute { scope, parent, name: name.into() }))
    }

    /// A keyword, an identifier, a scope with what is glued to it, or a dotted bare name.
    fn word(&mut self) -> Result<Tok<'a>, String> {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(len);
        if after.starts_with('.') {
            if let Some((_, scope)) = DOT_SCOPES.iter().find(|(name, _)| *name == word) {
                self.at += len + 1;
                return self.attribute(*scope, false);
            }
            if word == "parent" {
                self.at += len + 1;
                return self.parent();
            }
            return self.bare_name(len);
        }
        if after.starts_with(':')
            && let Some(scope) = COLON_SCOPES.iter().find(|name| **name == word)
        {
            self.at += len + 1;
            return Ok(Tok::Colon(scope));
        }
        self.at += len;
        Ok(Tok::Word(word))
    }

    /// After `parent.`: `span.x` and `resource.x` name a scope of the parent.
    fn parent(&mut self) -> Result<Tok<'a>, String> {
        for (name, scope) in [("span.", Scope::Span), ("resource.", Scope::Resource)] {
            if self.rest().starts_with(name) {
                self.at += name.len();
                return self.attribute(scope, true);
            }
        }
        self.attribute(Scope::None, true)
    }

    /// Our extension: `service.name` means `.service.name`. `len` is that of the word before the dot.
    fn bare_name(&mut self, len: usize) -> Result<Tok<'a>, String> {
        let (_, tail) = scan_name(&self.rest()[len + 1..])?;
        if tail == 0 {
            self.at += len + 1;
            return self.attribute(Scope::None, false);
        }
        self.attribute(Scope::None, false)
    }
}
