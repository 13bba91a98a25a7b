//! Edits, gathered: what is alike becomes one edit, whatever number of cells it reaches.

use crate::plan::{Column, Target};
use crate::types::{self, Address, Arena, ColumnPart, Edit, EditValues, Operation};

/// The edits of one call.
///
/// Edits that do the same to the same column or target with values of the same type are carried out together, where
/// the first of them stands; within one, the last for an index wins, of inserts the first. Indexes may come in any
/// order.
///
/// Items of all groups stand in one list, and their values in a few: memory is asked for rarely, which costs a guest
/// more than the work itself when batches are small.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    groups: Vec<Group>,
    items: Vec<Item>,
    longs: Vec<i64>,
    ends: Vec<u32>,
    data: Vec<u8>,
}

/// For each span whether it is kept, and edits of those that are.
#[derive(Clone, Debug)]
pub struct Verdicts {
    pub(crate) keep: Vec<u8>,
    /// Of kept spans.
    pub edits: Edits,
}

impl Verdicts {
    pub(crate) fn new(spans: u32, edits: Edits) -> Self {
        Self { keep: vec![0; spans as usize], edits }
    }

    /// Keeps a span.
    pub fn keep(&mut self, span: u32) {
        self.keep[span as usize] = 1;
    }

    /// Whether a span is kept.
    pub fn kept(&self, span: u32) -> bool {
        self.keep[span as usize] == 1
    }
}

/// How an edit says what it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Entries(u32),
    Cells(u32),
    Rows,
}

/// Of which type its values are; none are needed to remove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Str,
    Int,
    Double,
    Boolean,
    Bytes,
    Json,
}

/// What becomes one edit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Group {
    operation: Operation,
    at: At,
    kind: Kind,
}

/// One entry, cell or row of a group.
#[derive(Clone, Copy, Debug)]
struct Item {
    group: u32,
    index: u32,
    /// Index of its value among `longs` or `ends`.
    value: u32,
}

/// Gives values to what an edit reaches; the index counts entries, cells or rows.
#[derive(Debug)]
pub struct Writer<'a> {
    edits: &'a mut Edits,
    operation: Operation,
    at: At,
}

impl Edits {
    /// Gives other values to entries of a column: to every cell that holds one.
    pub fn update(&mut self, column: Column) -> Writer<'_> {
        self.writer(Operation::Update, At::Entries(column.0))
    }

    /// Gives other values to single cells.
    pub fn update_cells(&mut self, column: Column) -> Writer<'_> {
        self.writer(Operation::Update, At::Cells(column.0))
    }

    /// Writes a target on rows of its table.
    pub fn upsert(&mut self, target: Target) -> Writer<'_> {
        self.writer(Operation::Upsert(target.0), At::Rows)
    }

    /// Writes a target on rows of its table, where it is not there yet.
    pub fn insert(&mut self, target: Target) -> Writer<'_> {
        self.writer(Operation::Insert(target.0), At::Rows)
    }

    /// Writes a target on the rows that hold entries of a column.
    pub fn upsert_beside(&mut self, target: Target, column: Column) -> Writer<'_> {
        self.writer(Operation::Upsert(target.0), At::Entries(column.0))
    }

    /// Writes a target on the rows that hold entries of a column, where it is not there yet.
    pub fn insert_beside(&mut self, target: Target, column: Column) -> Writer<'_> {
        self.writer(Operation::Insert(target.0), At::Entries(column.0))
    }

    /// Writes a target on the rows of single cells.
    pub fn upsert_beside_cells(&mut self, target: Target, column: Column) -> Writer<'_> {
        self.writer(Operation::Upsert(target.0), At::Cells(column.0))
    }

    /// Removes every cell that holds an entry.
    pub fn delete(&mut self, column: Column, entry: u32) {
        self.push(Operation::Delete, At::Entries(column.0), Kind::None, entry, 0);
    }

    /// Removes a single cell.
    pub fn delete_cell(&mut self, column: Column, cell: u32) {
        self.push(Operation::Delete, At::Cells(column.0), Kind::None, cell, 0);
    }

    /// Removes the events or links that hold an entry.
    pub fn drop_rows(&mut self, column: Column, entry: u32) {
        self.push(Operation::DropRow, At::Entries(column.0), Kind::None, entry, 0);
    }

    /// Removes a target from a row.
    pub fn remove(&mut self, target: Target, row: u32) {
        self.push(Operation::Remove(target.0), At::Rows, Kind::None, row, 0);
    }

    fn writer(&mut self, operation: Operation, at: At) -> Writer<'_> {
        Writer { edits: self, operation, at }
    }

    fn push(&mut self, operation: Operation, at: At, kind: Kind, index: u32, value: u32) {
        let group = Group { operation, at, kind };
        // The last is the likeliest; there are few.
        let found = self.groups.iter().rposition(|other| *other == group);
        let place = found.unwrap_or_else(|| {
            self.groups.push(group);
            self.groups.len() - 1
        });
        self.items.push(Item { group: place as u32, index, value });
    }

    fn push_long(&mut self, operation: Operation, at: At, kind: Kind, index: u32, value: i64) {
        self.longs.push(value);
        self.push(operation, at, kind, index, self.longs.len() as u32 - 1);
    }

    fn push_blob(&mut self, operation: Operation, at: At, kind: Kind, index: u32, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.ends.push(self.data.len() as u32);
        self.push(operation, at, kind, index, self.ends.len() as u32 - 1);
    }

    fn blob(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.data[start..self.ends[index] as usize]
    }

    /// Forgets all edits, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
        self.items.clear();
        self.longs.clear();
        self.ends.clear();
        self.data.clear();
    }

    /// The edits as the contract has them; none are left.
    pub fn finish(&mut self) -> types::Edits {
        self.sort();
        let mut arena = Arena {
            numbers: Vec::with_capacity(self.items.len() + self.ends.len()),
            longs: Vec::with_capacity(self.longs.len()),
            bytes: Vec::with_capacity(self.data.len()),
        };
        let mut edits = Vec::with_capacity(self.groups.len());
        for items in self.items.chunk_by(|a, b| a.group == b.group) {
            edits.push(self.edit(self.groups[items[0].group as usize], items, &mut arena));
        }
        self.clear();
        types::Edits { items: edits, arena }
    }

    /// By group, and ascending; of equal ones the first counts for inserts, for others the last.
    fn sort(&mut self) {
        let place = |item: &Item| (item.group, item.index);
        if self.items.is_sorted_by(|a, b| place(a) < place(b)) {
            return;
        }
        self.items.sort_by_key(place);
        let groups = &self.groups;
        self.items.dedup_by(|later, kept| {
            let same = place(later) == place(kept);
            if same && !matches!(groups[kept.group as usize].operation, Operation::Insert(_)) {
                *kept = *later;
            }
            same
        });
    }

    fn edit(&self, group: Group, items: &[Item], arena: &mut Arena) -> Edit {
        let count = items.len() as u32;
        arena.numbers.extend(items.iter().map(|item| item.index));
        let address = match group.at {
            At::Entries(column) => Address::Entries(ColumnPart { column, items: count }),
            At::Cells(column) => Address::Cells(ColumnPart { column, items: count }),
            At::Rows => Address::Rows(count),
        };
        let longs = items.iter().map(|item| self.longs[item.value as usize]);
        let values = match group.kind {
            Kind::None => EditValues::None,
            Kind::Str => EditValues::Strings(count),
            Kind::Bytes => EditValues::Bytes(count),
            Kind::Json => EditValues::Json(count),
            Kind::Int => EditValues::Ints(count),
            Kind::Double => EditValues::Doubles(count),
            Kind::Boolean => EditValues::Booleans(count),
        };
        match group.kind {
            Kind::None => {}
            Kind::Str | Kind::Bytes | Kind::Json => self.put_strings(items, arena),
            Kind::Int | Kind::Double => arena.longs.extend(longs),
            Kind::Boolean => arena.bytes.extend(longs.map(|set| set as u8)),
        }
        Edit { operation: group.operation, address, values }
    }

    fn put_strings(&self, items: &[Item], arena: &mut Arena) {
        let mut end = 0;
        for item in items {
            let blob = self.blob(item.value);
            arena.bytes.extend_from_slice(blob);
            end += blob.len() as u32;
            arena.numbers.push(end);
        }
    }
}

impl Writer<'_> {
    fn long(&mut self, kind: Kind, index: u32, value: i64) {
        self.edits.push_long(self.operation, self.at, kind, index, value);
    }

    fn blob(&mut self, kind: Kind, index: u32, value: &[u8]) {
        self.edits.push_blob(self.operation, self.at, kind, index, value);
    }

    /// A string.
    pub fn str(&mut self, index: u32, value: &str) {
        self.blob(Kind::Str, index, value.as_bytes());
    }

    /// An int.
    pub fn int(&mut self, index: u32, value: i64) {
        self.long(Kind::Int, index, value);
    }

    /// A double.
    pub fn double(&mut self, index: u32, value: f64) {
        self.long(Kind::Double, index, value.to_bits() as i64);
    }

    /// A bool.
    pub fn boolean(&mut self, index: u32, value: bool) {
        self.long(Kind::Boolean, index, i64::from(value));
    }

    /// Bytes.
    pub fn bytes(&mut self, index: u32, value: &[u8]) {
        self.blob(Kind::Bytes, index, value);
    }

    /// Any value, as OTLP/JSON has it.
    pub fn json(&mut self, index: u32, value: &str) {
        self.blob(Kind::Json, index, value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_one_kind_become_one_ascending_edit() {
        let mut edits = Edits::default();
        let target = Target(3);
        edits.upsert(target).str(7, "x");
        edits.upsert(target).int(1, 5);
        edits.upsert(target).str(2, "y");
        edits.upsert(target).str(7, "zz");
        edits.delete(Column(0), 4);
        edits.insert(target).int(4, 1);
        edits.insert(target).int(4, 2);
        let types::Edits { items, arena } = edits.finish();
        let edit = |operation, address, values| Edit { operation, address, values };
        let column = ColumnPart { column: 0, items: 1 };
        let expect = [
            edit(Operation::Upsert(3), Address::Rows(2), EditValues::Strings(2)),
            edit(Operation::Upsert(3), Address::Rows(1), EditValues::Ints(1)),
            edit(Operation::Delete, Address::Entries(column), EditValues::None),
            edit(Operation::Insert(3), Address::Rows(1), EditValues::Ints(1)),
        ];
        assert_eq!(items, expect);
        // Rows and ends of the strings, and then what each edit addresses.
        assert_eq!(arena.numbers, [2, 7, 1, 3, 1, 4, 4]);
        assert_eq!((arena.longs, arena.bytes), (vec![5, 1], b"yzz".to_vec()));
    }
}
