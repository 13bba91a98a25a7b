//! A document against the schema: unknown keys, wrong types, and what each set key means for the start.

use crate::error::{PROBLEMS_MAX, Problem};
use crate::scalar;
use crate::schema::{Effect, FLAT, Key, Kind};
use crate::yaml::{Entry, Node, Value};

/// Findings, each in the order of the document.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Mistakes.
    pub(crate) problems: Vec<Problem>,
    /// Keys that refuse the start.
    pub(crate) refusals: Vec<Problem>,
    /// Keys somebody will miss.
    pub(crate) missing: Vec<Problem>,
    /// Paths of keys without effect.
    pub(crate) ignored: Vec<String>,
}

impl Findings {
    pub(crate) fn problem(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        self.push(node.line, node.column, path, message.into(), None);
    }

    /// Refuses the start for what is well written but not done.
    pub(crate) fn refuse(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        let (line, column, path) = (node.line, node.column, path.to_owned());
        self.refusals.push(Problem { line, column, path, message: message.into(), nearest: None });
    }

    fn push(&mut self, line: u32, column: u32, path: &str, message: String, nearest: Option<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, column, path: path.to_owned(), message, nearest });
        }
    }

    /// Checks a map against its keys. `quiet` checks types only: what the keys mean was said for the
    /// section as a whole.
    pub(crate) fn section(&mut self, keys: &'static [Key], node: &Node, path: &str, quiet: bool) {
        let Some(entries) = self.entries(node, path) else { return };
        for entry in entries {
            let path = join(path, &entry.key);
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) => self.entry(key, entry, &path, quiet),
                None => self.unknown(entry, &path, keys.iter().map(|key| key.name)),
            }
        }
    }

    fn entries<'a>(&mut self, node: &'a Node, path: &str) -> Option<&'a [Entry]> {
        match &node.value {
            Value::Null => None,
            Value::Map(entries) => Some(entries),
            Value::Scalar(_) | Value::List(_) => {
                self.problem(node, path, format!("expected a section of keys, found {}", found(node)));
                None
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, path: &str, known: impl Iterator<Item = &'static str>) {
        let nearest = nearest(&entry.key, known);
        self.push(entry.line, entry.column, path, "unknown key".to_owned(), nearest);
    }

    fn entry(&mut self, key: &'static Key, entry: &Entry, path: &str, quiet: bool) {
        if !quiet {
            self.effect(key, entry, path);
        }
        // A section says what it means as a whole unless its keys speak for themselves.
        let quiet = quiet
            || !matches!(key.effect, Effect::Used | Effect::Ignored)
            || matches!(key.kind, Kind::Sections(_));
        let node = &entry.node;
        match key.kind {
            Kind::Section(keys) => self.section(keys, node, path, quiet),
            Kind::Limits => self.limits(node, path, quiet),
            Kind::Typed(keys) => self.typed(keys, node, path, quiet),
            Kind::Sections(keys) => match &node.value {
                Value::Null => {}
                Value::List(nodes) => {
                    for (i, node) in nodes.iter().enumerate() {
                        self.section(keys, node, &format!("{path}[{i}]"), quiet);
                    }
                }
                _ => self.problem(node, path, format!("expected a list of sections, found {}", found(node))),
            },
            _ => self.leaf(key, node, path),
        }
    }

    /// Limits in scoped form; the flat one has been turned into it before.
    pub(crate) fn limits(&mut self, node: &Node, path: &str, quiet: bool) {
        let Some(entries) = self.entries(node, path) else { return };
        for entry in entries {
            let path = join(path, &entry.key);
            match crate::schema::LIMITS.iter().find(|key| key.name == entry.key) {
                Some(key) => self.entry(key, entry, &path, quiet),
                None => {
                    let known: Vec<&'static str> = crate::schema::LIMITS.iter().map(|key| key.name).collect();
                    let flat = FLAT.keys().map(|name| &**name);
                    self.unknown(entry, &path, known.into_iter().chain(flat));
                }
            }
        }
    }

    fn typed(&mut self, keys: &'static [Key], node: &Node, path: &str, quiet: bool) {
        let Some(entries) = self.entries(node, path) else { return };
        for entry in entries {
            let (kind, name) = entry.key.split_once('/').map_or((&*entry.key, None), |(k, n)| (k, Some(n)));
            let path = join(path, &entry.key);
            if name.is_some_and(str::is_empty) {
                self.push(entry.line, entry.column, &path, "the name behind `/` is empty".to_owned(), None);
            }
            match keys.iter().find(|key| key.name == kind) {
                Some(key) => self.entry(key, entry, &path, quiet),
                None => self.unknown(entry, &path, keys.iter().map(|key| key.name)),
            }
        }
    }

    fn leaf(&mut self, key: &Key, node: &Node, path: &str) {
        match (&key.kind, &node.value) {
            (Kind::Opaque, _) | (_, Value::Null) => {}
            (Kind::Texts, Value::List(nodes)) => self.each(nodes, path, "text", |_| Ok(())),
            (Kind::Floats, Value::List(nodes)) => {
                self.each(nodes, path, "number", |text| scalar::float(text).map(drop));
            }
            (Kind::TextMap | Kind::SecretMap, Value::Map(entries)) => {
                for entry in entries {
                    if matches!(entry.node.value, Value::List(_) | Value::Map(_)) {
                        let path = join(path, &entry.key);
                        self.problem(
                            &entry.node,
                            &path,
                            format!("expected text, found {}", found(&entry.node)),
                        );
                    }
                }
            }
            (Kind::CountsMap, Value::Map(entries)) => {
                for entry in entries {
                    let path = join(path, &entry.key);
                    match &entry.node.value {
                        Value::Null => {}
                        Value::List(nodes) => {
                            self.each(nodes, &path, "whole number", |text| scalar::count(text).map(drop));
                        }
                        _ => self.problem(&entry.node, &path, "expected a list of whole numbers"),
                    }
                }
            }
            (_, Value::Scalar(text)) => {
                if let Err(message) = well_typed(&key.kind, text) {
                    let nearest = match key.kind {
                        Kind::Choice(words) => nearest(text, words.iter().copied()),
                        _ => None,
                    };
                    self.push(node.line, node.column, path, message, nearest);
                }
            }
            _ => self.problem(node, path, format!("expected {}, found {}", expected(&key.kind), found(node))),
        }
    }

    fn each(&mut self, nodes: &[Node], path: &str, what: &str, check: impl Fn(&str) -> Result<(), String>) {
        for (i, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{i}]");
            match &node.value {
                Value::Scalar(text) => {
                    if let Err(message) = check(text) {
                        self.problem(node, &path, message);
                    }
                }
                _ => self.problem(node, &path, format!("expected a {what}, found {}", found(node))),
            }
        }
    }

    fn effect(&mut self, key: &Key, entry: &Entry, path: &str) {
        let note = |message: &str| Problem {
            line: entry.line,
            column: entry.column,
            path: path.to_owned(),
            message: message.to_owned(),
            nearest: None,
        };
        match key.effect {
            Effect::Used => {}
            Effect::Ignored => {
                let below = matches!(key.kind, Kind::Section(_) | Kind::Typed(_) | Kind::Limits);
                if !below && given(&entry.node) {
                    self.ignored.push(path.to_owned());
                }
            }
            Effect::Missing(reason) => {
                if differs(key, &entry.node) {
                    self.missing.push(note(reason));
                }
            }
            Effect::Refused(reason) => {
                if differs(key, &entry.node) {
                    self.refusals.push(note(reason));
                }
            }
            Effect::RefusedPresent(reason) => self.refusals.push(note(reason)),
        }
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Anything but nothing: null, `{}` and `[]` set nothing.
fn given(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Scalar(_) => true,
        Value::List(nodes) => !nodes.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
    }
}

/// Whether a value asks for something that the default does not.
pub(crate) fn differs(key: &Key, node: &Node) -> bool {
    match (&key.kind, &node.value) {
        (_, Value::Null) => false,
        (Kind::Section(keys), Value::Map(entries)) => entries.iter().any(|entry| {
            keys.iter().find(|key| key.name == entry.key).is_none_or(|key| differs(key, &entry.node))
        }),
        (_, Value::Scalar(text)) => !same(&key.kind, text, key.default),
        (_, Value::List(_) | Value::Map(_)) => {
            given(node)
                && match crate::yaml::parse(key.default) {
                    Ok(default) => !alike(&default, node),
                    Err(_) => true,
                }
        }
    }
}

/// Equal but for the places.
fn alike(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(left), Value::Scalar(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| alike(l, r))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|l| right.iter().any(|r| l.key == r.key && alike(&l.node, &r.node)))
        }
        _ => false,
    }
}

fn same(kind: &Kind, text: &str, default: &str) -> bool {
    match kind {
        Kind::Bool => scalar::boolean(text) == scalar::boolean(default),
        Kind::Int | Kind::Count | Kind::Port => scalar::integer(text) == scalar::integer(default),
        Kind::Float => scalar::float(text) == scalar::float(default),
        Kind::Duration | Kind::LongDuration => scalar::long_duration(text) == scalar::long_duration(default),
        _ => text == default,
    }
}

pub(crate) fn well_typed(kind: &Kind, text: &str) -> Result<(), String> {
    match kind {
        Kind::Bool => scalar::boolean(text).map(drop),
        Kind::Int => scalar::integer(text).map(drop),
        Kind::Count => scalar::count(text).map(drop),
        Kind::Port => match scalar::count(text) {
            Ok(number) if number <= u64::from(u16::MAX) => Ok(()),
            _ => Err(format!("`{text}` is not a port (0 to 65535)")),
        },
        Kind::Float => scalar::float(text).map(drop),
        Kind::Duration => scalar::duration(text).map(drop),
        Kind::LongDuration => scalar::long_duration(text).map(drop),
        Kind::Choice(words) => {
            if text.is_empty() || words.contains(&text) {
                Ok(())
            } else {
                Err(format!("`{text}` is not one of {}", words.join(", ")))
            }
        }
        Kind::Floats => text.split(',').try_for_each(|part| scalar::float(part.trim()).map(drop)),
        Kind::Text | Kind::Secret | Kind::Texts => Ok(()),
        // Environment variables that are unset leave an empty text where a map would stand.
        _ if text.is_empty() => Ok(()),
        _ => Err(format!("expected {}, found `{text}`", expected(kind))),
    }
}

const fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int | Kind::Count => "a whole number",
        Kind::Port => "a port",
        Kind::Float => "a number",
        Kind::Text | Kind::Secret | Kind::Choice(_) => "a text",
        Kind::Duration | Kind::LongDuration => "a duration",
        Kind::Texts => "a list of texts",
        Kind::Floats => "a list of numbers",
        Kind::TextMap | Kind::SecretMap => "a map of texts",
        Kind::CountsMap => "a map of lists of whole numbers",
        Kind::Section(_) | Kind::Typed(_) | Kind::Limits => "a section of keys",
        Kind::Sections(_) => "a list of sections",
        Kind::Opaque => "anything",
    }
}

fn found(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::Scalar(_) => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

/// The most similar of the known names, if it is similar at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    // Long inputs cannot be typing mistakes of our names, and the distance costs their product.
    const BYTES_MAX: usize = 128;
    const SIMILARITY_MIN: f64 = 0.6;
    if name.len() > BYTES_MAX {
        return None;
    }
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.to_owned())
}
