//! Random programs, columns and edits over random batches give what the row-by-row model gives.

use crate::model::{Attr, HOST, Row, World, selects, text_of, text_value};
use cadenza_env::{Random, SeededRandom};
use cadenza_model::{Columns, otlp};
use cadenza_transform::plan::*;
use cadenza_transform::{
    Address, Batch, CellKind, Column, ColumnPart, Compiled, Edit, EditValues, Operation, Part, Programs,
    Secrets, Session,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};
use proptest::prelude::*;
use prost::Message as _;
use std::sync::Arc;

const KEYS: [&str; 6] = ["a", "b", "a.x", "a.y", "c", "num"];
const TEXTS: [&str; 9] =
    ["", "x", "y", "ann@example.com", "id 1234567 z", "42", "4.5", "true", "u@v.org u@w.org"];

pub(crate) struct Make<'a>(pub(crate) &'a SeededRandom);

impl Make<'_> {
    fn below(&self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    fn one<T: Clone>(&self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn text(&self) -> String {
        self.one(&TEXTS).to_owned()
    }

    fn value(&self) -> Option<AnyValue> {
        let value = match self.below(14) {
            0 => Value::IntValue(self.one(&[0, 1, -7, 42])),
            1 => Value::DoubleValue(self.one(&[0.5, 2.0, -1.25])),
            2 => Value::BoolValue(self.below(2) == 0),
            3 => Value::BytesValue(self.one(&[b"\xff\x00".to_vec(), Vec::new()])),
            4 => {
                let text = AnyValue { value: Some(Value::StringValue("ann@example.com".to_owned())) };
                let number = AnyValue { value: Some(Value::IntValue(self.one(&[1, 1234567]))) };
                Value::ArrayValue(ArrayValue { values: vec![text, number] })
            }
            5 => {
                let pair =
                    KeyValue { key: "k".to_owned(), value: text_value(self.text()), ..Default::default() };
                Value::KvlistValue(KeyValueList { values: vec![pair] })
            }
            6 => return None,
            7 => return Some(AnyValue { value: None }),
            _ => Value::StringValue(self.text()),
        };
        Some(AnyValue { value: Some(value) })
    }

    fn attrs(&self, max: usize) -> Vec<KeyValue> {
        (0..self.below(max + 1))
            .map(|_| KeyValue { key: self.one(&KEYS).to_owned(), value: self.value(), ..Default::default() })
            .collect()
    }

    pub(crate) fn batch(&self) -> Vec<ResourceSpans> {
        let mut id = 0u64;
        let mut unique = 0;
        (0..1 + self.below(3))
            .map(|_| {
                unique += 1;
                // Equal resources and scopes become one when they are decoded.
                let tag = |n: usize| KeyValue {
                    key: "tag".to_owned(),
                    value: text_value(format!("t{n}")),
                    ..Default::default()
                };
                let mut attributes = self.attrs(4);
                attributes.push(tag(unique));
                let scopes = 1 + self.below(2);
                let scope_spans = (0..scopes)
                    .map(|n| {
                        let mut attributes = self.attrs(2);
                        attributes.push(tag(n));
                        let spans = (0..1 + self.below(4)).map(|_| {
                            id += 1;
                            self.span(id)
                        });
                        ScopeSpans {
                            scope: Some(InstrumentationScope {
                                name: self.one(&["lib", "ann@example.com"]).to_owned(),
                                version: self.one(&["", "1"]).to_owned(),
                                attributes,
                                ..Default::default()
                            }),
                            spans: spans.collect(),
                            ..Default::default()
                        }
                    })
                    .collect();
                ResourceSpans {
                    resource: Some(Resource { attributes, ..Default::default() }),
                    scope_spans,
                    ..Default::default()
                }
            })
            .collect()
    }

    fn span(&self, id: u64) -> Span {
        let event = |_| Event {
            name: self.one(&["e1", "e 1234567"]).to_owned(),
            attributes: self.attrs(3),
            ..Default::default()
        };
        let link = |_| Link {
            trace_id: vec![3; 16],
            span_id: vec![4; 8],
            trace_state: self.text(),
            attributes: self.attrs(2),
            ..Default::default()
        };
        Span {
            trace_id: vec![1; 16],
            span_id: id.to_be_bytes().to_vec(),
            trace_state: self.text(),
            name: self.one(&["n1", "n2", "n3 u@v.org"]).to_owned(),
            attributes: self.attrs(6),
            events: (0..self.below(3)).map(event).collect(),
            links: (0..self.below(2)).map(link).collect(),
            status: Some(Status { message: self.text(), code: 2 }),
            ..Default::default()
        }
    }

    fn scope(&self) -> Scope {
        self.one(&[
            Scope::Span,
            Scope::Span,
            Scope::Span,
            Scope::Event,
            Scope::Event,
            Scope::Link,
            Scope::Resource,
            Scope::Instrumentation,
        ])
    }

    fn key(&self) -> String {
        self.one(&["a", "b", "a.x", "c", "num", "new", "gone"]).to_owned()
    }

    fn selector(&self) -> KeySelector {
        match self.below(8) {
            0 => KeySelector::Prefix("a.".to_owned()),
            1 => KeySelector::Glob("?.*".to_owned()),
            2 => KeySelector::Pattern("^(a|num)$".to_owned()),
            3 => KeySelector::Any,
            _ => KeySelector::Exact(self.key()),
        }
    }

    fn place(&self) -> Place {
        Place { scope: self.scope(), key: self.selector() }
    }

    fn literal(&self) -> Literal {
        match self.below(5) {
            0 => Literal::Int(5),
            1 => Literal::Double(1.5),
            2 => Literal::Boolean(true),
            3 => Literal::Json(r#"{"arrayValue":{"values":[{"stringValue":"q"}]}}"#.to_owned()),
            _ => Literal::Str(self.text()),
        }
    }

    fn assignment(&self) -> Assignment {
        let value = match self.below(4) {
            0 => Source::Attribute(self.key()),
            1 => Source::ResourceAttribute(self.key()),
            _ => Source::Literal(self.literal()),
        };
        Assignment { scope: self.scope(), key: self.key(), value }
    }

    fn patterns(&self, max: usize) -> Vec<Pattern> {
        (0..1 + self.below(max))
            .map(|_| match self.below(4) {
                0 => Pattern::WellKnown(WellKnown::Digits),
                1 => Pattern::WellKnown(WellKnown::Email),
                2 => Pattern::Expression("[0-9]+".to_owned()),
                _ => Pattern::Expression("[a-z]+@".to_owned()),
            })
            .collect()
    }

    fn op(&self) -> NativeOp {
        match self.below(14) {
            0 => NativeOp::Insert(self.assignment()),
            1 => NativeOp::Update(self.assignment()),
            2 => NativeOp::Upsert(self.assignment()),
            3 => NativeOp::Delete(self.place()),
            4 => NativeOp::Replace(Replacement { place: self.place(), value: self.literal() }),
            5 => NativeOp::KeepOnly(KeepList {
                scope: self.scope(),
                keys: vec![
                    KeySelector::Exact("tag".to_owned()),
                    self.selector(),
                    KeySelector::Prefix("a".to_owned()),
                ],
            }),
            6 => NativeOp::Hash(Hashing { place: self.place(), kind: HashKind::Keyed64 }),
            7 => NativeOp::Convert(Conversion {
                place: self.place(),
                to: self.one(&[ValueType::Str, ValueType::Int, ValueType::Double, ValueType::Boolean]),
            }),
            8 => NativeOp::Extract(Extraction {
                scope: self.scope(),
                key: self.key(),
                pattern: "(?P<new>[a-z]+)@(?P<host>[a-z]+)?".to_owned(),
            }),
            9 | 10 => NativeOp::Mask(Mask {
                place: match self.below(8) {
                    0 => MaskPlace::SpanName,
                    1 => MaskPlace::StatusMessage,
                    2 => MaskPlace::EventName,
                    3 => MaskPlace::ScopeName,
                    4 => MaskPlace::TraceState,
                    _ => MaskPlace::Attribute(self.place()),
                },
                patterns: self.patterns(2),
                unless: if self.below(3) == 0 { self.patterns(1) } else { Vec::new() },
                substitute: if self.below(2) == 0 {
                    Substitute::Template("<${0}>".to_owned())
                } else {
                    Substitute::Hash(HashKind::Keyed64)
                },
                all_types: self.below(2) == 0,
            }),
            11 => NativeOp::Note(Notice {
                place: self.place(),
                matching: if self.below(2) == 0 { self.patterns(2) } else { Vec::new() },
                all_types: self.below(2) == 0,
            }),
            _ => NativeOp::Report(Report {
                scope: self.scope(),
                tally: self.below(2) as u32,
                keys: Some("r.keys".to_owned()),
                separator: ",".to_owned(),
                count: (self.below(2) == 0).then(|| "r.count".to_owned()),
            }),
        }
    }

    fn step(&self) -> Step {
        let mut step = Step::new(self.op());
        // A template on a well-known mask knows no groups but the match.
        if let NativeOp::Mask(mask) = &mut step.op
            && matches!(mask.substitute, Substitute::Template(_))
            && self.below(2) == 0
        {
            mask.substitute = Substitute::Template("****".to_owned());
        }
        let conditions: &[&str] = match step_scope(&step.op) {
            Scope::Resource | Scope::Instrumentation => &["{ resource.a = \"x\" }"],
            Scope::Span | Scope::Event | Scope::Link => {
                &["{ resource.a = \"x\" }", "{ span.b = \"x\" }", "{ name =~ \"n[12]\" }"]
            }
        };
        if self.below(4) == 0 {
            step.when = Some(self.one(conditions).to_owned());
            step.negate = self.below(2) == 0;
        }
        if self.below(2) == 0 {
            step.tally = Some(self.below(2) as u32);
        }
        if self.below(4) == 0 {
            step.skip_tallies = vec![self.below(2) as u32];
        }
        step
    }

    fn field(&self) -> Field {
        if self.below(6) == 0 {
            let intrinsic = self.one(&[
                Intrinsic::Name,
                Intrinsic::StatusMessage,
                Intrinsic::EventName,
                Intrinsic::ScopeName,
                Intrinsic::ScopeVersion,
                Intrinsic::TraceState,
                Intrinsic::LinkTraceState,
            ]);
            let edits = CellEdits { update: true, ..CellEdits::default() };
            return Field::Intrinsic(IntrinsicField { intrinsic, edits });
        }
        let place = self.place();
        let rows = matches!(place.scope, Scope::Event | Scope::Link);
        Field::Attribute(AttributeField {
            edits: if self.below(5) == 0 {
                CellEdits::default()
            } else {
                CellEdits { update: true, delete: true, drop_row: rows && self.below(3) == 0 }
            },
            place,
            value_type: self.one(&[
                ValueType::Str,
                ValueType::Str,
                ValueType::Int,
                ValueType::Double,
                ValueType::Boolean,
                ValueType::Bytes,
                ValueType::Text,
                ValueType::Presence,
            ]),
            only_if: (self.below(4) == 0).then(|| "[0-9a]".to_owned()),
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        let target = |scope, key: &str| Target { scope, key: key.to_owned() };
        let mut steps: Vec<Step> = (0..self.below(7)).map(|_| self.step()).collect();
        if self.below(2) == 0 {
            let mut guest = Step::new(NativeOp::Guest);
            guest.skip_tallies = if self.below(2) == 0 { vec![0] } else { Vec::new() };
            guest.tally = Some(1);
            steps.insert(self.below(steps.len() + 1), guest);
        }
        Plan {
            steps,
            fields: (0..self.below(5)).map(|_| self.field()).collect(),
            targets: vec![
                target(Scope::Span, "a"),
                target(Scope::Span, "new"),
                target(Scope::Event, "a"),
                target(Scope::Event, "fresh"),
                target(Scope::Link, "c"),
                target(Scope::Instrumentation, "b"),
                target(Scope::Resource, "a"),
            ],
            tables: Scope::ALL.to_vec(),
            hmac_secret: None,
        }
    }
}

fn step_scope(op: &NativeOp) -> Scope {
    match op {
        NativeOp::Insert(a) | NativeOp::Update(a) | NativeOp::Upsert(a) => a.scope,
        NativeOp::Delete(place) => place.scope,
        NativeOp::Replace(op) => op.place.scope,
        NativeOp::KeepOnly(op) => op.scope,
        NativeOp::Hash(op) => op.place.scope,
        NativeOp::Convert(op) => op.place.scope,
        NativeOp::Extract(op) => op.scope,
        NativeOp::Mask(op) => match &op.place {
            MaskPlace::Attribute(place) => place.scope,
            MaskPlace::EventName => Scope::Event,
            MaskPlace::ScopeName => Scope::Instrumentation,
            MaskPlace::SpanName | MaskPlace::StatusMessage | MaskPlace::TraceState => Scope::Span,
        },
        NativeOp::Note(op) => op.place.scope,
        NativeOp::Report(op) => op.scope,
        NativeOp::Guest => Scope::Span,
    }
}

/// A cell as the model sees it.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    row: usize,
    uid: u64,
    key: String,
    value: Option<AnyValue>,
}

fn cells(world: &World, field: &AttributeField, skip: u16) -> Vec<Cell> {
    let skip = if field.edits == CellEdits::default() { 0 } else { skip };
    let only = field.only_if.as_ref().map(|pattern| regex::Regex::new(pattern).expect("a pattern"));
    let mut out = Vec::new();
    for (row, owner) in world.table(field.place.scope).iter().enumerate() {
        for attr in &owner.attrs {
            let inner = attr.value.as_ref().and_then(|value| value.value.as_ref());
            let fits = match field.value_type {
                ValueType::Str => matches!(inner, Some(Value::StringValue(_))),
                ValueType::Int => matches!(inner, Some(Value::IntValue(_))),
                ValueType::Double => matches!(inner, Some(Value::DoubleValue(_))),
                ValueType::Boolean => matches!(inner, Some(Value::BoolValue(_))),
                ValueType::Bytes => matches!(inner, Some(Value::BytesValue(_))),
                ValueType::Text | ValueType::Json | ValueType::Presence => true,
            };
            let shown = only.as_ref().is_none_or(|only| only.is_match(&text_of(&attr.value)));
            if selects(&field.place.key, &attr.key) && fits && shown && attr.tallies & skip == 0 {
                out.push(Cell { row, uid: attr.uid, key: attr.key.clone(), value: attr.value.clone() });
            }
        }
    }
    out
}

fn check_column(batch: &Batch, column: &Column, field: &AttributeField, cells: &[Cell]) {
    let rows: Vec<u32> = cells.iter().map(|cell| cell.row as u32).collect();
    assert_eq!(column.rows, rows, "{field:?}");
    assert_eq!(column.len(), cells.len());
    let exact = matches!(field.place.key, KeySelector::Exact(_));
    for (i, cell) in cells.iter().enumerate() {
        let key =
            |index: u32| std::str::from_utf8(batch.keys.get(index as usize).expect("a key")).expect("text");
        let inner = cell.value.as_ref().and_then(|value| value.value.as_ref());
        match column.kind {
            CellKind::Coded => {
                let code = column.codes[i];
                assert!((code as usize) < column.entries());
                if !exact {
                    assert_eq!(key(column.keys[code as usize]), cell.key);
                }
                if field.value_type != ValueType::Presence {
                    let shown = column.values.get(code as usize).expect("a value");
                    match inner {
                        Some(Value::BytesValue(bytes)) if field.value_type == ValueType::Bytes => {
                            assert_eq!(shown, bytes);
                        }
                        _ => assert_eq!(std::str::from_utf8(shown).expect("text"), text_of(&cell.value)),
                    }
                }
            }
            CellKind::Ints => assert_eq!(inner, Some(&Value::IntValue(column.ints[i]))),
            CellKind::Doubles => assert_eq!(inner, Some(&Value::DoubleValue(column.doubles[i]))),
            CellKind::Booleans => assert_eq!(inner, Some(&Value::BoolValue(column.booleans[i] != 0))),
            CellKind::Ids => panic!("no ids in attributes"),
        }
        if column.kind != CellKind::Coded && !exact {
            assert_eq!(key(column.cell_keys[i]), cell.key);
        }
    }
}

/// Text of an intrinsic, row by row.
fn text_mut(row: &mut Row, intrinsic: Intrinsic) -> &mut String {
    match intrinsic {
        Intrinsic::Name | Intrinsic::EventName | Intrinsic::ScopeName => &mut row.name,
        Intrinsic::ScopeVersion => &mut row.version,
        Intrinsic::StatusMessage => &mut row.message,
        _ => &mut row.state,
    }
}

/// A random valid edit, carried out on the model at once.
fn edit(
    make: &Make<'_>,
    plan: &Plan,
    batch: &Batch,
    shown: &[Vec<Cell>],
    world: &mut World,
    tally: Option<u32>,
) -> Option<Edit> {
    let subset = |len: usize| -> Vec<u32> { (0..len as u32).filter(|_| make.below(2) == 0).collect() };
    let target = make.below(plan.targets.len());
    let by_rows = plan.fields.is_empty() || make.below(3) == 0;
    if by_rows {
        let to = &plan.targets[target];
        let rows = subset(world.table(to.scope).len());
        return Some(on_target(
            make,
            to,
            target,
            Address::Rows(rows.clone()),
            rows.len(),
            |item| vec![rows[item] as usize],
            world,
        ));
    }
    let at = make.below(plan.fields.len());
    let column = &batch.columns[at];
    let by_entries = column.kind == CellKind::Coded && make.below(2) == 0;
    let list = subset(if by_entries { column.entries() } else { column.len() });
    let items: Vec<Vec<usize>> = list
        .iter()
        .map(|&index| {
            if by_entries {
                (0..column.len()).filter(|&cell| column.codes[cell] == index).collect()
            } else {
                vec![index as usize]
            }
        })
        .collect();
    let part = ColumnPart { column: at as u32, at: list };
    let address = if by_entries { Address::Entries(part) } else { Address::Cells(part) };
    let (scope, grants) = match &plan.fields[at] {
        Field::Attribute(field) => (field.place.scope, field.edits),
        Field::Intrinsic(field) => (field.intrinsic.scope(), field.edits),
    };
    match make.below(4) {
        0 if grants.update => {
            let all = make.below(3) == 0;
            let texts: Vec<String> = (0..if all { 1 } else { items.len() }).map(|_| make.text()).collect();
            for (item, cells) in items.iter().enumerate() {
                let text = texts.get(item).or(texts.first()).expect("a text");
                for &cell in cells {
                    match &plan.fields[at] {
                        Field::Attribute(_) => on_cell(world, scope, &shown[at][cell], tally, Some(text)),
                        Field::Intrinsic(field) => {
                            *text_mut(&mut world.tables[scope as usize][cell], field.intrinsic) =
                                text.clone();
                        }
                    }
                }
            }
            let values = EditValues::Strings(texts.iter().map(String::as_str).collect());
            Some(Edit { operation: Operation::Update, address, values })
        }
        1 if grants.delete => {
            for cell in items.iter().flatten() {
                on_cell(world, scope, &shown[at][*cell], tally, None);
            }
            Some(Edit { operation: Operation::Delete, address, values: EditValues::None })
        }
        2 if grants.drop_row => {
            for cell in items.iter().flatten() {
                world.tables[scope as usize][shown[at][*cell].row].dropped = true;
            }
            Some(Edit { operation: Operation::DropRow, address, values: EditValues::None })
        }
        3 if plan.targets[target].scope.is_within(scope) => {
            let to = &plan.targets[target];
            let mut by_cell: Vec<(usize, usize)> =
                (0..items.len()).flat_map(|item| items[item].iter().map(move |&cell| (cell, item))).collect();
            by_cell.sort_unstable();
            let row = |cell: usize| match &plan.fields[at] {
                Field::Attribute(_) => shown[at][cell].row,
                Field::Intrinsic(_) => cell,
            };
            let pairs: Vec<(usize, usize)> =
                by_cell.into_iter().map(|(cell, item)| (row(cell), item)).collect();
            Some(on_pairs(make, to, target, address, items.len(), &pairs, scope, world))
        }
        _ => None,
    }
}

fn on_target(
    make: &Make<'_>,
    to: &Target,
    target: usize,
    address: Address,
    items: usize,
    rows: impl Fn(usize) -> Vec<usize>,
    world: &mut World,
) -> Edit {
    let pairs: Vec<(usize, usize)> =
        (0..items).flat_map(|item| rows(item).into_iter().map(move |row| (row, item))).collect();
    on_pairs(make, to, target, address, items, &pairs, to.scope, world)
}

/// Insert, upsert or remove on (row of `from`, item).
#[expect(clippy::too_many_arguments, reason = "a test's helper")]
fn on_pairs(
    make: &Make<'_>,
    to: &Target,
    target: usize,
    address: Address,
    items: usize,
    pairs: &[(usize, usize)],
    from: Scope,
    world: &mut World,
) -> Edit {
    let target = target as u32;
    let operation =
        make.one(&[Operation::Insert(target), Operation::Upsert(target), Operation::Remove(target)]);
    let numbers: Vec<i64> = (0..items as i64).map(|i| i + 100).collect();
    for row in 0..world.table(to.scope).len() {
        let mut mine = pairs.iter().filter(|(above, _)| world.is_under(to.scope, row, from, *above));
        let pair = match operation {
            Operation::Insert(_) => mine.next(),
            _ => mine.next_back(),
        };
        let Some(&(_, item)) = pair else { continue };
        let value = Some(AnyValue { value: Some(Value::IntValue(numbers[item])) });
        let attrs = &mut world.tables[to.scope as usize][row].attrs;
        let there = attrs.iter().any(|attr| attr.key == to.key);
        match operation {
            Operation::Remove(_) => attrs.retain(|attr| attr.key != to.key),
            Operation::Upsert(_) if there => {
                attrs
                    .iter_mut()
                    .filter(|attr| attr.key == to.key)
                    .for_each(|attr| attr.value = value.clone());
            }
            _ if !there => attrs.push(Attr { key: to.key.clone(), value, tallies: 0, uid: 0 }),
            _ => {}
        }
    }
    let values = match operation {
        Operation::Remove(_) => EditValues::None,
        _ => EditValues::Ints(numbers),
    };
    Edit { operation, address, values }
}

/// Updates or deletes one cell, if it is still there.
fn on_cell(world: &mut World, scope: Scope, cell: &Cell, tally: Option<u32>, text: Option<&String>) {
    let row = &mut world.tables[scope as usize][cell.row];
    let Some(at) = row.attrs.iter().position(|attr| attr.uid == cell.uid) else { return };
    let attr = &mut row.attrs[at];
    if let Some(tally) = tally
        && attr.tallies >> tally & 1 == 0
    {
        attr.tallies |= 1 << tally;
        row.tallied[tally as usize].push(attr.key.clone());
    }
    match text {
        Some(text) => row.attrs[at].value = text_value(text.clone()),
        None => drop(row.attrs.remove(at)),
    }
}

/// One plugin over the batch, in both worlds.
fn plugin(
    make: &Make<'_>,
    session: &mut Session,
    programs: &Programs,
    at: usize,
    plan: &Plan,
    columns: &mut Columns,
    world: &mut World,
) {
    for table in &mut world.tables {
        table.retain(|row| !row.dropped);
    }
    for row in world.tables.iter_mut().flatten() {
        row.tallied.iter_mut().for_each(Vec::clear);
        row.attrs.iter_mut().for_each(|attr| attr.tallies = 0);
    }
    let marker = plan.steps.iter().position(|step| step.op == NativeOp::Guest);
    let split = if plan.fields.is_empty() { plan.steps.len() } else { marker.unwrap_or(plan.steps.len()) };
    session.run(programs, at, Part::Before, columns).expect("within limits");
    plan.steps[..split].iter().for_each(|step| world.step(step));
    assert_eq!(programs.plugins()[at].calls_guest(), !plan.fields.is_empty());
    if !plan.fields.is_empty() {
        let guest = marker.map(|at| &plan.steps[at]);
        let skip = guest.map_or(0, |step| step.skip_tallies.iter().map(|&tally| 1 << tally).sum());
        let tally = guest.and_then(|step| step.tally);
        let mut uid = 0;
        for attr in world.tables.iter_mut().flatten().flat_map(|row| &mut row.attrs) {
            uid += 1;
            attr.uid = uid;
        }
        let batch = session.project(programs, at, columns);
        let mut shown = Vec::new();
        for (field, column) in plan.fields.iter().zip(&batch.columns) {
            match field {
                Field::Attribute(field) => {
                    let cells = cells(world, field, skip);
                    check_column(&batch, column, field, &cells);
                    shown.push(cells);
                }
                Field::Intrinsic(field) => {
                    let table = &mut world.tables[field.intrinsic.scope() as usize];
                    assert_eq!(column.len(), table.len());
                    for (row, &code) in table.iter_mut().zip(&column.codes) {
                        let text = column.values.get(code as usize).expect("a value");
                        assert_eq!(text, text_mut(row, field.intrinsic).as_bytes());
                    }
                    shown.push(Vec::new());
                }
            }
        }
        let edits: Vec<Edit> =
            (0..make.below(5)).filter_map(|_| edit(make, plan, &batch, &shown, world, tally)).collect();
        session.apply(programs, at, &batch, &edits, columns).expect("valid edits");
        session.recycle(at, batch);
    }
    session.run(programs, at, Part::After, columns).expect("within limits");
    plan.steps[split..].iter().for_each(|step| world.step(step));
}

fn check(seed: u64, session: &mut Session) {
    let random = SeededRandom::new(seed);
    let make = Make(&random);
    let batch = make.batch();
    let request = ExportTraceServiceRequest { resource_spans: batch.clone() };
    let mut columns = Columns::new();
    otlp::decode(&request.encode_to_vec(), &mut columns).expect("a valid request");
    let mut world = World::new(&batch);
    let plans: Vec<Plan> = (0..1 + make.below(2)).map(|_| make.plan()).collect();
    let secrets = Secrets { host: &HOST, named: &|_| None };
    let compiled = plans.iter().map(|plan| {
        Arc::new(Compiled::new(plan, Kind::Scrubber, &secrets).unwrap_or_else(|errors| panic!("{errors:?}")))
    });
    let programs = Programs::new(compiled.collect());
    session.begin(&programs, &columns);
    for (at, plan) in plans.iter().enumerate() {
        plugin(&make, session, &programs, at, plan, &mut columns, &mut world);
    }
    session.finish(&mut columns, None);
    columns.check().expect("consistent columns");
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    let ours = World::new(&otlp::to_resource_spans(&columns, &rows)).views();
    let expect = world.views();
    for (ours, expect) in ours.iter().zip(&expect) {
        assert_eq!(ours, expect, "seed {seed}: {plans:#?}");
    }
    assert_eq!(ours.len(), expect.len());
    nothing_dead(&columns);
}

/// Every entry of a dictionary is in use.
fn nothing_dead(columns: &Columns) {
    let mut again = columns.clone();
    again.compact();
    let sizes = |columns: &Columns| (columns.names.len(), columns.values.len(), columns.raw.len());
    assert_eq!(sizes(&again), sizes(columns), "nothing edited away stays in a dictionary");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_and_edits_do_what_a_row_by_row_evaluator_does(seed: u64) {
        // One session for all: what it keeps from batch to batch must not show.
        thread_local! {
            static SESSION: std::cell::RefCell<Session> = std::cell::RefCell::new(Session::new());
        }
        SESSION.with_borrow_mut(|session| check(seed, session));
    }
}
