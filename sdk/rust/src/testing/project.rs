//! Columns of plain rows, as the server projects them.

use super::data::{Attributes, Data, Value};
use crate::Plan;
use crate::arena::put;
use crate::types::{
    Arena, AttributeField, Batch, Cells, Coded, Column, Field, Intrinsic, KeySelector, Scope, Slice, Strings,
    Table, ValueType,
};
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

/// Fills an arena.
struct Filler(Arena);

impl Filler {
    fn numbers(&mut self, items: &[u32]) -> Slice {
        put(&mut self.0.numbers, items.iter().copied())
    }

    fn longs(&mut self, items: &[i64]) -> Slice {
        put(&mut self.0.longs, items.iter().copied())
    }

    fn bytes(&mut self, items: &[u8]) -> Slice {
        put(&mut self.0.bytes, items.iter().copied())
    }
}

fn strings(arena: &mut Filler, values: &[Vec<u8>]) -> Strings {
    let ends: Vec<u32> = values
        .iter()
        .scan(0, |end, value| {
            *end += value.len() as u32;
            Some(*end)
        })
        .collect();
    Strings { ends: arena.numbers(&ends), data: arena.bytes(&values.concat()) }
}

/// A batch as the plan asks for it.
pub fn project(plan: &Plan, data: &mut Data) -> Batch {
    let mut keys = Dictionary::default();
    let mut arena = Filler(Arena { numbers: Vec::new(), longs: Vec::new(), bytes: Vec::new() });
    let nothing = arena.numbers(&[]);
    let columns = plan.fields.iter().map(|field| match field {
        Field::Attribute(field) => attribute_column(field, data, &mut keys, &mut arena),
        Field::Intrinsic(field) => {
            let cells = intrinsic_cells(field.intrinsic, data, &mut arena);
            Column { rows: nothing, cell_keys: nothing, cells }
        }
    });
    let columns = columns.collect();
    let tables = plan.tables.iter().map(|&scope| Table {
        scope,
        rows: data.attributes(scope).len() as u32,
        parent: arena.numbers(&data.parents(scope)),
    });
    Batch {
        tables: tables.collect(),
        columns,
        keys: strings(&mut arena, &keys.values),
        spans: data.spans.len() as u32,
        arena: arena.0,
    }
}

fn attribute_column(
    field: &AttributeField,
    data: &mut Data,
    keys: &mut Dictionary,
    arena: &mut Filler,
) -> Column {
    let places = cells_of(field, data);
    let rows = data.attributes(field.place.scope);
    let at: Vec<&(String, Value)> = places.iter().map(|&(row, place)| &rows[row][place]).collect();
    let exact = matches!(field.place.key, KeySelector::Exact(_));
    let mut cell_keys: Vec<u32> =
        at.iter().map(|(key, _)| if exact { 0 } else { keys.code(0, key.as_bytes()) }).collect();
    let mut coded = |bytes: fn(&Value) -> Vec<u8>| {
        let mut dictionary = Dictionary::default();
        let codes: Vec<u32> =
            at.iter().zip(&cell_keys).map(|((_, value), &key)| dictionary.code(key, &bytes(value))).collect();
        if exact {
            dictionary.keys.clear();
        }
        if matches!(field.value_type, ValueType::Presence) {
            dictionary.values.clear();
        }
        Cells::Coded(Coded {
            codes: arena.numbers(&codes),
            keys: arena.numbers(&dictionary.keys),
            values: strings(arena, &dictionary.values),
        })
    };
    let values = at.iter().map(|(_, value)| value);
    let cells = match field.value_type {
        ValueType::Str | ValueType::Text => coded(|value| value.text().into_bytes()),
        ValueType::Json => coded(|value| value.json().into_bytes()),
        ValueType::Presence => coded(|_| Vec::new()),
        ValueType::Bytes => {
            coded(|value| if let Value::Bytes(bytes) = value { bytes.clone() } else { Vec::new() })
        }
        ValueType::Int => {
            let ints = values.filter_map(|value| if let Value::Int(v) = value { Some(*v) } else { None });
            Cells::Ints(arena.longs(&ints.collect::<Vec<_>>()))
        }
        ValueType::Double => {
            let bits =
                values.filter_map(
                    |value| if let Value::Double(v) = value { Some(v.to_bits() as i64) } else { None },
                );
            Cells::Doubles(arena.longs(&bits.collect::<Vec<_>>()))
        }
        ValueType::Boolean => {
            let booleans = values
                .filter_map(|value| if let Value::Boolean(v) = value { Some(u8::from(*v)) } else { None });
            Cells::Booleans(arena.bytes(&booleans.collect::<Vec<_>>()))
        }
    };
    if exact || matches!(cells, Cells::Coded(_)) {
        cell_keys.clear();
    }
    let rows: Vec<u32> = places.iter().map(|&(row, _)| row as u32).collect();
    Column { rows: arena.numbers(&rows), cell_keys: arena.numbers(&cell_keys), cells }
}

fn texts<'a>(arena: &mut Filler, values: impl Iterator<Item = &'a String>) -> Cells {
    let mut dictionary = Dictionary::default();
    let codes: Vec<u32> = values.map(|value| dictionary.code(0, value.as_bytes())).collect();
    Cells::Coded(Coded {
        codes: arena.numbers(&codes),
        keys: arena.numbers(&[]),
        values: strings(arena, &dictionary.values),
    })
}

fn ints(arena: &mut Filler, values: impl Iterator<Item = i64>) -> Cells {
    Cells::Ints(arena.longs(&values.collect::<Vec<_>>()))
}

fn ids<const BYTES: usize>(arena: &mut Filler, values: impl Iterator<Item = [u8; BYTES]>) -> Cells {
    Cells::Ids(arena.bytes(values.collect::<Vec<_>>().as_flattened()))
}

fn intrinsic_cells(intrinsic: Intrinsic, data: &Data, arena: &mut Filler) -> Cells {
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
