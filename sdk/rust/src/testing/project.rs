//! Columns of plain rows, as the server projects them.

use super::data::{Attributes, Data, Value};
use crate::Plan;
use crate::types::{
    AttributeField, Batch, Cells, Coded, Column, Field, Intrinsic, KeySelector, Packed, Scope, Table,
    ValueType,
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

fn packed<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Packed {
    let mut packed = Packed { ends: Vec::new(), data: Vec::new() };
    for value in values {
        packed.data.extend_from_slice(value);
        packed.ends.push(packed.data.len() as u32);
    }
    packed
}

/// A batch as the plan asks for it.
pub fn project(plan: &Plan, data: &mut Data) -> Batch {
    let mut keys = Dictionary::default();
    let columns = plan.fields.iter().map(|field| match field {
        Field::Attribute(field) => attribute_column(field, data, &mut keys),
        Field::Intrinsic(field) => {
            Column { rows: Vec::new(), cell_keys: Vec::new(), cells: intrinsic_cells(field.intrinsic, data) }
        }
    });
    let columns = columns.collect();
    let tables = plan.tables.iter().map(|&scope| Table {
        scope,
        rows: data.attributes(scope).len() as u32,
        parent: data.parents(scope),
    });
    Batch {
        tables: tables.collect(),
        columns,
        keys: packed(keys.values.iter().map(Vec::as_slice)),
        spans: data.spans.len() as u32,
    }
}

fn attribute_column(field: &AttributeField, data: &mut Data, keys: &mut Dictionary) -> Column {
    let places = cells_of(field, data);
    let rows = data.attributes(field.place.scope);
    let at: Vec<&(String, Value)> = places.iter().map(|&(row, place)| &rows[row][place]).collect();
    let exact = matches!(field.place.key, KeySelector::Exact(_));
    let mut cell_keys: Vec<u32> =
        at.iter().map(|(key, _)| if exact { 0 } else { keys.code(0, key.as_bytes()) }).collect();
    let coded = |bytes: fn(&Value) -> Vec<u8>| {
        let mut dictionary = Dictionary::default();
        let codes =
            at.iter().zip(&cell_keys).map(|((_, value), &key)| dictionary.code(key, &bytes(value))).collect();
        let presence = matches!(field.value_type, ValueType::Presence);
        Cells::Coded(Coded {
            codes,
            keys: if exact { Vec::new() } else { dictionary.keys },
            values: packed(dictionary.values.iter().map(Vec::as_slice).filter(|_| !presence)),
        })
    };
    let cells = match field.value_type {
        ValueType::Str | ValueType::Text => coded(|value| value.text().into_bytes()),
        ValueType::Json => coded(|value| value.json().into_bytes()),
        ValueType::Presence => coded(|_| Vec::new()),
        ValueType::Bytes => {
            coded(|value| if let Value::Bytes(bytes) = value { bytes.clone() } else { Vec::new() })
        }
        ValueType::Int => Cells::Ints(
            at.iter().filter_map(|(_, v)| if let Value::Int(v) = v { Some(*v) } else { None }).collect(),
        ),
        ValueType::Double => Cells::Doubles(
            at.iter().filter_map(|(_, v)| if let Value::Double(v) = v { Some(*v) } else { None }).collect(),
        ),
        ValueType::Boolean => Cells::Booleans(
            at.iter()
                .filter_map(|(_, v)| if let Value::Boolean(v) = v { Some(u8::from(*v)) } else { None })
                .collect(),
        ),
    };
    if exact || matches!(cells, Cells::Coded(_)) {
        cell_keys.clear();
    }
    Column { rows: places.iter().map(|&(row, _)| row as u32).collect(), cell_keys, cells }
}

fn intrinsic_cells(intrinsic: Intrinsic, data: &Data) -> Cells {
    fn text<'a>(values: impl Iterator<Item = &'a String>) -> Cells {
        let mut dictionary = Dictionary::default();
        let codes = values.map(|value| dictionary.code(0, value.as_bytes())).collect();
        let values = packed(dictionary.values.iter().map(Vec::as_slice));
        Cells::Coded(Coded { codes, keys: Vec::new(), values })
    }
    let of_span = |span: usize| move |row: &usize| *row == span;
    match intrinsic {
        Intrinsic::TraceId => Cells::Ids(data.spans.iter().flat_map(|s| s.trace_id).collect()),
        Intrinsic::SpanId => Cells::Ids(data.spans.iter().flat_map(|s| s.span_id).collect()),
        Intrinsic::ParentSpanId => Cells::Ids(data.spans.iter().flat_map(|s| s.parent_span_id).collect()),
        Intrinsic::TraceState => text(data.spans.iter().map(|s| &s.trace_state)),
        Intrinsic::TraceFlags => Cells::Ints(data.spans.iter().map(|s| i64::from(s.flags)).collect()),
        Intrinsic::Name => text(data.spans.iter().map(|s| &s.name)),
        Intrinsic::Kind => Cells::Ints(data.spans.iter().map(|s| s.kind).collect()),
        Intrinsic::StatusCode => Cells::Ints(data.spans.iter().map(|s| s.status_code).collect()),
        Intrinsic::StatusMessage => text(data.spans.iter().map(|s| &s.status_message)),
        Intrinsic::StartUnixNano => {
            Cells::Ints(data.spans.iter().map(|s| s.start_unix_nano as i64).collect())
        }
        Intrinsic::DurationNano => Cells::Ints(data.spans.iter().map(|s| s.duration_nano as i64).collect()),
        Intrinsic::EventCount => {
            let of: Vec<usize> = data.events.iter().map(|event| event.span).collect();
            Cells::Ints(
                (0..data.spans.len())
                    .map(|s| of.iter().filter(|row| of_span(s)(row)).count() as i64)
                    .collect(),
            )
        }
        Intrinsic::LinkCount => {
            let of: Vec<usize> = data.links.iter().map(|link| link.span).collect();
            Cells::Ints(
                (0..data.spans.len())
                    .map(|s| of.iter().filter(|row| of_span(s)(row)).count() as i64)
                    .collect(),
            )
        }
        Intrinsic::ScopeName => text(data.scopes.iter().map(|s| &s.name)),
        Intrinsic::ScopeVersion => text(data.scopes.iter().map(|s| &s.version)),
        Intrinsic::EventName => text(data.events.iter().map(|e| &e.name)),
        Intrinsic::EventTimeUnixNano => {
            Cells::Ints(data.events.iter().map(|e| e.time_unix_nano as i64).collect())
        }
        Intrinsic::LinkTraceId => Cells::Ids(data.links.iter().flat_map(|l| l.trace_id).collect()),
        Intrinsic::LinkSpanId => Cells::Ids(data.links.iter().flat_map(|l| l.span_id).collect()),
        Intrinsic::LinkTraceState => text(data.links.iter().map(|l| &l.trace_state)),
    }
}
