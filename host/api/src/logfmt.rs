//! The `tags` parameter: logfmt pairs, strict where the lenient `logfmt` crate would guess.

/// Parses `a=b c="d e"`. A bare key has the value `""`. The error names what is wrong and where.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(at, c)) = rest.peek() {
        if c <= ' ' {
            rest.next();
            continue;
        }
        if c == '=' || c == '"' {
            return Err(unexpected(at, c));
        }
        let mut key = String::new();
        while let Some((_, c)) = rest.next_if(|&(_, c)| c > ' ' && c != '=' && c != '"') {
            key.push(c);
        }
        let value = match rest.peek() {
            Some(&(at, '"')) => return Err(unexpected(at, '"')),
            Some(&(_, '=')) => {
                rest.next();
                read_value(&mut rest)?
            }
            _ => String::new(),
        };
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn unexpected(at: usize, c: char) -> String {
    format!("logfmt syntax error at pos {} : unexpected {c:?}", at + 1)
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn read_value(rest: &mut Chars<'_>) -> Result<String, String> {
    let mut value = String::new();
    let Some((start, _)) = rest.next_if(|&(_, c)| c == '"') else {
        while let Some((at, c)) = rest.next_if(|&(_, c)| c > ' ') {
            if c == '=' || c == '"' {
                return Err(unexpected(at, c));
            }
            value.push(c);
        }
        return Ok(value);
    };
    while let Some((_, c)) = rest.next() {
        match c {
            '"' => return Ok(value),
            '\\' => match rest.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 'u')) => value.push(read_unicode(rest)?),
                Some((_, c @ ('"' | '\\' | '/'))) => value.push(c),
                Some((at, c)) => {
                    return Err(format!("logfmt syntax error at pos {} : invalid escape \\{c}", at + 1));
                }
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(format!("logfmt syntax error at pos {} : unterminated quoted value", start + 1))
}

fn read_unicode(rest: &mut Chars<'_>) -> Result<char, String> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = rest.next().and_then(|(_, c)| c.to_digit(16));
        number = number * 16 + digit.ok_or("logfmt syntax error: invalid quoted value")?;
    }
    Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_quotes_and_bare_keys() {
        let check = |text: &str, expect: &[(&str, &str)]| {
            let expect: Vec<_> = expect.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(parse(text), Ok(expect), "{text}");
        };
        check(" service.name=\"a b\" name=x", &[("service.name", "a b"), ("name", "x")]);
        check("bare", &[("bare", "")]);
        check("a= b=c", &[("a", ""), ("b", "c")]);
        check(r#"a="q\"\u0041\n""#, &[("a", "q\"A\n")]);
        check("", &[]);
    }

    #[test]
    fn broken_text_is_refused_with_its_position() {
        let check = |text: &str, expect: &str| assert_eq!(parse(text), Err(expect.to_owned()), "{text}");
        check("=x", "logfmt syntax error at pos 1 : unexpected '='");
        check("a=b=c", "logfmt syntax error at pos 4 : unexpected '='");
        check("a=\"b", "logfmt syntax error at pos 3 : unterminated quoted value");
        check("a\"b\"", "logfmt syntax error at pos 2 : unexpected '\"'");
        check(r#"a="\x""#, "logfmt syntax error at pos 5 : invalid escape \\x");
    }
}
