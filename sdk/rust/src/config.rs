//! Configurations and what is wrong with them, each error with its place.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use std::fmt;

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON pointer: `/actions/2/key`; empty for the whole.
    pub path: String,
    /// For people.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Everything that is wrong with a configuration: collect, then [`Errors::ok`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors(pub Vec<ConfigError>);

impl Errors {
    /// One error; `path` is a JSON pointer.
    pub fn one(path: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.at(path, message);
        errors
    }

    /// Adds an error; `path` is a JSON pointer.
    pub fn at(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError { path: path.into(), message: message.into() });
    }

    /// The value, if there are no errors.
    pub fn ok<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// Reads a configuration; an error names its place.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Errors> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Errors::one(pointer(error.path()), message(error.inner())))?;
    reader.end().map_err(|error| Errors::one("", error.to_string()))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// Without line and column: the JSON was made from another text.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        #[expect(dead_code, reason = "only its errors are looked at")]
        key: String,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only its errors are looked at")]
        rules: Vec<Rule>,
    }

    fn check(json: &str, expect: &str) {
        assert_eq!(parse::<Config>(json).unwrap_err().to_string(), expect, "{json}");
    }

    #[test]
    fn errors_name_their_place() {
        check(
            r#"{"rules":[{"key":"a"},{"key":7}]}"#,
            "/rules/1/key: invalid type: integer `7`, expected a string",
        );
        check(r#"{"rules":[{"kee":"a"}]}"#, "/rules/0/kee: unknown field `kee`, expected `key`");
        check("{}", "missing field `rules`");
        check(r#"{"rules":[]} 1"#, "trailing characters at line 1 column 14");
    }
}
