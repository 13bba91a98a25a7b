//! Literals in SQL become `?`.
//!
//! Tokens are told apart as the Collector tells them, whose sanitizer is DataDog's go-sqllexer 0.1.12 (Apache-2.0) in
//! its mode `obfuscate_only`: white space and comments stay, digits in names become `?` too.

/// Quirks of a database that change what a literal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    Standard,
    /// Double quotes hold strings, backticks names, `#` begins a comment.
    MySql,
}

/// Replaces every literal.
pub(crate) fn sanitize(sql: &str, dialect: Dialect) -> String {
    let mut out = Vec::with_capacity(sql.len());
    Lexer { sql: sql.as_bytes(), at: 0, dialect, out: &mut out }.run();
    let text = String::from_utf8_lossy(&out);
    text.trim().to_owned()
}

/// What stands for the end of the text, and for a zero byte, which ends it.
const END: char = '\0';

struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
    dialect: Dialect,
    out: &'a mut Vec<u8>,
}

/// What becomes of a token.
#[derive(Clone, Copy, PartialEq)]
enum Token {
    Keep,
    Literal,
    /// A name: its digits become `?`.
    Name,
    /// `$func$…$func$`: what is inside is SQL.
    Function,
}

impl Lexer<'_> {
    fn run(&mut self) {
        loop {
            let start = self.at;
            let c = self.peek(0);
            if c == END {
                return;
            }
            let token = self.scan(c);
            let text = &self.sql[start..self.at];
            match token {
                Token::Keep => self.out.extend_from_slice(text),
                Token::Literal => self.out.push(b'?'),
                Token::Name => {
                    let mut digits = false;
                    for &byte in text {
                        if !byte.is_ascii_digit() {
                            self.out.push(byte);
                        } else if !digits {
                            self.out.push(b'?');
                        }
                        digits = byte.is_ascii_digit();
                    }
                }
                Token::Function => {
                    const TAG: &[u8] = b"$func$";
                    let inside = String::from_utf8_lossy(&text[TAG.len()..text.len() - TAG.len()]);
                    self.out.extend_from_slice(TAG);
                    self.out.extend_from_slice(sanitize(&inside, self.dialect).as_bytes());
                    self.out.extend_from_slice(TAG);
                }
            }
        }
    }

    /// The character that begins `ahead` bytes further on; bytes within one are no letter.
    fn peek(&self, ahead: usize) -> char {
        let Some(rest) = self.sql.get(self.at + ahead..) else { return END };
        match rest {
            [] => END,
            [byte, ..] if byte.is_ascii() => char::from(*byte),
            _ => {
                let bytes = &rest[..rest.len().min(4)];
                bytes
                    .utf8_chunks()
                    .next()
                    .and_then(|chunk| chunk.valid().chars().next())
                    .unwrap_or('\u{fffd}')
            }
        }
    }

    fn next(&mut self, bytes: usize) -> char {
        // A step over the end is none.
        if self.at + bytes <= self.sql.len() {
            self.at += bytes;
            self.peek(0)
        } else {
            END
        }
    }

    fn scan(&mut self, c: char) -> Token {
        let next = self.peek(1);
        match c {
            ' ' | '\t' | '\n' | '\r' => self.scan_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r')),
            c if is_letter(c) => self.scan_name(c),
            '"' if self.dialect == Dialect::MySql => self.scan_string('"'),
            '"' => self.scan_quoted_name('"'),
            '\'' => self.scan_string('\''),
            '-' if next == '-' => self.scan_line(2),
            '/' if next == '*' => self.scan_comment(),
            '+' | '-' if next.is_ascii_digit() || next == '.' => {
                let c = self.next(1);
                self.scan_decimal(c)
            }
            '+' | '-' => self.scan_operator(c),
            '0'..='9' => self.scan_number(c, next),
            '*' => self.scan_one(),
            '$' if next.is_ascii_digit() => {
                self.next(1);
                self.scan_while(|c| c.is_ascii_digit());
                Token::Literal
            }
            '$' => self.scan_dollar_quoted(),
            '`' if self.dialect == Dialect::MySql => self.scan_quoted_name('`'),
            '#' if self.dialect == Dialect::MySql => self.scan_line(1),
            '@' => self.scan_at(next),
            c if is_operator(c) => self.scan_operator(c),
            _ => self.scan_one(),
        }
    }

    fn scan_one(&mut self) -> Token {
        self.next(1);
        Token::Keep
    }

    fn scan_while(&mut self, goes_on: impl Fn(char) -> bool) -> Token {
        while goes_on(self.next(1)) {}
        Token::Keep
    }

    fn scan_line(&mut self, start_bytes: usize) -> Token {
        let mut c = self.next(start_bytes);
        while c != '\n' && c != END {
            c = self.next(1);
        }
        Token::Keep
    }

    fn scan_comment(&mut self) -> Token {
        let mut c = self.next(2);
        while c != END {
            if c == '*' && self.peek(1) == '/' {
                self.next(2);
                break;
            }
            c = self.next(1);
        }
        Token::Keep
    }

    fn scan_number(&mut self, c: char, next: char) -> Token {
        let digits: fn(char) -> bool = match next {
            'x' | 'X' if c == '0' => |c| c.is_ascii_hexdigit(),
            '0'..='7' if c == '0' => |c| matches!(c, '0'..='7'),
            _ => {
                let c = self.next(1);
                return self.scan_decimal(c);
            }
        };
        let mut c = self.next(2);
        while digits(c) {
            c = self.next(1);
        }
        Token::Literal
    }

    fn scan_decimal(&mut self, mut c: char) -> Token {
        loop {
            match c {
                '0'..='9' | '.' => c = self.next(1),
                'e' | 'E' => {
                    c = self.next(1);
                    if matches!(c, '+' | '-') {
                        c = self.next(1);
                    }
                }
                _ => return Token::Literal,
            }
        }
    }

    /// Strings that never end are literals too.
    fn scan_string(&mut self, delimiter: char) -> Token {
        loop {
            match self.next(1) {
                END => return Token::Literal,
                '\\' if self.next(1) == END => return Token::Literal,
                '\\' => {}
                c if c == delimiter => {
                    self.next(1);
                    return Token::Literal;
                }
                _ => {}
            }
        }
    }

    fn scan_name(&mut self, first: char) -> Token {
        let start = self.at;
        let mut c = first;
        while c.is_ascii_alphabetic() || c == '_' {
            c = self.next(1);
        }
        let word = &self.sql[start..self.at];
        let ends = c == END || is_punctuation(c) || matches!(c, ' ' | '\t' | '\n' | '\r');
        if ends
            && ["true", "false", "null"].iter().any(|literal| word.eq_ignore_ascii_case(literal.as_bytes()))
        {
            return Token::Literal;
        }
        while is_letter(c) || c.is_ascii_digit() || matches!(c, '"' | '.' | '?' | '$' | '#' | '/' | '@' | '!')
        {
            c = self.next(c.len_utf8());
        }
        // Names of functions keep their digits.
        if c == '(' && first.is_ascii() { Token::Keep } else { Token::Name }
    }

    fn scan_quoted_name(&mut self, quote: char) -> Token {
        let mut c = self.next(1);
        loop {
            if c == END {
                return Token::Keep;
            }
            if c != quote {
                c = self.next(1);
            } else if self.peek(1) == '.' && self.peek(2) == quote {
                // `"foo"."bar"` is one name.
                c = self.next(3);
            } else {
                self.next(1);
                return Token::Name;
            }
        }
    }

    fn scan_dollar_quoted(&mut self) -> Token {
        let start = self.at;
        let mut c = self.next(1);
        while self.at < self.sql.len() && c != '$' {
            c = self.next(1);
        }
        self.next(1);
        let tag = &self.sql[start..self.at];
        while self.at < self.sql.len() {
            if self.sql[self.at..].starts_with(tag) {
                let function = tag == b"$func$";
                self.next(tag.len());
                return if function { Token::Function } else { Token::Literal };
            }
            self.next(1);
        }
        Token::Keep
    }

    fn scan_at(&mut self, next: char) -> Token {
        let word = |c: char| is_letter(c) || c.is_ascii_digit() || !c.is_ascii() && c.is_numeric();
        if next == '@' {
            if word(self.peek(2)) {
                self.next(1);
                return self.scan_while(word);
            }
            self.next(2);
            return Token::Keep;
        }
        if word(next) {
            self.next(1);
            return self.scan_while(word);
        }
        if matches!(next, '?' | '>') {
            self.next(2);
            return Token::Keep;
        }
        self.scan_operator('@')
    }

    fn scan_operator(&mut self, first: char) -> Token {
        let mut last = first;
        let mut c = self.next(1);
        match (first, c) {
            ('-' | '#', '>') => {
                if self.next(1) == '>' {
                    self.next(1);
                }
                return Token::Keep;
            }
            ('#', '-') | ('?', '|' | '&') | ('<', '@') => {
                self.next(1);
                return Token::Keep;
            }
            _ => {}
        }
        // `=?` is two tokens.
        while is_operator(c) && !(last == '=' && matches!(c, '?' | '@')) {
            last = c;
            c = self.next(1);
        }
        Token::Keep
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii() && c.is_alphabetic()
}

fn is_operator(c: char) -> bool {
    "+-*/=<>!&|^%~?@:#".contains(c)
}

fn is_punctuation(c: char) -> bool {
    "(),;.:[]{}".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_out_as_the_collectors_sanitizer_gives_them() {
        crate::tests::compare("sql", |text| sanitize(text, Dialect::Standard));
        crate::tests::compare("mysql", |text| sanitize(text, Dialect::MySql));
    }
}
