//! Reading a checked document by path, with the schema's defaults.

use crate::scalar;
use crate::schema::{self, Key, ROOT};
use crate::yaml::{self, Node, Value};
use std::time::Duration;

/// A document that has passed the checker.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    root: &'a Node,
    /// Where defaults come from; `None` makes everything absent zero.
    defaults: Option<&'static [Key]>,
}

impl<'a> Values<'a> {
    /// A whole configuration.
    pub(crate) const fn of(root: &'a Node) -> Self {
        Self { root, defaults: Some(ROOT) }
    }

    /// A section with its own schema, or with zero for what is absent.
    pub(crate) const fn below(root: &'a Node, defaults: Option<&'static [Key]>) -> Self {
        Self { root, defaults }
    }

    /// Whether somebody set the key.
    pub(crate) fn is_set(&self, path: &str) -> bool {
        self.root.at(path).is_some()
    }

    /// The node at a path, or the default parsed.
    pub(crate) fn node(&self, path: &str) -> Node {
        if let Some(node) = self.root.at(path) {
            return node.clone();
        }
        let Some(defaults) = self.defaults else { return Node::default() };
        let key = schema::find(defaults, path);
        debug_assert!(key.is_some(), "{path} is not in the schema");
        key.and_then(|key| yaml::parse(key.default).ok()).unwrap_or_default()
    }

    /// The node at a path, or nothing: for paths whose names are free.
    pub(crate) fn node_if_set(&self, path: &str) -> Node {
        self.root.at(path).cloned().unwrap_or_default()
    }

    fn parsed<T: Default>(&self, path: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        match self.node(path).value {
            // The checker has seen it: a failure here can only be a schema default, which a test reads.
            Value::Scalar(text) => parse(&text).unwrap_or_default(),
            _ => T::default(),
        }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.parsed(path, |text| Ok(text.to_owned()))
    }

    pub(crate) fn boolean(&self, path: &str) -> bool {
        self.parsed(path, scalar::boolean)
    }

    pub(crate) fn count(&self, path: &str) -> u64 {
        self.parsed(path, scalar::count)
    }

    /// A count for machinery that takes `usize`; larger than the address space means no limit anyway.
    pub(crate) fn size(&self, path: &str) -> usize {
        usize::try_from(self.count(path)).unwrap_or(usize::MAX)
    }

    pub(crate) fn port(&self, path: &str) -> u16 {
        u16::try_from(self.count(path)).unwrap_or_default()
    }

    pub(crate) fn float(&self, path: &str) -> f64 {
        self.parsed(path, scalar::float)
    }

    pub(crate) fn duration(&self, path: &str) -> Duration {
        self.parsed(path, scalar::long_duration)
    }

    pub(crate) fn texts(&self, path: &str) -> Vec<String> {
        texts(&self.node(path))
    }
}

/// A list of texts; one text is a comma-separated list.
pub(crate) fn texts(node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(nodes) => nodes.iter().filter_map(scalar_text).map(str::to_owned).collect(),
        Value::Scalar(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        Value::Null | Value::Map(_) => Vec::new(),
    }
}

pub(crate) fn scalar_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        _ => None,
    }
}
