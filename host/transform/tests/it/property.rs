//! Random programs, columns and edits over random batches give what the row-by-row model gives.

use crate::generate::Make;
use crate::model::{Attr, HOST, Row, World};
use crate::parts;
use crate::values::{selects, text_of, text_value};
use cadenza_env::SeededRandom;
use cadenza_model::{Columns, otlp};
use cadenza_transform::plan::*;
use cadenza_transform::{
    Address, Batch, CellKind, Column, ColumnPart, Compiled, Edit, EditValues, Operation, Part, Programs,
    Secrets, Session,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use proptest::prelude::*;
use prost::Message as _;
use std::sync::Arc;

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
        let scope = |field: &Field| match field {
            Field::Attribute(field) => field.place.scope,
            Field::Intrinsic(field) => field.intrinsic.scope(),
        };
        let scopes: Vec<Scope> = plan.fields.iter().map(scope).collect();
        parts::check(make, session, (programs, at), columns, &batch, &scopes);
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
