//! YAML into a tree that remembers where everything stood.
//!
//! Scalars keep their text: the schema, not YAML's guess, decides whether `010` or `yes` is a number, a
//! switch or a name. The limits make a bomb an error before it costs memory.

use crate::error::{ConfigError, Problem};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Longest document in bytes. The largest rendered chart is some 20 KB; an overrides file of 10,000 tenants
/// with ten keys each is below 4 MB.
pub const BYTES_MAX: usize = 8 << 20;
/// Deepest nesting. Tempo's deepest key is at ten.
pub const DEPTH_MAX: usize = 32;
/// Most keys and values after aliases are expanded: "billion laughs" documents end here, at some 30 MB.
/// Those 10,000 tenants have 220,000.
pub const NODES_MAX: usize = 1 << 18;

/// A value and where it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) value: Value,
    /// A scalar in quotes, or with a tag: text whatever it looks like.
    pub(crate) is_quoted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn scalar(text: impl Into<String>) -> Self {
        Self { value: Value::Scalar(text.into()), ..Self::default() }
    }

    pub(crate) fn map() -> Self {
        Self { value: Value::Map(Vec::new()), ..Self::default() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The node at a dotted path; absent and null are the same.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        let mut node = self;
        for key in path.split('.') {
            node = node.get(key)?;
        }
        (node.value != Value::Null).then_some(node)
    }

    /// Puts `child` at a path, making maps on the way; an existing value is replaced.
    pub(crate) fn set(&mut self, path: &[&str], child: Self) {
        let Some((key, rest)) = path.split_first() else {
            *self = child;
            return;
        };
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        let at = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
            let (line, column) = (child.line, child.column);
            entries.push(Entry { key: (*key).to_owned(), line, column, node: Self::default() });
            entries.len() - 1
        });
        entries[at].node.set(rest, child);
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(nodes) => nodes.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|entry| 1 + entry.node.count()).sum(),
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(nodes) => nodes.iter().map(Self::depth).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.depth()).max().unwrap_or(0),
        }
    }
}

fn problem(line: usize, column: usize, message: impl Into<String>) -> ConfigError {
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    ConfigError::Yaml(Problem {
        line: place(line),
        column: place(column),
        path: String::new(),
        message: message.into(),
        nearest: None,
    })
}

fn at(span: &Span, message: impl Into<String>) -> ConfigError {
    problem(span.start.line(), span.start.col() + 1, message)
}

/// A collection whose end has not been seen.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, u32, u32)>,
    seen: HashSet<String>,
    /// What `<<` brought in: own keys win over it.
    merged: Vec<Entry>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// Parses one document; an empty text is null.
pub(crate) fn parse(text: &str) -> Result<Node, ConfigError> {
    if text.len() > BYTES_MAX {
        return Err(problem(
            0,
            0,
            format!("document of {} bytes exceeds the limit of {BYTES_MAX}", text.len()),
        ));
    }
    let mut builder = Builder::default();
    let mut documents = 0_u32;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            problem(error.marker().line(), error.marker().col() + 1, error.info().to_owned())
        })?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                return Err(at(&span, "more than one document in the file"));
            }
        }
        builder.event(event, &span)?;
    }
    Ok(builder.root.unwrap_or_default())
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), ConfigError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), span)?;
                self.done(node, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => self.start(Value::List(Vec::new()), anchor, tag, span),
            Event::MappingStart(anchor, tag) => self.start(Value::Map(Vec::new()), anchor, tag, span),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let anchor = open.anchor;
                    self.done(open.finish(), anchor, span)
                }
                None => Err(at(span, "a collection ends that never began")),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(at(span, "an alias inside its own anchor, or to an unknown one"));
                };
                if self.open.len() + node.depth() > DEPTH_MAX {
                    return Err(at(span, format!("nested deeper than {DEPTH_MAX} levels")));
                }
                self.nodes += node.count();
                self.bounded(span)?;
                let node = node.clone();
                self.done(node, 0, span)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn bounded(&self, span: &Span) -> Result<(), ConfigError> {
        if self.nodes > NODES_MAX {
            return Err(at(
                span,
                format!("more than {NODES_MAX} values (aliases count each time they are used)"),
            ));
        }
        Ok(())
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        span: &Span,
    ) -> Result<(), ConfigError> {
        core_tag(tag.as_deref(), span)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(at(span, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        if self.open.last().is_some_and(|open| matches!(open.node.value, Value::Map(_)) && open.key.is_none())
        {
            return Err(at(span, "a key must be a plain value, not a list or map"));
        }
        let node = Node { value, ..place(span) };
        self.open.push(Open { node, anchor, key: None, seen: HashSet::new(), merged: Vec::new() });
        Ok(())
    }

    fn done(&mut self, node: Node, anchor: usize, span: &Span) -> Result<(), ConfigError> {
        self.nodes += 1;
        self.bounded(span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
            // The copy kept for aliases is memory too.
            self.nodes += node.count();
            self.bounded(span)?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::List(nodes), _) => nodes.push(node),
            (Value::Map(_), None) => {
                let key = match node.value {
                    Value::Scalar(text) => text,
                    Value::Null => String::new(),
                    Value::List(_) | Value::Map(_) => {
                        return Err(at(span, "a key must be a plain value, not a list or map"));
                    }
                };
                if !open.seen.insert(key.clone()) {
                    return Err(at(span, format!("key `{key}` is set twice in the same map")));
                }
                open.key = Some((key, node.line, node.column));
            }
            (Value::Map(_), Some((key, ..))) if key == "<<" => merge(&mut open.merged, node, span)?,
            (Value::Map(entries), Some((key, line, column))) => {
                entries.push(Entry { key, line, column, node })
            }
            (Value::Null | Value::Scalar(_), _) => {}
        }
        Ok(())
    }
}

impl Open {
    fn finish(self) -> Node {
        let mut node = self.node;
        if let Value::Map(entries) = &mut node.value {
            entries.extend(self.merged.into_iter().filter(|entry| !self.seen.contains(&entry.key)));
        }
        node
    }
}

/// `<<: *base` or `<<: [*a, *b]`: the first to bring a key wins.
fn merge(merged: &mut Vec<Entry>, node: Node, span: &Span) -> Result<(), ConfigError> {
    match node.value {
        Value::Map(entries) => {
            for entry in entries {
                if !merged.iter().any(|known| known.key == entry.key) {
                    merged.push(entry);
                }
            }
            Ok(())
        }
        Value::List(nodes) => {
            for node in nodes {
                if !matches!(node.value, Value::Map(_)) {
                    return Err(at(span, "`<<` merges maps only"));
                }
                merge(merged, node, span)?;
            }
            Ok(())
        }
        Value::Null | Value::Scalar(_) => Err(at(span, "`<<` merges maps only")),
    }
}

fn place(span: &Span) -> Node {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Node { line: number(span.start.line()), column: number(span.start.col() + 1), ..Node::default() }
}

/// The tags of YAML's core schema, and the merge key's.
const CORE_TAGS: [&str; 8] = ["str", "int", "float", "bool", "null", "map", "seq", "merge"];

fn core_tag(tag: Option<&Tag>, span: &Span) -> Result<(), ConfigError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() || !CORE_TAGS.contains(&&*tag.suffix) => {
            Err(at(span, format!("unknown tag `{tag}`")))
        }
        _ => Ok(()),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Node, ConfigError> {
    core_tag(tag, span)?;
    let null = style == ScalarStyle::Plain
        && tag.is_none_or(|tag| tag.suffix == "null")
        && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    let value = if null { Value::Null } else { Value::Scalar(text.to_owned()) };
    let is_quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
    Ok(Node { value, is_quoted, ..place(span) })
}
