//! A batch as it crosses: its columns one behind the other in three lists, whatever number there is. Copying them
//! together costs less than a call of the guest's allocator for each.

use super::scope_to;
use crate::bindings::cadenza::plugin::types as wit;
use crate::error::Failure;
use cadenza_transform::{Batch, CellKind, Column, Packed};

/// Slices count with 32 bits, as the guest's memory does.
const LIST_LEN_MAX: usize = u32::MAX as usize;

/// Memory of batches that cross, kept from call to call.
#[derive(Default)]
pub(crate) struct Crossing {
    tables: Vec<wit::Table>,
    columns: Vec<wit::Column>,
    numbers: Vec<u32>,
    longs: Vec<i64>,
    bytes: Vec<u8>,
}

/// Appends to a list and says where.
fn put<T>(list: &mut Vec<T>, items: impl ExactSizeIterator<Item = T>) -> wit::Slice {
    let slice = wit::Slice { start: list.len() as u32, len: items.len() as u32 };
    list.extend(items);
    slice
}

impl Crossing {
    /// # Errors
    /// When the batch is larger than any guest's memory.
    pub(crate) fn fill(&mut self, batch: &Batch) -> Result<wit::Batch<'_>, Failure> {
        self.tables.clear();
        self.columns.clear();
        self.numbers.clear();
        self.longs.clear();
        self.bytes.clear();
        for table in &batch.tables {
            let parent = self.numbers(&table.parent);
            self.tables.push(wit::Table { scope: scope_to(table.scope), rows: table.rows, parent });
        }
        for column in &batch.columns {
            let column = self.column(column);
            self.columns.push(column);
        }
        let keys = self.strings(&batch.keys);
        if self.numbers.len().max(self.longs.len()).max(self.bytes.len()) > LIST_LEN_MAX {
            return Err(Failure::Memory { bytes_max: LIST_LEN_MAX });
        }
        Ok(wit::Batch {
            tables: &self.tables,
            columns: &self.columns,
            keys,
            spans: batch.spans,
            arena: wit::ArenaParam { numbers: &self.numbers, longs: &self.longs, bytes: &self.bytes },
        })
    }

    fn numbers(&mut self, numbers: &[u32]) -> wit::Slice {
        put(&mut self.numbers, numbers.iter().copied())
    }

    fn strings(&mut self, packed: &Packed) -> wit::Strings {
        let ends = self.numbers(&packed.ends);
        wit::Strings { ends, data: put(&mut self.bytes, packed.data.iter().copied()) }
    }

    fn column(&mut self, column: &Column) -> wit::Column {
        let (rows, cell_keys) = (self.numbers(&column.rows), self.numbers(&column.cell_keys));
        let cells = match column.kind {
            CellKind::Coded => wit::Cells::Coded(wit::Coded {
                codes: self.numbers(&column.codes),
                keys: self.numbers(&column.keys),
                values: self.strings(&column.values),
            }),
            CellKind::Ints => wit::Cells::Ints(put(&mut self.longs, column.ints.iter().copied())),
            CellKind::Doubles => {
                let bits = column.doubles.iter().map(|number| number.to_bits() as i64);
                wit::Cells::Doubles(put(&mut self.longs, bits))
            }
            CellKind::Booleans => wit::Cells::Booleans(put(&mut self.bytes, column.booleans.iter().copied())),
            CellKind::Ids => wit::Cells::Ids(put(&mut self.bytes, column.ids.iter().copied())),
        };
        wit::Column { rows, cell_keys, cells }
    }
}
