//! Views over a batch: by entry (each distinct value once), by cell, by row.

use crate::arena::{Texts, take};
use crate::layout::{Counts, Layout, Values, tables};
use crate::plan::{Column, Plan};
use crate::types::{self, Field, Scope};
use std::ops::Range;

/// One batch, as a plugin reads it.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    raw: &'a types::Batch,
    plan: &'a Plan,
    layout: &'a Layout,
}

/// One value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Strings, and what is shown as text.
    Text(&'a str),
    /// Ints.
    Int(i64),
    /// Doubles.
    Double(f64),
    /// Bools.
    Boolean(bool),
    /// Bytes, and ids.
    Bytes(&'a [u8]),
    /// The column shows no values.
    Present,
}

/// A distinct value of a column, with its key where the selector is not exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// For edits.
    pub index: u32,
    /// The attribute's key; empty for intrinsics.
    pub key: &'a str,
    /// The value; empty for columns of bytes or presence.
    pub text: &'a str,
}

/// One cell of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<'a> {
    /// For edits.
    pub index: u32,
    /// Row in the table of the column.
    pub row: u32,
    /// The attribute's key; empty for intrinsics.
    pub key: &'a str,
    /// What it holds.
    pub value: Value<'a>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(raw: &'a types::Batch, plan: &'a Plan, layout: &'a mut Layout) -> Self {
        layout.find(plan, raw);
        Self { raw, plan, layout }
    }

    /// Number of spans.
    pub fn spans(&self) -> u32 {
        self.raw.spans
    }

    /// A column of the plan.
    pub fn column(&self, column: Column) -> View<'a> {
        let index = column.0 as usize;
        let key = match &self.plan.fields[index] {
            Field::Attribute(field) => match &field.place.key {
                types::KeySelector::Exact(key) => key.as_str(),
                _ => "",
            },
            Field::Intrinsic(_) => "",
        };
        let (arena, shape, start) = (&self.raw.arena, self.layout.shapes[index], self.layout.columns[index]);
        let Counts { cells, entries } = Counts::of(self.raw, index);
        let mut numbers = &arena.numbers[start.numbers as usize..];
        let mut list = |is_there, count| take(&mut numbers, if is_there { count } else { 0 });
        let rows = list(shape.has_rows, cells);
        let is_coded = matches!(shape.values, Values::Strings | Values::Nothing);
        let cell_keys = list(shape.has_keys && !is_coded, cells);
        let (longs, bytes) = (&arena.longs[start.longs as usize..], &arena.bytes[start.bytes as usize..]);
        let cells = cells as usize;
        let cells = match shape.values {
            Values::Strings | Values::Nothing => Cells::Coded(Coded {
                codes: list(true, cells as u32),
                keys: list(shape.has_keys, entries),
                values: Texts::new(list(shape.values == Values::Strings, entries), bytes).checked(),
                entries,
            }),
            Values::Ints => Cells::Ints(&longs[..cells]),
            Values::Doubles => Cells::Doubles(&longs[..cells]),
            Values::Booleans => Cells::Booleans(&bytes[..cells]),
            Values::Ids(width) => Cells::Ids(&bytes[..cells * width as usize]),
        };
        View { rows, cell_keys, cells, keys: self.keys(), key }
    }

    /// Keys that columns refer to.
    fn keys(&self) -> Texts<'a> {
        let (arena, start) = (&self.raw.arena, self.layout.keys);
        let mut numbers = &arena.numbers[start.numbers as usize..];
        Texts::new(take(&mut numbers, self.raw.keys), &arena.bytes[start.bytes as usize..])
    }

    /// Number of rows of a table; `None` for tables that the plan did not ask for, but the spans.
    pub fn rows(&self, scope: Scope) -> Option<u32> {
        let mut asked = tables(self.plan, self.raw).map(|(table, _)| table);
        let rows = asked.find(|table| table.scope == scope).map(|table| table.rows);
        rows.or((scope == Scope::Span).then_some(self.raw.spans))
    }

    /// For each row of a table its row in the parent's. The plan must have asked for the table.
    pub fn parents(&self, scope: Scope) -> &'a [u32] {
        let found = tables(self.plan, self.raw).find(|(table, _)| table.scope == scope);
        found.map_or(&[], |(_, parents)| &self.raw.arena.numbers[parents])
    }
}

/// One column of a batch. Hold on to it over a loop: it is put together at each call.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    rows: &'a [u32],
    cell_keys: &'a [u32],
    cells: Cells<'a>,
    /// Of the batch.
    keys: Texts<'a>,
    /// If the selector is exact.
    key: &'a str,
}

#[derive(Clone, Copy, Debug)]
enum Cells<'a> {
    Coded(Coded<'a>),
    Ints(&'a [i64]),
    /// Bits.
    Doubles(&'a [i64]),
    Booleans(&'a [u8]),
    Ids(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
struct Coded<'a> {
    codes: &'a [u32],
    keys: &'a [u32],
    values: Texts<'a>,
    entries: u32,
}

impl<'a> View<'a> {
    fn coded(&self) -> Option<Coded<'a>> {
        match self.cells {
            Cells::Coded(coded) => Some(coded),
            _ => None,
        }
    }

    /// Number of cells; 0 for columns of ids, which [`View::ids`] gives.
    pub fn len(&self) -> u32 {
        let cells = match self.cells {
            Cells::Coded(coded) => coded.codes.len(),
            Cells::Ints(values) => values.len(),
            Cells::Doubles(values) => values.len(),
            Cells::Booleans(values) => values.len(),
            // Read as a whole, by `ids`.
            Cells::Ids(_) => 0,
        };
        cells as u32
    }

    /// True if no cell is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distinct values; none for columns of numbers.
    pub fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let coded = self.coded();
        let count = coded.map_or(0, |coded| coded.entries);
        (0..count).filter_map(move |index| {
            coded.map(|coded| Entry {
                index,
                key: self.entry_key(coded, index),
                text: entry_text(coded, index),
            })
        })
    }

    fn entry_key(&self, coded: Coded<'a>, entry: u32) -> &'a str {
        coded.keys.get(entry as usize).map_or(self.key, |&key| self.keys.get(key))
    }

    /// Which entry a cell holds.
    pub fn entry_of(&self, cell: u32) -> Option<u32> {
        self.coded().map(|coded| coded.codes[cell as usize])
    }

    /// The row of a cell.
    pub fn row_of(&self, cell: u32) -> u32 {
        self.rows.get(cell as usize).copied().unwrap_or(cell)
    }

    /// The cells of a row: none, one, or several for repeated keys.
    pub fn cells_of(&self, row: u32) -> Range<u32> {
        if self.rows.is_empty() {
            return if row < self.len() { row..row + 1 } else { 0..0 };
        }
        let start = self.rows.partition_point(|&r| r < row) as u32;
        let cells = self.rows[start as usize..].iter().take_while(|&&r| r == row).count() as u32;
        start..start + cells
    }

    /// What a cell holds. For ids see [`View::ids`].
    pub fn value(&self, cell: u32) -> Value<'a> {
        let index = cell as usize;
        match self.cells {
            Cells::Coded(coded) if coded.values.len() == 0 => Value::Present,
            Cells::Coded(coded) => {
                let (values, code) = (coded.values, coded.codes[index]);
                values.text(code).map_or_else(|| Value::Bytes(values.blob(code)), Value::Text)
            }
            Cells::Ints(values) => Value::Int(values[index]),
            Cells::Doubles(bits) => Value::Double(f64::from_bits(bits[index] as u64)),
            Cells::Booleans(values) => Value::Boolean(values[index] != 0),
            Cells::Ids(_) => Value::Present,
        }
    }

    /// All cells, by row.
    pub fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        (0..self.len()).map(move |index| Cell {
            index,
            row: self.row_of(index),
            key: self.cell_key(index),
            value: self.value(index),
        })
    }

    fn cell_key(&self, cell: u32) -> &'a str {
        match self.coded() {
            Some(coded) => self.entry_key(coded, coded.codes[cell as usize]),
            None => self.cell_keys.get(cell as usize).map_or(self.key, |&key| self.keys.get(key)),
        }
    }

    /// The first value of a row.
    pub fn first(&self, row: u32) -> Option<Value<'a>> {
        let cells = self.cells_of(row);
        (!cells.is_empty()).then(|| self.value(cells.start))
    }

    /// The first value of a row, if it is text.
    pub fn text(&self, row: u32) -> Option<&'a str> {
        match self.first(row) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The first value of a row, if it is an int.
    pub fn int(&self, row: u32) -> Option<i64> {
        match self.first(row) {
            Some(Value::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The first value of a row, if it is a double.
    pub fn double(&self, row: u32) -> Option<f64> {
        match self.first(row) {
            Some(Value::Double(value)) => Some(value),
            _ => None,
        }
    }

    /// The first value of a row, if it is a bool.
    pub fn boolean(&self, row: u32) -> Option<bool> {
        match self.first(row) {
            Some(Value::Boolean(value)) => Some(value),
            _ => None,
        }
    }

    /// The numbers of a column of ints, by cell; of an intrinsic that is one for each row.
    pub fn ints(&self) -> &'a [i64] {
        match self.cells {
            Cells::Ints(values) => values,
            _ => &[],
        }
    }

    /// The cells of a column of ints with their rows, which ascend.
    pub fn int_cells(self) -> impl Iterator<Item = (u32, i64)> {
        (0..).zip(self.ints()).map(move |(cell, &value)| (self.row_of(cell), value))
    }

    /// Ids, one for each row: `ids::<16>()` for trace ids, `ids::<8>()` for span ids.
    pub fn ids<const BYTES: usize>(&self) -> &'a [[u8; BYTES]] {
        match self.cells {
            Cells::Ids(bytes) => bytes.as_chunks().0,
            _ => &[],
        }
    }
}

fn entry_text(coded: Coded<'_>, index: u32) -> &str {
    if coded.values.len() == 0 { "" } else { coded.values.get(index) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::attribute;
    use crate::testing::{Data, project};
    use crate::types::ValueType;

    #[test]
    fn a_column_of_presence_under_one_key_has_one_entry() {
        let mut plan = Plan::default();
        let there = plan.column(attribute(Scope::Span, "there").values(ValueType::Presence));
        let nowhere = plan.column(attribute(Scope::Span, "nowhere").values(ValueType::Presence));
        let mut data = Data::default();
        data.span("a", [("there", 1_i64.into())]);
        data.span("b", [("there", "x".into())]);
        let raw = project(&plan, &mut data);
        let mut layout = Layout::new(&plan);
        let batch = Batch::new(&raw, &plan, &mut layout);
        let entries: Vec<_> = batch.column(there).entries().collect();
        assert_eq!(entries, [Entry { index: 0, key: "there", text: "" }]);
        assert_eq!(batch.column(nowhere).entries().count(), 0);
    }
}
