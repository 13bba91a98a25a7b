//! What became of spans, by owner: resources and scopes once, however many spans they have.

use super::fields::{self, Change};
use super::rows::{Pair, Row};
use cadenza_model::hex;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use std::collections::HashMap;
use std::rc::Rc;

/// Who has changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Owner {
    Resource { spans: usize },
    Scope { name: String, spans: usize },
    Span { trace_id: String, span_id: String, name: String, scope: String },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    Changed(Vec<Change>),
    /// It is not there any more, for this reason.
    Gone(String),
    /// It was not there before.
    New,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) owner: Owner,
    /// `service.name` of its resource.
    pub(super) service: String,
    pub(super) fate: Fate,
}

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) before: usize,
    pub(super) after: usize,
    /// Spans that stayed and are not what they were, whether by themselves or by their scope or resource.
    pub(super) changed_spans: usize,
    pub(super) gone_spans: usize,
    pub(super) new_spans: usize,
    /// Values of spans, scopes and resources; those of a scope or resource count once.
    pub(super) changed: usize,
    pub(super) added: usize,
    pub(super) removed: usize,
}

/// Everything that is not what it was.
#[derive(Debug, Default)]
pub(super) struct Diff {
    pub(super) differences: Vec<Difference>,
    pub(super) counts: Counts,
}

/// Scopes and resources that were looked at, by where both halves of a pair have them, with their place in the
/// list of differences.
type Seen = HashMap<(usize, usize), Option<usize>>;

/// Compares each span with what became of it.
pub(super) fn diff(pairs: &[Pair]) -> Diff {
    let mut diff = Diff::default();
    let (mut resources, mut scopes) = (Seen::new(), Seen::new());
    for pair in pairs {
        diff.counts.before += usize::from(pair.before.is_some());
        diff.counts.after += usize::from(pair.after.is_some());
        match (&pair.before, &pair.after) {
            (Some(before), Some(after)) => {
                let above = diff.above(before, after, &mut resources, &mut scopes);
                let changes = fields::span(&before.span, &after.span);
                diff.counts.changed_spans += usize::from(above || !changes.is_empty());
                diff.put(before, changes);
            }
            (Some(before), None) => {
                diff.counts.gone_spans += 1;
                let fate = Fate::Gone(pair.fate.clone().unwrap_or_default());
                diff.differences.push(Difference { owner: owner(before), service: service(before), fate });
            }
            (None, Some(after)) => {
                diff.counts.new_spans += 1;
                let (owner, service) = (owner(after), service(after));
                diff.differences.push(Difference { owner, service, fate: Fate::New });
            }
            (None, None) => {}
        }
    }
    diff.differences.retain(|difference| difference.fate != Fate::Changed(Vec::new()));
    diff
}

impl Diff {
    /// Nothing has changed.
    pub(super) fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// True if the scope or the resource of a span has changed; notes that at the first of its spans.
    fn above(&mut self, before: &Row, after: &Row, resources: &mut Seen, scopes: &mut Seen) -> bool {
        let key = (address(&before.resource), address(&after.resource));
        let resource = *resources.entry(key).or_insert_with(|| {
            let changes = fields::resource(&before.resource, &after.resource);
            self.note(Owner::Resource { spans: 0 }, before, changes)
        });
        let key = (address(&before.scope), address(&after.scope));
        let scope = *scopes.entry(key).or_insert_with(|| {
            let changes = fields::scope(&before.scope, &after.scope);
            self.note(Owner::Scope { name: scope_name(before), spans: 0 }, before, changes)
        });
        for at in [resource, scope].into_iter().flatten() {
            let (Owner::Resource { spans } | Owner::Scope { spans, .. }) = &mut self.differences[at].owner
            else {
                continue;
            };
            *spans += 1;
        }
        resource.is_some() || scope.is_some()
    }

    fn note(&mut self, owner: Owner, before: &Row, changes: Vec<Change>) -> Option<usize> {
        if changes.is_empty() {
            return None;
        }
        self.count(&changes);
        self.differences.push(Difference { owner, service: service(before), fate: Fate::Changed(changes) });
        Some(self.differences.len() - 1)
    }

    fn put(&mut self, before: &Row, changes: Vec<Change>) {
        self.note(owner(before), before, changes);
    }

    fn count(&mut self, changes: &[Change]) {
        for change in changes {
            let count = match (&change.before, &change.after) {
                (Some(_), Some(_)) => &mut self.counts.changed,
                (None, _) => &mut self.counts.added,
                (_, None) => &mut self.counts.removed,
            };
            *count += 1;
        }
    }
}

fn address<T>(shared: &Rc<T>) -> usize {
    Rc::as_ptr(shared).addr()
}

fn owner(row: &Row) -> Owner {
    let Span { trace_id, span_id, name, .. } = &row.span;
    Owner::Span { trace_id: hex(trace_id), span_id: hex(span_id), name: name.clone(), scope: scope_name(row) }
}

fn scope_name(row: &Row) -> String {
    row.scope.scope.as_ref().map(|scope| scope.name.clone()).unwrap_or_default()
}

fn service(row: &Row) -> String {
    let ResourceSpans { resource, .. } = row.resource.as_ref();
    let attributes = resource.iter().flat_map(|resource| &resource.attributes);
    let mut named = attributes.filter(|attribute| attribute.key == "service.name");
    named.find_map(text_of).unwrap_or_default()
}

fn text_of(attribute: &KeyValue) -> Option<String> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
