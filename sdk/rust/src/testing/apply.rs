//! Edits, carried out on plain rows one by one. What the server would refuse is a panic here.

use super::data::{Attributes, Data, Value};
use super::project::{cells_of, project};
use crate::Plan;
use crate::types::{
    Address, AttributeField, Batch, CellEdits, Cells, Edit, EditValues, Field, Intrinsic, Operation, Packed,
    Scope,
};

/// What an edit reaches, resolved against the rows as the plugin saw them.
struct Reached {
    /// The table, and for each item its row and its place among the row's attributes.
    scope: Scope,
    cells: Vec<(usize, usize)>,
    /// For each cell which item of the address it belongs to.
    items: Vec<usize>,
}

/// Applies the edits of one call.
///
/// # Panics
/// At edits that the server would refuse: not granted by the plan, out of range, not ascending.
pub fn apply(plan: &Plan, data: &mut Data, edits: &[Edit]) {
    let batch = project(plan, data);
    let seen = data.clone();
    // Removed cells and rows keep their places until the end, so that later edits still find theirs.
    let mut dead: Vec<(Scope, usize, usize)> = Vec::new();
    let mut dead_rows: Vec<(Scope, usize)> = Vec::new();
    for edit in edits {
        match edit.operation {
            Operation::Update => update(plan, data, &seen, &batch, edit),
            Operation::Delete => {
                let (scope, cells) = attribute_cells(plan, &seen, &batch, edit, CellEdits::DELETE);
                dead.extend(cells.into_iter().map(|(row, place)| (scope, row, place)));
            }
            Operation::DropRow => {
                let (scope, cells) = attribute_cells(plan, &seen, &batch, edit, CellEdits::DROP_ROW);
                dead_rows.extend(cells.into_iter().map(|(row, _)| (scope, row)));
            }
            Operation::Insert(target) => write(plan, data, &seen, &batch, edit, target, false),
            Operation::Upsert(target) => write(plan, data, &seen, &batch, edit, target, true),
            Operation::Remove(target) => {
                let (scope, key) = (plan.targets[target as usize].scope, &plan.targets[target as usize].key);
                for (row, _) in rows(plan, data, &seen, &batch, edit, scope) {
                    let attributes = data.attributes(scope).swap_remove(row);
                    let places = attributes.iter().enumerate().filter(|(_, (k, _))| k == key);
                    dead.extend(places.map(|(place, _)| (scope, row, place)));
                }
            }
        }
    }
    dead.sort_by_key(|&(scope, row, place)| (scope as u8, row, std::cmp::Reverse(place)));
    dead.dedup();
    for (scope, row, place) in dead {
        data.attributes(scope).swap_remove(row).remove(place);
    }
    dead_rows.sort_by_key(|&(scope, row)| (scope as u8, std::cmp::Reverse(row)));
    dead_rows.dedup();
    for (scope, row) in dead_rows {
        match scope {
            Scope::Event => drop(data.events.remove(row)),
            Scope::Link => drop(data.links.remove(row)),
            other => panic!("rows of {other:?} cannot be dropped"),
        }
    }
}

fn grants(edits: CellEdits, needs: CellEdits) -> bool {
    edits & needs == needs
}

/// The value of an item; one for all of them if there is one.
fn value(values: &EditValues, item: usize) -> Value {
    fn one<T: Clone>(values: &[T], item: usize) -> T {
        if values.len() == 1 { values[0].clone() } else { values[item].clone() }
    }
    fn blob(packed: &Packed, item: usize) -> &[u8] {
        let item = if packed.ends.len() == 1 { 0 } else { item };
        let start = if item == 0 { 0 } else { packed.ends[item - 1] as usize };
        &packed.data[start..packed.ends[item] as usize]
    }
    match values {
        EditValues::None => panic!("the edit has no values"),
        EditValues::Strings(packed) => {
            Value::Str(String::from_utf8(blob(packed, item).to_vec()).expect("UTF-8"))
        }
        EditValues::Ints(values) => Value::Int(one(values, item)),
        EditValues::Doubles(values) => Value::Double(one(values, item)),
        EditValues::Booleans(values) => Value::Boolean(one(values, item) != 0),
        EditValues::Bytes(packed) => Value::Bytes(blob(packed, item).to_vec()),
        EditValues::Json(packed) => {
            Value::from_json(&serde_json::from_slice(blob(packed, item)).expect("JSON"))
        }
    }
}

/// Cells of a column that the edit addresses: index of the cell, item of the address.
fn addressed(batch: &Batch, edit: &Edit) -> (u32, Vec<(usize, usize)>) {
    let ascending = |at: &[u32]| assert!(at.is_sorted_by(|a, b| a < b), "not ascending: {at:?}");
    match &edit.address {
        Address::Rows(_) => panic!("{:?} takes no rows", edit.operation),
        Address::Cells(part) => {
            ascending(&part.at);
            (part.column, part.at.iter().enumerate().map(|(item, &cell)| (cell as usize, item)).collect())
        }
        Address::Entries(part) => {
            ascending(&part.at);
            let Cells::Coded(coded) = &batch.columns[part.column as usize].cells else {
                panic!("column {} has no entries", part.column)
            };
            let entries = coded.values.ends.len().max(coded.keys.len());
            assert!(part.at.iter().all(|&entry| (entry as usize) < entries), "no such entry: {:?}", part.at);
            let item = |code: &u32| part.at.binary_search(code).ok();
            (
                part.column,
                coded.codes.iter().enumerate().filter_map(|(cell, code)| Some((cell, item(code)?))).collect(),
            )
        }
    }
}

fn reached(field: &AttributeField, seen: &Data, batch: &Batch, edit: &Edit) -> Reached {
    let places = cells_of(field, &mut seen.clone());
    let (_, cells) = addressed(batch, edit);
    Reached {
        scope: field.place.scope,
        cells: cells.iter().map(|&(cell, _)| places[cell]).collect(),
        items: cells.iter().map(|&(_, item)| item).collect(),
    }
}

fn attribute_cells(
    plan: &Plan,
    seen: &Data,
    batch: &Batch,
    edit: &Edit,
    needs: CellEdits,
) -> (Scope, Vec<(usize, usize)>) {
    match &plan.fields[addressed(batch, edit).0 as usize] {
        Field::Intrinsic(field) => panic!("{:?} cannot be removed", field.intrinsic),
        Field::Attribute(field) => {
            assert!(grants(field.edits, needs), "the plan does not ask for {:?}", edit.operation);
            let reached = reached(field, seen, batch, edit);
            (reached.scope, reached.cells)
        }
    }
}

fn update(plan: &Plan, data: &mut Data, seen: &Data, batch: &Batch, edit: &Edit) {
    let (column, cells) = addressed(batch, edit);
    match &plan.fields[column as usize] {
        Field::Attribute(field) => {
            assert!(
                grants(field.edits, CellEdits::UPDATE),
                "the plan does not ask to update column {column}"
            );
            let reached = reached(field, seen, batch, edit);
            for (&(row, place), &item) in reached.cells.iter().zip(&reached.items) {
                data.attributes(reached.scope).swap_remove(row)[place].1 = value(&edit.values, item);
            }
        }
        Field::Intrinsic(field) => {
            assert!(
                grants(field.edits, CellEdits::UPDATE),
                "the plan does not ask to update column {column}"
            );
            for (row, item) in cells {
                let Value::Str(text) = value(&edit.values, item) else {
                    panic!("{:?} is text", field.intrinsic)
                };
                *text_of(data, field.intrinsic, row) = text;
            }
        }
    }
}

fn text_of(data: &mut Data, intrinsic: Intrinsic, row: usize) -> &mut String {
    match intrinsic {
        Intrinsic::TraceState => &mut data.spans[row].trace_state,
        Intrinsic::Name => &mut data.spans[row].name,
        Intrinsic::StatusMessage => &mut data.spans[row].status_message,
        Intrinsic::ScopeName => &mut data.scopes[row].name,
        Intrinsic::ScopeVersion => &mut data.scopes[row].version,
        Intrinsic::EventName => &mut data.events[row].name,
        Intrinsic::LinkTraceState => &mut data.links[row].trace_state,
        other => panic!("{other:?} cannot be changed"),
    }
}

/// Rows of a target's table that an edit means, each with its item.
fn rows(
    plan: &Plan,
    data: &mut Data,
    seen: &Data,
    batch: &Batch,
    edit: &Edit,
    scope: Scope,
) -> Vec<(usize, usize)> {
    if let Address::Rows(rows) = &edit.address {
        assert!(rows.is_sorted_by(|a, b| a < b), "not ascending: {rows:?}");
        let count = data.attributes(scope).len();
        assert!(rows.iter().all(|&row| (row as usize) < count), "no such row: {rows:?}");
        return rows.iter().enumerate().map(|(item, &row)| (row as usize, item)).collect();
    }
    let (column, cells) = addressed(batch, edit);
    let (from, at): (Scope, Vec<(usize, usize)>) = match &plan.fields[column as usize] {
        Field::Attribute(field) => {
            let reached = reached(field, seen, batch, edit);
            (
                reached.scope,
                reached.cells.iter().zip(&reached.items).map(|(&(row, _), &item)| (row, item)).collect(),
            )
        }
        Field::Intrinsic(field) => (table_of(field.intrinsic), cells),
    };
    below(data, from, at, scope)
}

/// Rows under the given ones.
fn below(data: &Data, from: Scope, at: Vec<(usize, usize)>, to: Scope) -> Vec<(usize, usize)> {
    if from == to {
        return at;
    }
    let parent = match to {
        Scope::Resource => panic!("{to:?} does not lie below {from:?}"),
        Scope::Instrumentation => Scope::Resource,
        Scope::Span => Scope::Instrumentation,
        Scope::Event | Scope::Link => Scope::Span,
    };
    let above = below(data, from, at, parent);
    let parents = data.parents(to);
    let under = |(row, item): (usize, usize)| {
        let rows: Vec<_> = parents.iter().enumerate().filter(|&(_, &p)| p as usize == row).collect();
        rows.into_iter().map(move |(child, _)| (child, item))
    };
    above.into_iter().flat_map(under).collect()
}

fn table_of(intrinsic: Intrinsic) -> Scope {
    match intrinsic {
        Intrinsic::ScopeName | Intrinsic::ScopeVersion => Scope::Instrumentation,
        Intrinsic::EventName | Intrinsic::EventTimeUnixNano => Scope::Event,
        Intrinsic::LinkTraceId | Intrinsic::LinkSpanId | Intrinsic::LinkTraceState => Scope::Link,
        _ => Scope::Span,
    }
}

fn write(plan: &Plan, data: &mut Data, seen: &Data, batch: &Batch, edit: &Edit, target: u32, replace: bool) {
    let target = &plan.targets[target as usize];
    for (row, item) in rows(plan, data, seen, batch, edit, target.scope) {
        let value = value(&edit.values, item);
        let attributes: &mut Attributes = data.attributes(target.scope).swap_remove(row);
        let mut there = attributes.iter_mut().filter(|(key, _)| *key == target.key).peekable();
        if there.peek().is_none() {
            attributes.push((target.key.clone(), value));
        } else if replace {
            there.for_each(|(_, old)| *old = value.clone());
        }
    }
}
