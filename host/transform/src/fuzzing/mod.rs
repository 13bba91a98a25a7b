//! What the fuzz targets run, and what must hold for any input.

mod plans;

pub use plans::plans;

use crate::plan::{
    AttributeField, CellEdits, Field, Intrinsic, IntrinsicField, KeySelector, Place, Plan, Scope, Target,
    ValueType,
};
use crate::{
    Address, ColumnPart, Compiled, Edit, EditValues, Kind, Operation, Packed, Programs, Secrets, Session,
};
use cadenza_model::{Columns, otlp};
use std::sync::Arc;

/// Two resources, three scopes, events and links, equal keys twice, every type of value.
const REQUEST: &str = r#"{"resourceSpans":[
{"resource":{"attributes":[{"key":"a","value":{"stringValue":"r1"}},{"key":"b","value":{"intValue":"1"}}]},
 "scopeSpans":[{"scope":{"name":"lib","attributes":[{"key":"a","value":{"stringValue":"s1"}}]},"spans":[
  {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"n1","traceState":"x=1",
   "attributes":[{"key":"a","value":{"stringValue":"v1"}},{"key":"a","value":{"stringValue":"v2"}},
    {"key":"b","value":{"intValue":"7"}},{"key":"c.d","value":{"doubleValue":0.5}},
    {"key":"c.e","value":{"boolValue":true}},{"key":"f","value":{"bytesValue":"/wA="}},
    {"key":"g","value":{"arrayValue":{"values":[{"stringValue":"v1"},{"intValue":"2"}]}}},{"key":"h"}],
   "events":[{"name":"e1","timeUnixNano":"5","attributes":[{"key":"a","value":{"stringValue":"v1"}}]},
    {"name":"e2","timeUnixNano":"6"},{"name":"e1","attributes":[{"key":"a","value":{"stringValue":"v3"}}]}],
   "links":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709","traceState":"y=2",
    "attributes":[{"key":"a","value":{"stringValue":"v1"}}]}]},
  {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709","name":"n2",
   "attributes":[{"key":"a","value":{"stringValue":"v1"}},{"key":"i","value":{"kvlistValue":{"values":[
    {"key":"k","value":{"stringValue":"v4"}}]}}}]}]},
  {"scope":{"name":"other"},"spans":[
   {"traceId":"0102030405060708090a0b0c0d0e0f11","spanId":"010203040506070a","name":"n1",
    "status":{"message":"m1","code":2}}]}]},
{"resource":{"attributes":[{"key":"a","value":{"stringValue":"r2"}}]},"scopeSpans":[{"spans":[
 {"traceId":"0102030405060708090a0b0c0d0e0f12","spanId":"010203040506070b","name":"",
  "attributes":[{"key":"c.d","value":{"stringValue":"v5 x"}}]}]}]}]}"#;

/// Bytes as numbers; zeros behind the end.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// Mostly small, now and then anything.
    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => small.into(),
        }
    }

    fn list(&mut self) -> Vec<u32> {
        (0..self.byte() % 16).map(|_| self.number()).collect()
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn packed(&mut self) -> Packed {
        let ends = self.list();
        let len = match self.byte() {
            // What the ends say.
            128.. => ends.last().map_or(0, |&end| end as usize),
            len => len.into(),
        };
        Packed { ends, data: self.take(len).to_vec() }
    }

    fn edit(&mut self) -> Edit {
        let operation = match self.byte() % 6 {
            0 => Operation::Update,
            1 => Operation::Delete,
            2 => Operation::DropRow,
            3 => Operation::Insert(self.number()),
            4 => Operation::Upsert(self.number()),
            _ => Operation::Remove(self.number()),
        };
        let address = match self.byte() % 3 {
            0 => Address::Entries(ColumnPart { column: self.number(), at: self.list() }),
            1 => Address::Cells(ColumnPart { column: self.number(), at: self.list() }),
            _ => Address::Rows(self.list()),
        };
        let values = match self.byte() % 7 {
            0 => EditValues::None,
            1 => EditValues::Strings(self.packed()),
            2 => EditValues::Ints(self.list().into_iter().map(i64::from).collect()),
            3 => EditValues::Doubles(self.list().into_iter().map(f64::from).collect()),
            4 => EditValues::Booleans(self.list().into_iter().map(|number| number as u8).collect()),
            5 => EditValues::Bytes(self.packed()),
            _ => EditValues::Json(self.packed()),
        };
        Edit { operation, address, values }
    }
}

fn plan() -> Plan {
    let all = CellEdits { update: true, delete: true, drop_row: false };
    let field = |scope, key, value_type| {
        let drop_row = matches!(scope, Scope::Event | Scope::Link);
        Field::Attribute(AttributeField {
            place: Place { scope, key },
            value_type,
            only_if: None,
            edits: CellEdits { drop_row, ..all },
        })
    };
    let exact = |key: &str| KeySelector::Exact(key.to_owned());
    let text = |intrinsic| {
        let edits = CellEdits { update: true, ..CellEdits::default() };
        Field::Intrinsic(IntrinsicField { intrinsic, edits })
    };
    let target = |scope, key: &str| Target { scope, key: key.to_owned() };
    Plan {
        fields: vec![
            field(Scope::Span, exact("a"), ValueType::Str),
            field(Scope::Span, KeySelector::Prefix("c.".to_owned()), ValueType::Text),
            field(Scope::Span, KeySelector::Any, ValueType::Json),
            field(Scope::Span, exact("b"), ValueType::Int),
            field(Scope::Span, exact("f"), ValueType::Bytes),
            field(Scope::Event, exact("a"), ValueType::Str),
            field(Scope::Link, KeySelector::Any, ValueType::Presence),
            field(Scope::Resource, exact("a"), ValueType::Str),
            field(Scope::Instrumentation, KeySelector::Any, ValueType::Str),
            text(Intrinsic::Name),
            text(Intrinsic::StatusMessage),
            text(Intrinsic::EventName),
        ],
        targets: vec![
            target(Scope::Span, "a"),
            target(Scope::Span, "new"),
            target(Scope::Event, "a"),
            target(Scope::Link, "new"),
            target(Scope::Resource, "a"),
            target(Scope::Instrumentation, "z"),
        ],
        tables: Scope::ALL.to_vec(),
        ..Plan::default()
    }
}

/// Applies the edits that `data` says to a small batch.
///
/// # Panics
/// When edits that were refused changed something, or when columns come out inconsistent.
pub fn edits(data: &[u8]) {
    let mut columns = Columns::new();
    otlp::decode_json(REQUEST.as_bytes(), &mut columns).expect("a valid request");
    let secrets = Secrets { host: &[7; 32], named: &|_| None };
    let compiled = Compiled::new(&plan(), Kind::Scrubber, &secrets).expect("a valid plan");
    let programs = Programs::new(vec![Arc::new(compiled)]);
    let mut session = Session::new();
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    let before = otlp::to_resource_spans(&columns, &rows);
    session.begin(&programs, &columns);
    let mut reader = Reader { bytes: data };
    let batch = match reader.byte() % 4 {
        0 => session.project_part(&programs, 0, &columns, &[0]),
        1 => session.project_part(&programs, 0, &columns, &[1, 3]),
        _ => session.project(&programs, 0, &columns),
    };
    // Two calls: the second meets what the first has removed.
    let mut changed = false;
    for _ in 0..2 {
        let edits: Vec<Edit> = (0..reader.byte() % 8).map(|_| reader.edit()).collect();
        let checked = session.check(&programs, 0, &batch, &edits, &columns);
        let applied = session.apply(&programs, 0, &batch, &edits, &mut columns);
        assert_eq!(checked.err(), applied.as_ref().err().cloned(), "what is checked is what is applied");
        changed |= applied.is_ok();
    }
    let keep: Vec<u8> = rows.iter().map(|_| reader.byte() & 1 ^ 1).collect();
    session.finish(&mut columns, changed.then_some(keep.as_slice()));
    columns.check().expect("consistent columns after edits");
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    let after = otlp::to_resource_spans(&columns, &rows);
    if !changed {
        assert_eq!(before, after, "refused edits change nothing");
    }
}
