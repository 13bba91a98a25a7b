//! Columns of plain rows, as the server projects them.

use super::data::{Attributes, Data, Value};
use crate::Plan;
use crate::types::{Arena, AttributeField, Batch, Field, Intrinsic, KeySelector, Scope, ValueType};
use regex_lite::Regex;
use std::collections::HashMap;

impl Data {
    pub(super) fn attributes(&mut self, scope: Scope) -> Vec<&mut Attributes> {
        match scope {
            Scope::Resource => self.resources.iter_mut().map(|row| &mut row.attributes).collect(),
            Scope::Instrumentation => self.scopes.iter_mut().map(|row| &mut row.attributes).collect(),
            Scope::Span => self.spans.iter_mut().map(|row| &mut row.attributes).collect(),
            Scope::Event => self.events.iter_mut().map(|row| &mut row.attributes).collect(),
            Scope::Link => self.links.iter_mut().map(|row| &mut row.attributes).collect(),
        }
    }

    pub(super) fn parents(&self, scope: Scope) -> Vec<u32> {
        match scope {
            Scope::Resource => Vec::new(),
            Scope::Instrumentation => self.scopes.iter().map(|row| row.resource as u32).collect(),
            Scope::Span => self.spans.iter().map(|row| row.scope as u32).collect(),
            Scope::Event => self.events.iter().map(|row| row.span as u32).collect(),
            Scope::Link => self.links.iter().map(|row| row.span as u32).collect(),
        }
    }
}

/// Whether a selector means a key.
pub(super) fn selects(selector: &KeySelector, key: &str) -> bool {
    match selector {
        KeySelector::Exact(exact) => exact == key,
        KeySelector::Prefix(prefix) => key.starts_with(prefix),
        KeySelector::Glob(glob) => {
            let pattern = regex_lite::escape(glob).replace("\\*", ".*").replace("\\?", ".");
            Regex::new(&format!("^(?s:{pattern})$")).is_ok_and(|regex| regex.is_match(key))
        }
        KeySelector::Pattern(pattern) => Regex::new(pattern).expect("a pattern").is_match(key),
        KeySelector::Any => true,
    }
}

fn shows(field: &AttributeField, key: &str, value: &Value) -> bool {
    let typed = match field.value_type {
        ValueType::Str => matches!(value, Value::Str(_)),
        ValueType::Int => matches!(value, Value::Int(_)),
        ValueType::Double => matches!(value, Value::Double(_)),
        ValueType::Boolean => matches!(value, Value::Boolean(_)),
        ValueType::Bytes => matches!(value, Value::Bytes(_)),
        ValueType::Text | ValueType::Json | ValueType::Presence => true,
    };
    let matched = |pattern: &String| Regex::new(pattern).expect("a pattern").is_match(&value.text());
    typed && selects(&field.place.key, key) && field.only_if.as_ref().is_none_or(matched)
}

/// Which attributes a field shows, in the order of its cells: row and place in the row.
pub(super) fn cells_of(field: &AttributeField, data: &mut Data) -> Vec<(usize, usize)> {
    let mut cells = Vec::new();
    for (row, attributes) in data.attributes(field.place.scope).into_iter().enumerate() {
        let shown = attributes.iter().enumerate().filter(|(_, (key, value))| shows(field, key, value));
        cells.extend(shown.map(|(place, _)| (row, place)));
    }
    cells
}

/// Distinct strings, numbered.
#[derive(Default)]
struct Dictionary {
    known: HashMap<(u32, Vec<u8>), u32>,
    keys: Vec<u32>,
    values: Vec<Vec<u8>>,
}

impl Dictionary {
    fn code(&mut self, key: u32, value: &[u8]) -> u32 {
        *self.known.entry((key, value.to_vec())).or_insert_with(|| {
            self.keys.push(key);
            self.values.push(value.to_vec());
            self.values.len() as u32 - 1
        })
    }
}

fn put_strings(arena: &mut Arena, values: &[Vec<u8>]) {
    let ends = values.iter().scan(0, |end, value| {
        *end += value.len() as u32;
        Some(*end)
    });
    arena.numbers.extend(ends);
    arena.bytes.extend(values.concat());
}

/// Cells and entries of a column.
type Counts = (u32, u32);

/// A batch as the plan asks for it.
pub fn project(plan: &Plan, data: &mut Data) -> Batch {
    let mut keys = Dictionary::default();
    let mut arena = Arena { numbers: vec![0; 2 * plan.fields.len()], longs: Vec::new(), bytes: Vec::new() };
    for &scope in &plan.tables {
        arena.numbers.push(data.attributes(scope).len() as u32);
        arena.numbers.extend(data.parents(scope));
    }
    for (column, field) in plan.fields.iter().enumerate() {
        let (cells, entries) = match field {
            Field::Attribute(field) => attribute_column(field, data, &mut keys, &mut arena),
            Field::Intrinsic(field) => intrinsic_column(field.intrinsic, data, &mut arena),
        };
        arena.numbers[2 * column..][..2].copy_from_slice(&[cells, entries]);
    }
    put_strings(&mut arena, &keys.values);
    Batch { spans: data.spans.len() as u32, keys: keys.values.len() as u32, arena }
}

fn attribute_column(
    field: &AttributeField,
    data: &mut Data,
    keys: &mut Dictionary,
    arena: &mut Arena,
) -> Counts {
    let places = cells_of(field, data);
    let rows = data.attributes(field.place.scope);
    let at: Vec<&(String, Value)> = places.iter().map(|&(row, place)| &rows[row][place]).collect();
    let exact = matches!(field.place.key, KeySelector::Exact(_));
    let cell_keys: Vec<u32> =
        at.iter().map(|(key, _)| if exact { 0 } else { keys.code(0, key.as_bytes()) }).collect();
    arena.numbers.extend(places.iter().map(|&(row, _)| row as u32));
    let mut coded = |bytes: fn(&Value) -> Vec<u8>| {
        let mut dictionary = Dictionary::default();
        for ((_, value), &key) in at.iter().zip(&cell_keys) {
            arena.numbers.push(dictionary.code(key, &bytes(value)));
        }
        if !exact {
            arena.numbers.extend(&dictionary.keys);
        }
        if field.value_type != ValueType::Presence {
            put_strings(arena, &dictionary.values);
        }
        dictionary.values.len() as u32
    };
    let entries = match field.value_type {
        ValueType::Str | ValueType::Text => coded(|value| value.text().into_bytes()),
        ValueType::Json => coded(|value| value.json().into_bytes()),
        ValueType::Presence => coded(|_| Vec::new()),
        ValueType::Bytes => {
            coded(|value| if let Value::Bytes(bytes) = value { bytes.clone() } else { Vec::new() })
        }
        ValueType::Int | ValueType::Double | ValueType::Boolean => {
            if !exact {
                arena.numbers.extend(&cell_keys);
            }
            at.iter().for_each(|(_, value)| match value {
                Value::Int(value) => arena.longs.push(*value),
                Value::Double(value) => arena.longs.push(value.to_bits() as i64),
                Value::Boolean(value) => arena.bytes.push(u8::from(*value)),
                other => panic!("no column shows {other:?} like this"),
            });
            0
        }
    };
    (places.len() as u32, entries)
}

fn texts<'a>(arena: &mut Arena, values: impl Iterator<Item = &'a String>) -> Counts {
    let mut dictionary = Dictionary::default();
    let codes: Vec<u32> = values.map(|value| dictionary.code(0, value.as_bytes())).collect();
    arena.numbers.extend(&codes);
    put_strings(arena, &dictionary.values);
    (codes.len() as u32, dictionary.values.len() as u32)
}

fn ints(arena: &mut Arena, values: impl Iterator<Item = i64>) -> Counts {
    let before = arena.longs.len();
    arena.longs.extend(values);
    ((arena.longs.len() - before) as u32, 0)
}

fn ids<const BYTES: usize>(arena: &mut Arena, values: impl Iterator<Item = [u8; BYTES]>) -> Counts {
    let before = arena.bytes.len();
    arena.bytes.extend(values.flatten());
    (((arena.bytes.len() - before) / BYTES) as u32, 0)
}

fn intrinsic_column(intrinsic: Intrinsic, data: &Data, arena: &mut Arena) -> Counts {
    let Data { spans, scopes, events, links, .. } = data;
    let below = |of: Vec<usize>| {
        (0..spans.len()).map(move |span| of.iter().filter(|&&row| row == span).count() as i64)
    };
    match intrinsic {
        Intrinsic::TraceId => ids(arena, spans.iter().map(|s| s.trace_id)),
        Intrinsic::SpanId => ids(arena, spans.iter().map(|s| s.span_id)),
        Intrinsic::ParentSpanId => ids(arena, spans.iter().map(|s| s.parent_span_id)),
        Intrinsic::TraceState => texts(arena, spans.iter().map(|s| &s.trace_state)),
        Intrinsic::TraceFlags => ints(arena, spans.iter().map(|s| i64::from(s.flags))),
        Intrinsic::Name => texts(arena, spans.iter().map(|s| &s.name)),
        Intrinsic::Kind => ints(arena, spans.iter().map(|s| s.kind)),
        Intrinsic::StatusCode => ints(arena, spans.iter().map(|s| s.status_code)),
        Intrinsic::StatusMessage => texts(arena, spans.iter().map(|s| &s.status_message)),
        Intrinsic::StartUnixNano => ints(arena, spans.iter().map(|s| s.start_unix_nano as i64)),
        Intrinsic::DurationNano => ints(arena, spans.iter().map(|s| s.duration_nano as i64)),
        Intrinsic::EventCount => ints(arena, below(events.iter().map(|event| event.span).collect())),
        Intrinsic::LinkCount => ints(arena, below(links.iter().map(|link| link.span).collect())),
        Intrinsic::ScopeName => texts(arena, scopes.iter().map(|s| &s.name)),
        Intrinsic::ScopeVersion => texts(arena, scopes.iter().map(|s| &s.version)),
        Intrinsic::EventName => texts(arena, events.iter().map(|e| &e.name)),
        Intrinsic::EventTimeUnixNano => ints(arena, events.iter().map(|e| e.time_unix_nano as i64)),
        Intrinsic::LinkTraceId => ids(arena, links.iter().map(|l| l.trace_id)),
        Intrinsic::LinkSpanId => ids(arena, links.iter().map(|l| l.span_id)),
        Intrinsic::LinkTraceState => texts(arena, links.iter().map(|l| &l.trace_state)),
    }
}
