//! Key selectors.

use crate::plan::KeySelector;

/// A selector ready to be asked.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    Exact(Box<str>),
    Prefix(Box<str>),
    Glob(Box<str>),
    Pattern(regex::Regex, Box<str>),
    Any,
}

impl Selector {
    pub(crate) fn new(selector: &KeySelector) -> Result<Self, String> {
        Ok(match selector {
            KeySelector::Exact(key) => Self::Exact(key.as_str().into()),
            KeySelector::Prefix(prefix) if prefix.is_empty() => Self::Any,
            KeySelector::Prefix(prefix) => Self::Prefix(prefix.as_str().into()),
            KeySelector::Glob(glob) => Self::Glob(glob.as_str().into()),
            KeySelector::Pattern(pattern) => {
                Self::Pattern(crate::pattern::expression(pattern)?.regex, pattern.as_str().into())
            }
            KeySelector::Any => Self::Any,
        })
    }

    pub(crate) fn is_match(&self, key: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *key,
            Self::Prefix(prefix) => key.starts_with(&**prefix),
            Self::Glob(glob) => glob_matches(glob, key),
            Self::Pattern(regex, _) => regex.is_match(key),
            Self::Any => true,
        }
    }

    /// True if both select the same keys by the same words.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b))
            | (Self::Prefix(a), Self::Prefix(b))
            | (Self::Glob(a), Self::Glob(b))
            | (Self::Pattern(_, a), Self::Pattern(_, b)) => a == b,
            (Self::Any, Self::Any) => true,
            _ => false,
        }
    }
}

/// `*` is any text, `?` one character. Only the last `*` is ever tried again, so the cost is bounded by
/// the product of both lengths.
fn glob_matches(glob: &str, key: &str) -> bool {
    let (mut glob, mut key) = (glob.chars(), key.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (glob_here, key_here) = (glob.clone(), key.clone());
        match (glob.next(), key.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                key = key_here;
                retry = Some((glob.clone(), key.clone()));
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(a), Some(b)) if a == b => continue,
            _ => {}
        }
        drop((glob_here, key_here));
        let Some((after, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        glob = after.clone();
        key = from.clone();
        retry = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_keys() {
        let check = |glob: &str, key: &str, expect| {
            assert_eq!(glob_matches(glob, key), expect, "{glob} on {key}");
        };
        check("http.*", "http.url", true);
        check("http.*", "http", false);
        check("*", "", true);
        check("*.id", "user.id", true);
        check("*.id", "user.id.x", false);
        check("a?c", "abc", true);
        check("a?c", "aéc", true);
        check("a?c", "ac", false);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b", "aabab", true);
        check("", "", true);
        check("", "a", false);
        check("a**b", "ab", true);
    }
}
