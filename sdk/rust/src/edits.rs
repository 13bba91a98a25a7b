//! Edits, gathered: what is alike becomes one edit, whatever number of cells it reaches.

use crate::plan::{Column, Target};
use crate::types::{Address, ColumnPart, Edit, EditValues, Operation, Packed};

/// The edits of one call.
///
/// Edits that do the same to the same column or target with values of the same type are carried out together, where
/// the first of them stands; within one, the last for an index wins, of inserts the first. Indexes may come in any
/// order.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    groups: Vec<Group>,
}

/// For each span whether it is kept, and edits of those that are.
#[derive(Clone, Debug)]
pub struct Verdicts {
    pub(crate) keep: Vec<u8>,
    /// Of kept spans.
    pub edits: Edits,
}

impl Verdicts {
    pub(crate) fn new(spans: u32) -> Self {
        Self { keep: vec![0; spans as usize], edits: Edits::default() }
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

#[derive(Clone, Debug)]
struct Group {
    operation: Operation,
    at: At,
    index: Vec<u32>,
    values: EditValues,
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
        self.group(Operation::Delete, At::Entries(column.0), EditValues::None).index.push(entry);
    }

    /// Removes a single cell.
    pub fn delete_cell(&mut self, column: Column, cell: u32) {
        self.group(Operation::Delete, At::Cells(column.0), EditValues::None).index.push(cell);
    }

    /// Removes the events or links that hold an entry.
    pub fn drop_rows(&mut self, column: Column, entry: u32) {
        self.group(Operation::DropRow, At::Entries(column.0), EditValues::None).index.push(entry);
    }

    /// Removes a target from a row.
    pub fn remove(&mut self, target: Target, row: u32) {
        self.group(Operation::Remove(target.0), At::Rows, EditValues::None).index.push(row);
    }

    fn writer(&mut self, operation: Operation, at: At) -> Writer<'_> {
        Writer { edits: self, operation, at }
    }

    /// `empty` says the type of the values.
    fn group(&mut self, operation: Operation, at: At, empty: EditValues) -> &mut Group {
        let same = |group: &Group| {
            group.at == at
                && same_operation(&group.operation, &operation)
                && std::mem::discriminant(&group.values) == std::mem::discriminant(&empty)
        };
        // The last is the likeliest; there are few.
        let found = self.groups.iter().rposition(same);
        let place = found.unwrap_or_else(|| {
            self.groups.push(Group { operation, at, index: Vec::new(), values: empty });
            self.groups.len() - 1
        });
        &mut self.groups[place]
    }

    /// As the contract has them.
    pub fn finish(self) -> Vec<Edit> {
        self.groups.into_iter().map(Group::finish).collect()
    }
}

fn same_operation(a: &Operation, b: &Operation) -> bool {
    match (a, b) {
        (Operation::Insert(a), Operation::Insert(b))
        | (Operation::Upsert(a), Operation::Upsert(b))
        | (Operation::Remove(a), Operation::Remove(b)) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn empty() -> Packed {
    Packed { ends: Vec::new(), data: Vec::new() }
}

fn push(packed: &mut Packed, value: &[u8]) {
    packed.data.extend_from_slice(value);
    packed.ends.push(packed.data.len() as u32);
}

impl Writer<'_> {
    fn group(&mut self, empty: EditValues) -> &mut Group {
        self.edits.group(self.operation, self.at, empty)
    }

    /// A string.
    pub fn str(&mut self, index: u32, value: &str) {
        let group = self.group(EditValues::Strings(empty()));
        group.index.push(index);
        if let EditValues::Strings(packed) = &mut group.values {
            push(packed, value.as_bytes());
        }
    }

    /// An int.
    pub fn int(&mut self, index: u32, value: i64) {
        let group = self.group(EditValues::Ints(Vec::new()));
        group.index.push(index);
        if let EditValues::Ints(values) = &mut group.values {
            values.push(value);
        }
    }

    /// A double.
    pub fn double(&mut self, index: u32, value: f64) {
        let group = self.group(EditValues::Doubles(Vec::new()));
        group.index.push(index);
        if let EditValues::Doubles(values) = &mut group.values {
            values.push(value);
        }
    }

    /// A bool.
    pub fn boolean(&mut self, index: u32, value: bool) {
        let group = self.group(EditValues::Booleans(Vec::new()));
        group.index.push(index);
        if let EditValues::Booleans(values) = &mut group.values {
            values.push(u8::from(value));
        }
    }

    /// Bytes.
    pub fn bytes(&mut self, index: u32, value: &[u8]) {
        let group = self.group(EditValues::Bytes(empty()));
        group.index.push(index);
        if let EditValues::Bytes(packed) = &mut group.values {
            push(packed, value);
        }
    }

    /// Any value, as OTLP/JSON has it.
    pub fn json(&mut self, index: u32, value: &str) {
        let group = self.group(EditValues::Json(empty()));
        group.index.push(index);
        if let EditValues::Json(packed) = &mut group.values {
            push(packed, value.as_bytes());
        }
    }
}

impl Group {
    fn finish(mut self) -> Edit {
        if !self.index.is_sorted_by(|a, b| a < b) {
            self.sort();
        }
        let at = self.index;
        let address = match self.at {
            At::Entries(column) => Address::Entries(ColumnPart { column, at }),
            At::Cells(column) => Address::Cells(ColumnPart { column, at }),
            At::Rows => Address::Rows(at),
        };
        Edit { operation: self.operation, address, values: self.values }
    }

    /// Ascending; of equal ones the first counts for inserts, for others the last.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.index.len()).collect();
        if !matches!(self.operation, Operation::Insert(_)) {
            order.reverse();
        }
        order.sort_by_key(|&i| self.index[i]);
        order.dedup_by_key(|i| self.index[*i]);
        self.index = order.iter().map(|&i| self.index[i]).collect();
        match &mut self.values {
            EditValues::None => {}
            EditValues::Ints(values) => *values = order.iter().map(|&i| values[i]).collect(),
            EditValues::Doubles(values) => *values = order.iter().map(|&i| values[i]).collect(),
            EditValues::Booleans(values) => *values = order.iter().map(|&i| values[i]).collect(),
            EditValues::Strings(packed) | EditValues::Bytes(packed) | EditValues::Json(packed) => {
                let mut sorted = empty();
                for i in order {
                    let start = if i == 0 { 0 } else { packed.ends[i - 1] as usize };
                    push(&mut sorted, &packed.data[start..packed.ends[i] as usize]);
                }
                *packed = sorted;
            }
        }
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
        let edits = edits.finish();
        assert_eq!(edits.len(), 4);
        assert_eq!(edits[0].address, Address::Rows(vec![2, 7]));
        assert_eq!(edits[0].values, EditValues::Strings(Packed { ends: vec![1, 3], data: b"yzz".to_vec() }));
        assert_eq!(edits[1].values, EditValues::Ints(vec![5]));
        assert_eq!(edits[2].address, Address::Entries(ColumnPart { column: 0, at: vec![4] }));
        assert_eq!(edits[3].values, EditValues::Ints(vec![1]));
    }
}
