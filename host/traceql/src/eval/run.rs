//! Tests and values of one span.

use super::TraceView;
use super::bind::{Bound, Memo, NO, UNKNOWN, YES};
use super::fields::At;
use super::ops::{any_text, arithmetic, compare, compare_strict, negate};
use super::program::{Items, Leaf, Predicate, Spans, Step, Test, Value};
use super::value::Val;
use crate::ast::{BinaryOp, Field, Intrinsic, Scope, Static};
use cadenza_model::AttrType;

/// The remembered answer for `index`, or that of `ask`.
fn remember(memo: &mut Memo, index: usize, len: usize, ask: impl FnOnce() -> bool) -> bool {
    if memo.is_empty() {
        memo.resize(len, UNKNOWN);
    }
    if memo[index] == UNKNOWN {
        memo[index] = if ask() { YES } else { NO };
    }
    memo[index] == YES
}

impl<'a> Bound<'a> {
    /// For a program of one filter: whether the span at `position` matches it. A program of more stages
    /// is asked for its first filter; one that does not start with a filter takes every span.
    pub fn matches(&mut self, trace: &TraceView<'_>, position: usize) -> bool {
        match self.program.stages.first() {
            Some(Step::Spanset(Spans::Filter(test))) => self.test(test, At::new(trace, position)),
            _ => true,
        }
    }

    pub(super) fn test(&mut self, test: &Test, at: At<'_>) -> bool {
        self.outcome(test, at) == Some(true)
    }

    /// None where a value that should be boolean is not.
    fn outcome(&mut self, test: &Test, at: At<'_>) -> Option<bool> {
        Some(match test {
            Test::Const(b) => *b,
            Test::And(terms) => terms.iter().all(|t| self.test(t, at)),
            Test::Or(terms) => terms.iter().any(|t| self.test(t, at)),
            Test::Not(inner) => return self.outcome(inner, at).map(|b| !b),
            Test::Leaf(leaf) => self.leaf(leaf, at),
            Test::Compare(op, sides) => {
                let left = self.value(&sides.0, at);
                let right = self.value(&sides.1, at);
                compare(*op, left, right)
            }
            Test::Regex { value, regex, negated } => {
                any_text(self.value(value, at), &mut |text| regex.is_match(text) != *negated)
            }
            Test::IsNil(value) => self.value(value, at).is_nil(),
            Test::NotNil(value) => !self.value(value, at).is_nil(),
            Test::Truth(value) => match self.value(value, at) {
                Val::Bool(b) => b,
                _ => return None,
            },
            Test::Any(items, inner) => return self.any(*items, inner, at),
        })
    }

    /// True if `inner` is for some item; else false if it is for some; else none.
    fn any(&mut self, items: Items, inner: &Test, mut at: At<'_>) -> Option<bool> {
        let mut outcome = None;
        for item in self.items(items, at.row) {
            at.item = Some(item);
            match self.outcome(inner, at) {
                Some(true) => return Some(true),
                Some(false) => outcome = Some(false),
                None => {}
            }
        }
        // A comparison that no item could satisfy is false, also where there is no item.
        if matches!(inner, Test::Truth(_)) { outcome } else { Some(false) }
    }

    pub(super) fn value<'t>(&mut self, value: &'t Value, at: At<'t>) -> Val<'t>
    where
        'a: 't,
    {
        match value {
            Value::Const(literal) => Val::of_static(literal),
            Value::Nil => Val::Nil,
            Value::Slot(slot) => self.read(*slot, at),
            Value::Neg(inner) => negate(self.value(inner, at)),
            Value::Arithmetic(op, sides) => {
                let left = self.value(&sides.0, at);
                let right = self.value(&sides.1, at);
                arithmetic(*op, left, right)
            }
            Value::Test(test) => self.outcome(test, at).map_or(Val::Nil, Val::Bool),
        }
    }

    fn leaf(&mut self, leaf: &Leaf, at: At<'_>) -> bool {
        // What belongs to a resource or a scope is asked once for each of them.
        let (columns, program) = (self.columns, self.program);
        let spec = &program.slots[leaf.slot];
        let (owner, owners) = match &spec.field {
            Field::Attribute(a) if a.scope == Scope::Resource => {
                (columns.resource_of(at.row), columns.resource_attrs.owners())
            }
            Field::Attribute(a) if a.scope == Scope::Instrumentation => {
                (columns.spans.scope[at.row] as usize, columns.scope_attrs.owners())
            }
            Field::Attribute(_) => return self.attribute_leaf(leaf, at),
            Field::Intrinsic(Intrinsic::Name) if matches!(leaf.predicate, Predicate::Regex { .. }) => {
                (columns.spans.name[at.row] as usize, columns.names.len())
            }
            Field::Intrinsic(_) => return holds(&leaf.predicate, self.read(leaf.slot, at)),
        };
        let mut memo = std::mem::take(&mut self.memos[leaf.id]);
        let hit = remember(&mut memo, owner, owners, || holds(&leaf.predicate, self.read(leaf.slot, at)));
        self.memos[leaf.id] = memo;
        hit
    }

    /// Attributes of spans, events and links. Patterns are matched once per dictionary entry.
    fn attribute_leaf(&mut self, leaf: &Leaf, at: At<'_>) -> bool {
        let columns = self.columns;
        let Field::Attribute(attribute) = &self.program.slots[leaf.slot].field else { return false };
        let (attrs, owner) = match (attribute.scope, at.item) {
            (Scope::Event, Some(item)) => (&columns.event_attrs, item),
            (Scope::Link, Some(item)) => (&columns.link_attrs, item),
            (Scope::Event | Scope::Link, None) => return false,
            _ => (&columns.span_attrs, at.row),
        };
        let Some(index) = self.keys[leaf.slot].find(attrs, owner) else {
            return attribute.scope == Scope::None && holds(&leaf.predicate, self.read(leaf.slot, at));
        };
        match (&leaf.predicate, attrs.ty[index]) {
            (Predicate::Regex { regex, negated }, AttrType::Str) => {
                let code = attrs.val[index] as u32;
                let values = &columns.values;
                remember(&mut self.memos[leaf.id], code as usize, values.len(), || {
                    regex.is_match(values.str(code)) != *negated
                })
            }
            (Predicate::Strict(op, Static::Int(literal)), AttrType::Int) => {
                compare_strict(*op, Val::Int(attrs.val[index] as i64), Val::Int(*literal))
            }
            (Predicate::Strict(BinaryOp::Eq, Static::Str(literal)), AttrType::Str) => {
                columns.values.get(attrs.val[index] as u32) == literal.as_bytes()
            }
            // Not searchable on the span: an unscoped name goes on to the resource.
            (predicate, _) => holds(predicate, self.read(leaf.slot, at)),
        }
    }
}

/// Whether a value satisfies what a literal asks.
pub(super) fn holds(predicate: &Predicate, value: Val<'_>) -> bool {
    match predicate {
        Predicate::Strict(op, literal) => compare_strict(*op, value, Val::of_static(literal)),
        Predicate::Loose(op, literal) => compare(*op, value, Val::of_static(literal)),
        Predicate::Regex { regex, negated } => any_text(value, &mut |text| regex.is_match(text) != *negated),
        Predicate::TraceId { id, equal } => matches!(value, Val::TraceId(v) if (v == *id) == *equal),
        Predicate::SpanId { id, equal } => matches!(value, Val::SpanId(v) if (v == *id) == *equal),
        Predicate::Status { status, equal } => matches!(value, Val::Status(v) if (v == *status) == *equal),
        Predicate::Kind { kind, equal } => matches!(value, Val::Kind(v) if (v == *kind) == *equal),
        Predicate::Never => false,
    }
}
