//! Spans and traces as plain structs with maps of attributes.

use crate::data::Full;
use crate::values::{V, value};
use cadenza_traceql::ast::Relation;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use std::collections::BTreeMap;

pub(crate) type Map = BTreeMap<String, V>;

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) since: i64,
    pub(crate) attrs: Map,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) attrs: Map,
}

#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) kind: i32,
    pub(crate) status: i32,
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attrs: Map,
    pub(crate) resource: Map,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) scope: Map,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    /// Left, right, the parent's left, and the number of children.
    pub(crate) numbers: [i64; 4],
    pub(crate) full: Full,
}

/// A trace, its spans by start and id.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    pub(crate) spans: Vec<Span>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) root: Option<usize>,
}

fn map(list: &[KeyValue]) -> Map {
    list.iter().map(|pair| (pair.key.clone(), value(pair.value.as_ref()))).collect()
}

/// Of several service names the last text counts, if there is one.
fn resource_map(list: &[KeyValue]) -> Map {
    let mut map = map(list);
    let mut texts =
        list.iter().filter(|pair| pair.key == "service.name").map(|pair| value(pair.value.as_ref()));
    if let Some(last) = texts.rfind(|value| matches!(value, V::Str(_))) {
        map.insert("service.name".to_owned(), last);
    }
    // An empty one is none.
    if map.get("service.name") == Some(&V::Str(String::new())) {
        map.remove("service.name");
    }
    map
}

pub(crate) fn is_empty_text(pair: &KeyValue) -> bool {
    value(pair.value.as_ref()) == V::Str(String::new())
}

pub(crate) fn number64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(crate) fn number128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

impl Span {
    fn new(full: &Full) -> Self {
        let span = &full.span;
        let status = span.status.clone().unwrap_or_default();
        let start = span.start_time_unix_nano;
        Self {
            id: number64(&span.span_id),
            parent: number64(&span.parent_span_id),
            kind: span.kind,
            status: status.code,
            name: span.name.clone(),
            message: status.message,
            start,
            end: span.end_time_unix_nano,
            attrs: map(&span.attributes),
            resource: resource_map(&full.resource),
            scope_name: full.scope.name.clone(),
            scope_version: full.scope.version.clone(),
            scope: map(&full.scope.attributes),
            events: (span.events.iter())
                .map(|e| Event {
                    name: e.name.clone(),
                    since: e.time_unix_nano as i64 - start as i64,
                    attrs: map(&e.attributes),
                })
                .collect(),
            links: (span.links.iter())
                .map(|l| Link {
                    trace: number128(&l.trace_id),
                    span: number64(&l.span_id),
                    attrs: map(&l.attributes),
                })
                .collect(),
            numbers: [0; 4],
            full: full.clone(),
        }
    }

    pub(crate) fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(crate) fn service(&self) -> String {
        match self.resource.get("service.name") {
            Some(V::Str(name)) => name.clone(),
            _ => String::new(),
        }
    }
}

impl Trace {
    /// Of all spans of one trace; (id, kind) must be unique.
    pub(crate) fn new(id: u128, spans: &[&Full]) -> Self {
        let mut spans: Vec<Span> = spans.iter().map(|full| Span::new(full)).collect();
        spans.sort_by_key(|span| (span.start, span.id));
        let start = spans.iter().map(|s| s.start).min().unwrap_or(0);
        let end = spans.iter().map(|s| s.end).max().unwrap_or(0);
        let names = |span: &Span| {
            let own = |l: &&Link| l.trace == id;
            let child =
                |l: &Link| l.attrs.get("opentracing.ref_type") == Some(&V::Str("child_of".to_owned()));
            span.parent == 0 && !span.links.iter().filter(own).any(child)
        };
        let root = spans.iter().rposition(names);
        let mut trace = Self { id, spans, start, end, root };
        trace.number();
        trace
    }

    pub(crate) fn parent_of(&self, at: usize) -> Option<usize> {
        let child = &self.spans[at];
        let found: Vec<usize> = (0..self.spans.len())
            .filter(|&p| child.parent != 0 && self.spans[p].id == child.parent)
            .collect();
        match found[..] {
            [one] => Some(one),
            _ => {
                let wanted = if child.kind == 2 { 3 } else { 2 };
                found.into_iter().find(|&p| self.spans[p].kind == wanted)
            }
        }
    }

    fn number(&mut self) {
        let shared = |span: &Span| self.spans.iter().filter(|s| s.id == span.id).count() > 2;
        if self.spans.iter().any(shared) || self.spans.iter().all(|span| span.parent != 0) {
            return;
        }
        let parents: Vec<_> = (0..self.spans.len()).map(|at| self.parent_of(at)).collect();
        for at in 0..self.spans.len() {
            self.spans[at].numbers[3] = parents.iter().filter(|p| **p == Some(at)).count() as i64;
        }
        let mut next = 0;
        for at in 0..self.spans.len() {
            if self.spans[at].parent == 0 {
                self.visit(at, -1, &mut next, &parents);
            }
        }
    }

    fn visit(&mut self, at: usize, above: i64, next: &mut i64, parents: &[Option<usize>]) {
        *next += 1;
        let left = *next;
        self.spans[at].numbers[0] = left;
        self.spans[at].numbers[2] = above;
        for child in 0..parents.len() {
            if parents[child] == Some(at) {
                self.visit(child, left, next, parents);
            }
        }
        *next += 1;
        self.spans[at].numbers[1] = *next;
    }

    fn is_numbered(&self, at: usize) -> bool {
        self.spans[at].numbers[0] > 0
    }

    /// The parent in the tree of what hangs on a root.
    fn up(&self, at: usize) -> Option<usize> {
        self.parent_of(at).filter(|_| self.is_numbered(at))
    }

    pub(crate) fn related(&self, relation: Relation, left: usize, right: usize) -> bool {
        let above = |mut at: usize, wanted: usize| {
            while let Some(up) = self.up(at) {
                if up == wanted {
                    return true;
                }
                at = up;
            }
            false
        };
        match relation {
            Relation::Child => self.up(right) == Some(left),
            Relation::Parent => self.up(left) == Some(right),
            Relation::Descendant => above(right, left),
            Relation::Ancestor => above(left, right),
            Relation::Sibling => left != right && self.up(left).is_some() && self.up(left) == self.up(right),
        }
    }
}
