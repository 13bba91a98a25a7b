//! Query strings as Go's `net/url` reads them: order kept, the first of a repeated name wins, pairs with
//! a broken escape or a semicolon dropped.

/// The decoded pairs of a query string.
#[derive(Debug, Default, Clone)]
pub(crate) struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Decodes the part after `?`.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        Self(
            pairs
                .filter_map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Some((decode(name, true)?, decode(value, true)?))
                })
                .collect(),
        )
    }

    /// The first value of `name`; absent and empty are the same, as in Tempo.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// The first value of `name`, even when empty.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All pairs in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Undoes percent escapes; `plus` turns `+` into a blank. `None` for a broken escape. Bytes that are not
/// UTF-8 become replacement characters: they can match nothing that is stored.
pub(crate) fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_a_repeated_name_wins_and_broken_pairs_vanish() {
        let check = |text: &str, name: &str, expect: Option<&str>| {
            assert_eq!(QueryString::parse(text).get(name), expect, "{text}");
        };
        check("q=a&q=b", "q", Some("a"));
        check("q=", "q", None);
        check("q=%zz&q=b", "q", Some("b"));
        check("q=a;b&q=c", "q", Some("c"));
        check("q=%7B+%7D", "q", Some("{ }"));
        check("tag=%", "tag", None);
        check("a=1&&b=2", "b", Some("2"));
    }
}
