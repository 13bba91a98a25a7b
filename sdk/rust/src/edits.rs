//! Edits, gathered: what is alike becomes one edit, whatever number of cells it reaches.

use crate::arena::put;
use crate::plan::{Column, Target};
use crate::types::{self, Address, Arena, ColumnPart, Edit, EditValues, Operation, Slice, Strings};

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
        let at = put(&mut arena.numbers, items.iter().map(|item| item.index));
        let address = match group.at {
            At::Entries(column) => Address::Entries(ColumnPart { column, at }),
            At::Cells(column) => Address::Cells(ColumnPart { column, at }),
            At::Rows => Address::Rows(at),
        };
        let longs = items.iter().map(|item| self.longs[item.value as usize]);
        let values = match group.kind {
            Kind::None => EditValues::None,
            Kind::Str => EditValues::Strings(self.strings(items, arena)),
            Kind::Bytes => EditValues::Bytes(self.strings(items, arena)),
            Kind::Json => EditValues::Json(self.strings(items, arena)),
            Kind::Int => EditValues::Ints(put(&mut arena.longs, longs)),
            Kind::Double => EditValues::Doubles(put(&mut arena.longs, longs)),
            Kind::Boolean => EditValues::Booleans(put(&mut arena.bytes, longs.map(|set| set as u8))),
        };
        Edit { operation: group.operation, address, values }
    }

    fn strings(&self, items: &[Item], arena: &mut Arena) -> Strings {
        let start = arena.bytes.len();
        for item in items {
            arena.bytes.extend_from_slice(self.blob(item.value));
        }
        let data = Slice { start: start as u32, len: (arena.bytes.len() - start) as u32 };
        let mut end = 0;
        let ends = items.iter().map(|item| {
            end += self.blob(item.value).len() as u32;
            end
        });
        Strings { ends: put(&mut arena.numbers, ends), data }
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
    use crate::arena::{Texts, longs, numbers};

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
        let rows = |edit: &Edit| match edit.address {
            Address::Rows(at) | Address::Entries(ColumnPart { at, .. }) => numbers(&arena, at).to_vec(),
            Address::Cells(_) => panic!("no edit of cells"),
        };
        let ints = |edit: &Edit| match edit.values {
            EditValues::Ints(at) => longs(&arena, at).to_vec(),
            _ => panic!("no ints"),
        };
        assert_eq!(items.iter().map(rows).collect::<Vec<_>>(), [vec![2, 7], vec![1], vec![4], vec![4]]);
        let EditValues::Strings(texts) = items[0].values else { panic!("no strings") };
        assert_eq!([0, 1].map(|i| Texts::new(&arena, texts).get(i)), ["y", "zz"]);
        assert_eq!((ints(&items[1]), ints(&items[3])), (vec![5], vec![1]));
        assert_eq!(items[2].values, EditValues::None);
    }
}
