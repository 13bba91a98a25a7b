//! JSON text as Go writes it: `<`, `>`, `&` and the line separators escaped inside strings.

use serde::Serialize;
use std::io::{self, Write};

/// Serialises an answer. Answers are plain structs, so this cannot fail.
pub(crate) fn to_vec(answer: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, GoFormatter);
    answer.serialize(&mut serializer).expect("answers have text keys and no failing serializer");
    out
}

struct GoFormatter;

impl serde_json::ser::Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let c = rest[at..].chars().next().expect("a character was found here");
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_characters_are_escaped_inside_strings() {
        let text = String::from_utf8(to_vec(&["<a>&\"\u{2028}é"])).expect("JSON is UTF-8");
        assert_eq!(text, r#"["\u003ca\u003e\u0026\"\u2028é"]"#);
    }
}
