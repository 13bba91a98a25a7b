//! Edits, carried out on plain rows one by one. What the server would refuse is a panic here.

use super::data::{Attributes, Data, Value};
use super::project::{cells_of, project};
use crate::Plan;
use crate::arena::{Texts, take};
use crate::layout::{Counts, Layout};
use crate::types::{
    self, Address, AttributeField, Batch, CellEdits, EditValues, Field, Intrinsic, Operation, Scope,
};

/// An edit with what it takes of the lists.
struct Edit<'a> {
    operation: Operation,
    /// The column whose cells or entries are meant; none for rows.
    column: Option<u32>,
    is_entries: bool,
    at: &'a [u32],
    values: Vec<Value>,
}

/// What no edit has taken yet.
struct Left<'a> {
    numbers: &'a [u32],
    longs: &'a [i64],
    bytes: &'a [u8],
}

impl<'a> Edit<'a> {
    fn new(edit: &types::Edit, left: &mut Left<'a>) -> Self {
        let (column, is_entries, items) = match edit.address {
            Address::Entries(part) => (Some(part.column), true, part.items),
            Address::Cells(part) => (Some(part.column), false, part.items),
            Address::Rows(rows) => (None, false, rows),
        };
        let at = take(&mut left.numbers, items);
        assert!(at.is_sorted_by(|a, b| a < b), "not ascending: {at:?}");
        Self { operation: edit.operation, column, is_entries, at, values: values(edit.values, left) }
    }

    /// The value of an item; one for all of them if there is one.
    fn value(&self, item: usize) -> Value {
        match self.values.as_slice() {
            [] => panic!("the edit has no values"),
            [one] => one.clone(),
            values => values[item].clone(),
        }
    }
}

fn values(values: EditValues, left: &mut Left<'_>) -> Vec<Value> {
    let double = |&bits: &i64| Value::Double(f64::from_bits(bits as u64));
    match values {
        EditValues::None => Vec::new(),
        EditValues::Strings(count) => {
            strings(count, left, |text| Value::Str(String::from_utf8(text.to_vec()).expect("UTF-8")))
        }
        EditValues::Ints(count) => {
            take(&mut left.longs, count).iter().map(|&value| Value::Int(value)).collect()
        }
        EditValues::Doubles(count) => take(&mut left.longs, count).iter().map(double).collect(),
        EditValues::Booleans(count) => {
            take(&mut left.bytes, count).iter().map(|&set| Value::Boolean(set != 0)).collect()
        }
        EditValues::Bytes(count) => strings(count, left, |bytes| Value::Bytes(bytes.to_vec())),
        EditValues::Json(count) => {
            strings(count, left, |json| Value::from_json(&serde_json::from_slice(json).expect("JSON")))
        }
    }
}

fn strings(count: u32, left: &mut Left<'_>, value: fn(&[u8]) -> Value) -> Vec<Value> {
    let ends = take(&mut left.numbers, count);
    let texts = Texts::new(ends, take(&mut left.bytes, ends.last().copied().unwrap_or_default()));
    (0..count).map(|i| value(texts.blob(i))).collect()
}

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
/// At edits that the server would refuse: not granted by the plan, out of range, not ascending, of more or less than
/// their lists have.
pub fn apply(plan: &Plan, data: &mut Data, edits: &types::Edits) {
    let batch = project(plan, data);
    let seen = data.clone();
    // Removed cells and rows keep their places until the end, so that later edits still find theirs.
    let mut dead: Vec<(Scope, usize, usize)> = Vec::new();
    let mut dead_rows: Vec<(Scope, usize)> = Vec::new();
    let types::Arena { numbers, longs, bytes } = &edits.arena;
    let mut left = Left { numbers, longs, bytes };
    for edit in &edits.items {
        let edit = &Edit::new(edit, &mut left);
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
    let is_used_up = left.numbers.is_empty() && left.longs.is_empty() && left.bytes.is_empty();
    assert!(is_used_up, "lists of more than the edits say");
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

/// Cells of a column that the edit addresses: index of the cell, item of the address.
fn addressed(plan: &Plan, batch: &Batch, edit: &Edit<'_>) -> (u32, Vec<(usize, usize)>) {
    let Some(column) = edit.column else { panic!("{:?} takes no rows", edit.operation) };
    if !edit.is_entries {
        return (column, edit.at.iter().enumerate().map(|(item, &cell)| (cell as usize, item)).collect());
    }
    let mut layout = Layout::new(plan);
    let view = crate::Batch::new(batch, plan, &mut layout).column(crate::Column(column));
    let entries = Counts::of(batch, column as usize).entries;
    assert!(edit.at.iter().all(|&entry| entry < entries), "no such entry: {:?}", edit.at);
    let codes: Vec<u32> = (0..view.len()).filter_map(|cell| view.entry_of(cell)).collect();
    let item = |code: &u32| edit.at.binary_search(code).ok();
    (column, codes.iter().enumerate().filter_map(|(cell, code)| Some((cell, item(code)?))).collect())
}

fn reached(plan: &Plan, field: &AttributeField, seen: &Data, batch: &Batch, edit: &Edit<'_>) -> Reached {
    let places = cells_of(field, &mut seen.clone());
    let (_, cells) = addressed(plan, batch, edit);
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
    edit: &Edit<'_>,
    needs: CellEdits,
) -> (Scope, Vec<(usize, usize)>) {
    match &plan.fields[addressed(plan, batch, edit).0 as usize] {
        Field::Intrinsic(field) => panic!("{:?} cannot be removed", field.intrinsic),
        Field::Attribute(field) => {
            assert!(grants(field.edits, needs), "the plan does not ask for {:?}", edit.operation);
            let reached = reached(plan, field, seen, batch, edit);
            (reached.scope, reached.cells)
        }
    }
}

fn update(plan: &Plan, data: &mut Data, seen: &Data, batch: &Batch, edit: &Edit<'_>) {
    let (column, cells) = addressed(plan, batch, edit);
    match &plan.fields[column as usize] {
        Field::Attribute(field) => {
            assert!(
                grants(field.edits, CellEdits::UPDATE),
                "the plan does not ask to update column {column}"
            );
            let reached = reached(plan, field, seen, batch, edit);
            for (&(row, place), &item) in reached.cells.iter().zip(&reached.items) {
                data.attributes(reached.scope).swap_remove(row)[place].1 = edit.value(item);
            }
        }
        Field::Intrinsic(field) => {
            assert!(
                grants(field.edits, CellEdits::UPDATE),
                "the plan does not ask to update column {column}"
            );
            for (row, item) in cells {
                let Value::Str(text) = edit.value(item) else { panic!("{:?} is text", field.intrinsic) };
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
    edit: &Edit<'_>,
    scope: Scope,
) -> Vec<(usize, usize)> {
    if edit.column.is_none() {
        let count = data.attributes(scope).len();
        assert!(edit.at.iter().all(|&row| (row as usize) < count), "no such row: {:?}", edit.at);
        return edit.at.iter().enumerate().map(|(item, &row)| (row as usize, item)).collect();
    }
    let (column, cells) = addressed(plan, batch, edit);
    let (from, at): (Scope, Vec<(usize, usize)>) = match &plan.fields[column as usize] {
        Field::Attribute(field) => {
            let reached = reached(plan, field, seen, batch, edit);
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

fn write(
    plan: &Plan,
    data: &mut Data,
    seen: &Data,
    batch: &Batch,
    edit: &Edit<'_>,
    target: u32,
    replace: bool,
) {
    let target = &plan.targets[target as usize];
    for (row, item) in rows(plan, data, seen, batch, edit, target.scope) {
        let value = edit.value(item);
        let attributes: &mut Attributes = data.attributes(target.scope).swap_remove(row);
        let mut there = attributes.iter_mut().filter(|(key, _)| *key == target.key).peekable();
        if there.peek().is_none() {
            attributes.push((target.key.clone(), value));
        } else if replace {
            there.for_each(|(_, old)| *old = value.clone());
        }
    }
}
