//! The attributes that a result shows for a span: those the query speaks of.

use super::TraceView;
use super::bind::Bound;
use super::fields::At;
use super::program::Touch;
use super::run::holds;
use super::value::{Val, Value};
use crate::ast::{Field, Intrinsic, Scope};

/// An attribute in a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'a> {
    /// Name without scope, or the canonical name of an intrinsic.
    pub key: &'a str,
    /// Its value; of arrays, events and links, what satisfied the query.
    pub value: Value,
}

/// Intrinsics that results carry elsewhere.
fn is_elsewhere(field: &Field) -> bool {
    use Intrinsic::{Duration, Name, RootName, RootServiceName, SpanId, TraceDuration, TraceId};
    matches!(
        field,
        Field::Intrinsic(Name | Duration | TraceDuration | RootName | RootServiceName | TraceId | SpanId)
    )
}

impl<'a> Bound<'a> {
    /// Whether a result carries the name of the span at `position`: where the query asks for names, and
    /// this one satisfies what it asks.
    pub fn shows_name(&self, trace: &TraceView<'_>, position: usize) -> bool {
        let name = Field::Intrinsic(Intrinsic::Name);
        let program = self.program;
        let at = At::new(trace, position);
        let asks = |touch: &&Touch| program.slots[touch.slot].field == name;
        program
            .touches
            .iter()
            .filter(asks)
            .any(|touch| shown_part(touch, self.read(touch.slot, at)).is_some())
    }

    /// What a result shows of the span at `position`.
    pub fn shown(&mut self, trace: &TraceView<'_>, position: usize) -> Vec<Shown<'a>> {
        let program = self.program;
        let mut out = Vec::new();
        for touch in &program.touches {
            let field = &program.slots[touch.slot].field;
            if is_elsewhere(field) {
                continue;
            }
            let before = out.len();
            let at = At::new(trace, position);
            let key = field.result_key();
            match field {
                // Span and resource are both shown.
                Field::Attribute(a) if a.scope == Scope::None => {
                    let resource = self.columns.resource_of(at.row);
                    for value in [self.of_span(touch.slot, at.row), self.of_resource(touch.slot, resource)] {
                        out.extend(shown_part(touch, value).map(|value| Shown { key, value }));
                    }
                    if out.len() == before && touch.nil && self.read(touch.slot, at).is_nil() {
                        out.push(Shown { key, value: Value::Nil });
                    }
                }
                _ => out.extend(self.shown_value(touch, at).map(|value| Shown { key, value })),
            }
        }
        out
    }

    fn shown_value(&self, touch: &Touch, mut at: At<'_>) -> Option<Value> {
        let Some(items) = self.items_of_slot(touch.slot) else {
            let value = self.read(touch.slot, at);
            return if value.is_nil() && touch.nil { Some(Value::Nil) } else { shown_part(touch, value) };
        };
        let mut found: Vec<Value> = Vec::new();
        let mut missing = false;
        for item in self.items(items, at.row) {
            at.item = Some(item);
            let value = self.read(touch.slot, at);
            missing |= value.is_nil();
            match shown_part(touch, value) {
                Some(Value::Array(elements)) => found.extend(elements),
                Some(value) => found.push(value),
                None => {}
            }
        }
        distinct(&mut found);
        match found.len() {
            0 => (missing && touch.nil).then_some(Value::Nil),
            1 => found.pop(),
            _ => Some(Value::Array(found)),
        }
    }
}

/// Each value once, in order; by sorting, since a span may have many events.
fn distinct(values: &mut Vec<Value>) {
    let mut seen = std::collections::HashSet::new();
    values.retain(|value| seen.insert(format!("{value:?}")));
}

/// The part of a value that is shown: of an array, the elements that satisfy the query.
fn shown_part(touch: &Touch, value: Val<'_>) -> Option<Value> {
    let wanted = |v: Val<'_>| touch.always || touch.predicates.iter().any(|p| holds(p, v));
    let Val::Array(array) = value else {
        return (!value.is_nil() && wanted(value)).then(|| value.to_owned());
    };
    let mut elements: Vec<Value> = array.elements().filter(|v| wanted(*v)).map(Val::to_owned).collect();
    match elements.len() {
        0 => None,
        1 => elements.pop(),
        _ => Some(Value::Array(elements)),
    }
}
