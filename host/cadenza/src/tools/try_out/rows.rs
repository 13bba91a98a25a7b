//! Spans with what stands above them, as OTLP has them.

use cadenza_model::{Columns, otlp};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A span in its scope and resource.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Without scopes.
    pub(super) resource: Rc<ResourceSpans>,
    /// Without spans.
    pub(super) scope: Rc<ScopeSpans>,
    pub(super) span: Span,
}

/// A span before and after, or only one of them.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) before: Option<Row>,
    pub(super) after: Option<Row>,
    /// Why there is no `after`.
    pub(super) fate: Option<String>,
}

/// The tree of all spans.
pub(super) fn tree(columns: &Columns) -> Vec<ResourceSpans> {
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    otlp::to_resource_spans(columns, &rows)
}

/// Spans of a tree in its order.
pub(super) fn flat(tree: Vec<ResourceSpans>) -> Vec<Row> {
    let mut rows = Vec::new();
    for mut resource in tree {
        let scopes = std::mem::take(&mut resource.scope_spans);
        let resource = Rc::new(resource);
        for mut scope in scopes {
            let spans = std::mem::take(&mut scope.spans);
            let scope = Rc::new(scope);
            let row = |span| Row { resource: Rc::clone(&resource), scope: Rc::clone(&scope), span };
            rows.extend(spans.into_iter().map(row));
        }
    }
    rows
}

/// What no plugin can change of a span.
type Identity = (Vec<u8>, Vec<u8>, i32);

fn identity(span: &Span) -> Identity {
    (span.trace_id.clone(), span.span_id.clone(), span.kind)
}

/// Spans of the same identity side by side: the first with the first.
pub(super) fn pair(before: Vec<Row>, after: Vec<Row>) -> Vec<Pair> {
    let mut places: HashMap<Identity, VecDeque<usize>> = HashMap::new();
    for (at, row) in before.iter().enumerate() {
        places.entry(identity(&row.span)).or_default().push_back(at);
    }
    let none = |row| Pair { before: Some(row), after: None, fate: None };
    let mut pairs: Vec<Pair> = before.into_iter().map(none).collect();
    for row in after {
        match places.get_mut(&identity(&row.span)).and_then(VecDeque::pop_front) {
            Some(at) => pairs[at].after = Some(row),
            None => pairs.push(Pair { before: None, after: Some(row), fate: None }),
        }
    }
    pairs
}
