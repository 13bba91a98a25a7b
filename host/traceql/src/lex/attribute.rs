//! Attribute names: anything up to a terminator, with quoted parts.

use crate::ast::NAME_ENDS;

/// Reads a name at the start of `text`: the name without quotes, and how many bytes it took (0: none).
pub(crate) fn scan_name(text: &str) -> Result<(String, usize), String> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut quoted = false;
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => name.push(c),
                Some((_, c)) => return Err(format!("invalid escape sequence: \\{c}")),
                None => break,
            },
            c if !quoted && (c.is_whitespace() || NAME_ENDS.contains(c)) => return Ok((name, i)),
            c => name.push(c),
        }
    }
    if quoted {
        return Err("unexpected EOF, expecting \"".to_owned());
    }
    Ok((name, text.len()))
}
