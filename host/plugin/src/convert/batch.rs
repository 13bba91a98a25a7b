//! A batch as it crosses: all that its columns hold one behind the other in three lists, whatever number there is.
//! Copying it together costs less than a call of the guest's allocator for each list, and saying where something
//! begins, number by number, would cost more than copying it.

use crate::bindings::cadenza::plugin::types as wit;
use crate::error::Failure;
use cadenza_transform::{Batch, CellKind, Column, Packed};

/// Guests count with 32 bits, as their memory does.
const LIST_LEN_MAX: usize = u32::MAX as usize;

/// Memory of batches that cross, kept from call to call.
#[derive(Default)]
pub(crate) struct Crossing {
    numbers: Vec<u32>,
    longs: Vec<i64>,
    bytes: Vec<u8>,
}

impl Crossing {
    /// # Errors
    /// When the batch is larger than any guest's memory.
    pub(crate) fn fill(&mut self, batch: &Batch) -> Result<wit::Batch<'_>, Failure> {
        self.numbers.clear();
        self.longs.clear();
        self.bytes.clear();
        for column in &batch.columns {
            self.numbers.extend([column.len() as u32, column.entries() as u32]);
        }
        for table in &batch.tables {
            self.numbers.push(table.rows);
            self.numbers.extend_from_slice(&table.parent);
        }
        for column in &batch.columns {
            self.column(column);
        }
        self.strings(&batch.keys);
        if self.numbers.len().max(self.longs.len()).max(self.bytes.len()) > LIST_LEN_MAX {
            return Err(Failure::Memory { bytes_max: LIST_LEN_MAX });
        }
        Ok(wit::Batch {
            spans: batch.spans,
            keys: batch.keys.len() as u32,
            arena: wit::ArenaParam { numbers: &self.numbers, longs: &self.longs, bytes: &self.bytes },
        })
    }

    fn strings(&mut self, packed: &Packed) {
        self.numbers.extend_from_slice(&packed.ends);
        self.bytes.extend_from_slice(&packed.data);
    }

    /// Lists that a field does not have are empty.
    fn column(&mut self, column: &Column) {
        self.numbers.extend_from_slice(&column.rows);
        match column.kind {
            CellKind::Coded => {
                self.numbers.extend_from_slice(&column.codes);
                self.numbers.extend_from_slice(&column.keys);
                self.strings(&column.values);
            }
            CellKind::Ints => {
                self.numbers.extend_from_slice(&column.cell_keys);
                self.longs.extend_from_slice(&column.ints);
            }
            CellKind::Doubles => {
                self.numbers.extend_from_slice(&column.cell_keys);
                self.longs.extend(column.doubles.iter().map(|number| number.to_bits() as i64));
            }
            CellKind::Booleans => {
                self.numbers.extend_from_slice(&column.cell_keys);
                self.bytes.extend_from_slice(&column.booleans);
            }
            CellKind::Ids => self.bytes.extend_from_slice(&column.ids),
        }
    }
}
