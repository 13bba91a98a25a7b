//! Edits by example: what is refused, and that nothing which was edited away stays in memory.

use cadenza_model::{Columns, Dict, otlp};
use cadenza_transform::plan::*;
use cadenza_transform::{
    Address, ColumnPart, Compiled, Edit, EditValues, Operation, Packed, Part, Programs, Secrets, Session,
};
use std::sync::Arc;

const REQUEST: &str = r#"{"resourceSpans":[{"resource":{"attributes":[
  {"key":"owner","value":{"stringValue":"canary-resource"}}]},
 "scopeSpans":[{"scope":{"name":"canary-scope","attributes":[{"key":"k","value":{"stringValue":"canary-lib"}}]},
  "spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"canary-name",
   "traceState":"t=canary-state","status":{"message":"canary-message"},
   "attributes":[{"key":"secret","value":{"stringValue":"canary-one"}},{"key":"canary-key","value":{"intValue":"1"}},
    {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"canary-list"}]}}},
    {"key":"kept","value":{"stringValue":"fine"}}],
   "events":[{"name":"canary-event","attributes":[{"key":"secret","value":{"stringValue":"canary-two"}}]}],
   "links":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709",
    "traceState":"t=canary-link","attributes":[{"key":"secret","value":{"stringValue":"canary-three"}}]}]}]}]}]}"#;

fn columns() -> Columns {
    let mut columns = Columns::new();
    otlp::decode_json(REQUEST.as_bytes(), &mut columns).expect("a valid request");
    columns
}

fn programs(plan: &Plan) -> Programs {
    let secrets = Secrets { host: &[7; 32], named: &|_| None };
    let compiled =
        Compiled::new(plan, Kind::Scrubber, &secrets).unwrap_or_else(|errors| panic!("{errors:?}"));
    Programs::new(vec![Arc::new(compiled)])
}

fn count(dict: &Dict, needle: &[u8]) -> usize {
    dict.arena().windows(needle.len()).filter(|window| *window == needle).count()
}

fn canaries(columns: &Columns) -> usize {
    [&columns.names, &columns.values, &columns.raw].iter().map(|dict| count(dict, b"canary")).sum()
}

const UPDATE: CellEdits = CellEdits { update: true, delete: true, drop_row: false };

fn field(scope: Scope, key: KeySelector, value_type: ValueType) -> Field {
    Field::Attribute(AttributeField { place: Place { scope, key }, value_type, only_if: None, edits: UPDATE })
}

fn text(intrinsic: Intrinsic) -> Field {
    Field::Intrinsic(IntrinsicField { intrinsic, edits: CellEdits { update: true, ..CellEdits::default() } })
}

#[test]
fn nothing_that_native_steps_remove_stays_in_a_dictionary() {
    let canary = || vec![Pattern::Expression("canary[-a-z]*".to_owned())];
    let mask = |place| {
        Step::new(NativeOp::Mask(Mask {
            place,
            patterns: canary(),
            unless: Vec::new(),
            substitute: Substitute::Template("***".to_owned()),
            all_types: true,
        }))
    };
    let any = |scope| Place { scope, key: KeySelector::Any };
    let mut steps: Vec<Step> =
        Scope::ALL.iter().map(|&scope| mask(MaskPlace::Attribute(any(scope)))).collect();
    steps.extend(
        [
            MaskPlace::SpanName,
            MaskPlace::StatusMessage,
            MaskPlace::EventName,
            MaskPlace::ScopeName,
            MaskPlace::TraceState,
            MaskPlace::LinkTraceState,
            MaskPlace::ScopeVersion,
            MaskPlace::ResourceSchemaUrl,
            MaskPlace::ScopeSchemaUrl,
        ]
        .map(mask),
    );
    let key = KeySelector::Prefix("canary".to_owned());
    steps.push(Step::new(NativeOp::Delete(Place { scope: Scope::Span, key })));
    let programs = programs(&Plan { steps, ..Plan::default() });
    let (mut columns, mut session) = (columns(), Session::new());
    let scopes = &mut columns.scopes;
    scopes.version = vec![columns.names.intern(b"canary-version")];
    scopes.schema_url = vec![columns.names.intern(b"https://canary-scope-schema")];
    columns.resources.schema_url = vec![columns.names.intern(b"https://canary-resource-schema")];
    assert_eq!(canaries(&columns), 16);
    let before = columns.spans.wire_bytes[0];
    session.begin(&programs, &columns);
    session.run(&programs, 0, Part::Before, &mut columns).expect("within limits");
    session.finish(&mut columns, None);
    columns.check().expect("consistent columns");
    assert_eq!(canaries(&columns), 0);
    assert_eq!(columns.spans.wire_bytes[0], before, "limits count what was received");
}

#[test]
fn nothing_that_a_guest_removes_stays_in_a_dictionary() {
    let any = KeySelector::Any;
    let fields: Vec<Field> = Scope::ALL
        .iter()
        .map(|&scope| field(scope, any.clone(), ValueType::Text))
        .chain(
            [
                Intrinsic::Name,
                Intrinsic::StatusMessage,
                Intrinsic::TraceState,
                Intrinsic::EventName,
                Intrinsic::ScopeName,
                Intrinsic::LinkTraceState,
            ]
            .map(text),
        )
        .collect();
    let programs = programs(&Plan { fields, ..Plan::default() });
    let (mut columns, mut session) = (columns(), Session::new());
    session.begin(&programs, &columns);
    let batch = session.project(&programs, 0, &columns);
    let edits: Vec<Edit> = batch
        .columns
        .iter()
        .enumerate()
        .map(|(column, cells)| {
            let at = (0..cells.entries() as u32).collect();
            let address = Address::Entries(ColumnPart { column: column as u32, at });
            let operation = if column < 5 { Operation::Delete } else { Operation::Update };
            let values = match operation {
                Operation::Delete => EditValues::None,
                _ => EditValues::Strings(["x"].into_iter().collect()),
            };
            Edit { operation, address, values }
        })
        .collect();
    let applied = session.apply(&programs, 0, &batch, &edits, &mut columns).expect("valid edits");
    assert_eq!((applied.removed, applied.updated), (8, 6));
    session.finish(&mut columns, None);
    columns.check().expect("consistent columns");
    assert_eq!(canaries(&columns), 0);
}

#[test]
fn spans_that_are_not_kept_leave_nothing_behind() {
    let programs = programs(&Plan::default());
    let (mut columns, mut session) = (columns(), Session::new());
    session.begin(&programs, &columns);
    session.finish(&mut columns, Some(&[0]));
    assert_eq!((columns.spans.len(), canaries(&columns)), (0, 0));
    columns.check().expect("consistent columns");
}

fn packed(ends: &[u32], data: &[u8]) -> Packed {
    Packed { ends: ends.to_vec(), data: data.to_vec() }
}

/// The reason for which an edit is refused.
fn refused(edit: Edit) -> String {
    let exact = |key: &str| KeySelector::Exact(key.to_owned());
    let mut read_only = field(Scope::Span, exact("kept"), ValueType::Str);
    if let Field::Attribute(field) = &mut read_only {
        field.edits = CellEdits::default();
    }
    let target = |scope| Target { scope, key: "t".to_owned() };
    let programs = programs(&Plan {
        fields: vec![
            field(Scope::Span, exact("secret"), ValueType::Str),
            field(Scope::Span, exact("canary-key"), ValueType::Int),
            read_only,
            field(Scope::Event, exact("secret"), ValueType::Str),
            text(Intrinsic::Name),
        ],
        targets: vec![target(Scope::Span), target(Scope::Event)],
        ..Plan::default()
    });
    let (mut columns, mut session) = (columns(), Session::new());
    session.begin(&programs, &columns);
    let batch = session.project(&programs, 0, &columns);
    let valid = Edit {
        operation: Operation::Update,
        address: Address::Cells(ColumnPart { column: 0, at: vec![0] }),
        values: EditValues::Strings(["valid"].into_iter().collect()),
    };
    // A valid edit before it must have no effect.
    let result = session.apply(&programs, 0, &batch, &[valid, edit], &mut columns);
    session.finish(&mut columns, None);
    match result {
        Ok(_) => String::new(),
        Err(error) => {
            assert_eq!(error.edit, 1);
            assert_eq!(count(&columns.values, b"canary-one"), 1, "nothing was changed");
            assert_eq!(count(&columns.values, b"valid"), 0, "nothing was added");
            error.fault.to_string()
        }
    }
}

#[test]
fn what_a_guest_may_not_do_is_refused_with_everything_else() {
    let cells = |column, at: &[u32]| Address::Cells(ColumnPart { column, at: at.to_vec() });
    let entries = |column, at: &[u32]| Address::Entries(ColumnPart { column, at: at.to_vec() });
    let one = || EditValues::Strings(["x"].into_iter().collect());
    let check = |operation, address, values, expect: &str| {
        assert_eq!(refused(Edit { operation, address, values }), expect);
    };
    use EditValues as V;
    use Operation::{Delete, DropRow, Insert, Remove, Update, Upsert};
    check(Update, cells(0, &[0]), one(), "");
    check(Update, cells(9, &[0]), one(), "column 9 of 5");
    check(Update, cells(0, &[1]), one(), "index 1 of 1 cells");
    check(Update, cells(0, &[0, 0]), one(), "index 1 does not ascend");
    check(Update, entries(0, &[7]), one(), "index 7 of 1 entries");
    check(Update, entries(1, &[0]), one(), "entries of a column that is not coded");
    check(Update, Address::Rows(vec![0]), one(), "update of rows, which names no cells");
    check(Update, cells(2, &[0]), one(), "update of column 2, which the plan did not ask for");
    check(DropRow, cells(3, &[0]), V::None, "drop-row of column 3, which the plan did not ask for");
    check(Update, cells(0, &[0]), V::None, "update without values");
    check(Delete, cells(0, &[0]), one(), "delete with values");
    check(Update, cells(0, &[0]), V::Ints(vec![1, 2]), "2 values for 1 items");
    check(Update, cells(4, &[0]), V::Ints(vec![1]), "a value that is not text for a field of text");
    check(Update, cells(0, &[0]), V::Booleans(vec![2]), "boolean 2");
    check(Update, cells(0, &[0]), V::Strings(packed(&[3], b"ab")), "ends of strings do not fit their data");
    check(Update, cells(0, &[0]), V::Bytes(packed(&[1], b"ab")), "ends of strings do not fit their data");
    check(Update, cells(0, &[0]), V::Strings(packed(&[1], b"\xff")), "text is not UTF-8");
    // Both halves of one character.
    check(
        Upsert(0),
        Address::Rows(vec![0]),
        V::Strings(packed(&[2, 1], "é".as_bytes())),
        "2 values for 1 items",
    );
    check(Update, cells(0, &[0]), V::Json(packed(&[1], b"{")), "value 0 is not the JSON of a value");
    check(Insert(2), Address::Rows(vec![0]), V::Ints(vec![1]), "target 2 of 2");
    check(Remove(0), Address::Rows(vec![1]), V::None, "index 1 of 1 rows");
    check(
        Upsert(0),
        cells(3, &[0]),
        V::Ints(vec![1]),
        "target 0 lies in a table that is not under the column's",
    );
    check(Upsert(1), cells(0, &[0]), V::Ints(vec![1]), "");
    let large = vec![b'x'; 1 << 20];
    let bytes = large.len() as u32;
    let found = refused(Edit {
        operation: Update,
        address: cells(0, &[0]),
        values: V::Strings(packed(&[bytes], &large)),
    });
    assert!(found.starts_with("edits of 1048") && found.contains("where this batch allows 65"), "{found}");
}

#[test]
fn a_batch_is_void_once_attributes_have_moved() {
    let programs = programs(&Plan {
        fields: vec![field(Scope::Span, KeySelector::Any, ValueType::Str)],
        ..Plan::default()
    });
    let (mut columns, mut session) = (columns(), Session::new());
    session.begin(&programs, &columns);
    let batch = session.project(&programs, 0, &columns);
    let edit = Edit {
        operation: Operation::Delete,
        address: Address::Cells(ColumnPart { column: 0, at: vec![0] }),
        values: EditValues::None,
    };
    session.apply(&programs, 0, &batch, std::slice::from_ref(&edit), &mut columns).expect("valid");
    session.apply(&programs, 0, &batch, std::slice::from_ref(&edit), &mut columns).expect("gone already");
    session.settle(&mut columns);
    let error = session.apply(&programs, 0, &batch, &[edit], &mut columns).expect_err("void");
    assert_eq!(error.to_string(), "edit 0: the batch is out of date");
}

#[test]
fn edits_of_parts_reach_the_whole_batch() {
    let exact = |key: &str| KeySelector::Exact(key.to_owned());
    let programs = programs(&Plan {
        fields: vec![field(Scope::Event, exact("secret"), ValueType::Str), text(Intrinsic::Name)],
        tables: vec![Scope::Span, Scope::Event],
        ..Plan::default()
    });
    let mut columns = Columns::new();
    for name in ["a", "b", "c"] {
        let request = REQUEST.replace("canary-name", name).replace("canary-two", &format!("event of {name}"));
        otlp::decode_json(request.as_bytes(), &mut columns).expect("a valid request");
    }
    let mut session = Session::new();
    session.begin(&programs, &columns);
    let parts: Vec<_> =
        [&[0][..], &[1, 2]].map(|spans| session.project_part(&programs, 0, &columns, spans)).into();
    assert_eq!((parts[0].spans, parts[1].spans), (1, 2));
    assert_eq!(parts[1].tables[1].parent, [0, 1]);
    assert_eq!(parts[1].columns[0].values.get(1), Some(b"event of c".as_slice()));
    let edit = Edit {
        operation: Operation::Update,
        address: Address::Cells(ColumnPart { column: 0, at: vec![1] }),
        values: EditValues::Strings(["masked"].into_iter().collect()),
    };
    session.apply(&programs, 0, &parts[1], &[edit], &mut columns).expect("valid edits");
    session.finish(&mut columns, None);
    let value = |event| columns.value(&columns.event_attrs, event);
    use cadenza_model::ValueRef::Str;
    assert_eq!([value(0), value(1), value(2)], [Str("event of a"), Str("event of b"), Str("masked")]);
}
