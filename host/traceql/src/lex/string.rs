//! String literals in Go's two forms.

/// `"…"` with escapes: the text and the length in bytes, quotes included.
pub(super) fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => {
                let text = String::from_utf8(bytes).map_err(|_| "string is not valid UTF-8".to_owned())?;
                return Ok((text, i + 1));
            }
            '\n' => break,
            '\\' => {
                let Some((at, c)) = chars.next() else { break };
                let more = escape(c, &text[at + c.len_utf8()..], &mut bytes)?;
                // Hex and octal digits are one byte each.
                if more > 0 {
                    chars.nth(more - 1);
                }
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("literal not terminated".to_owned())
}

/// `` `…` ``: no escapes; carriage returns are dropped as Go does.
pub(super) fn raw(text: &str) -> Result<(String, usize), String> {
    let end = text[1..].find('`').ok_or("literal not terminated")?;
    Ok((text[1..=end].replace('\r', ""), end + 2))
}

/// Appends what `\c` and the text after it stand for; returns how many characters of that text it took.
fn escape(c: char, after: &str, out: &mut Vec<u8>) -> Result<usize, String> {
    let simple = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        _ => 0,
    };
    if simple != 0 {
        out.push(simple);
        return Ok(0);
    }
    let invalid = || format!("invalid escape sequence: \\{c}");
    let digits = |n: usize, radix: u32| -> Result<u32, String> {
        let text = after.get(..n).ok_or_else(invalid)?;
        if !text.chars().all(|c| c.is_digit(radix)) {
            return Err(invalid());
        }
        u32::from_str_radix(text, radix).map_err(|_| invalid())
    };
    match c {
        'x' => {
            out.push(digits(2, 16)? as u8);
            Ok(2)
        }
        'u' | 'U' => {
            let n = if c == 'u' { 4 } else { 8 };
            let c = char::from_u32(digits(n, 16)?).ok_or_else(invalid)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            Ok(n)
        }
        '0'..='7' => {
            let number = (c as u32 - '0' as u32) * 64 + digits(2, 8)?;
            out.push(u8::try_from(number).map_err(|_| invalid())?);
            Ok(2)
        }
        _ => Err(invalid()),
    }
}
