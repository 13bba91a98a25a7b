//! Edits of a guest, taken out of the lists that they are slices of. What they say is checked by whoever carries
//! them out; here only that the slices exist, and that what overlaps isn't multiplied without bound.

use crate::bindings::cadenza::plugin::types as wit;
use crate::error::Failure;
use cadenza_transform::{Address, ColumnPart, Edit, EditValues, Operation, Packed};

const NO_SLICE: Failure = Failure::InvalidOutput("a slice beyond its list");

/// # Errors
/// When a slice lies outside its list, or all slices together have more than `bytes_max`.
pub(crate) fn edits(edits: &wit::Edits, bytes_max: usize) -> Result<Vec<Edit>, Failure> {
    let mut reader = Reader { arena: &edits.arena, bytes_max, bytes_left: bytes_max };
    edits.items.iter().map(|edit| reader.edit(edit)).collect()
}

struct Reader<'a> {
    arena: &'a wit::ArenaResult,
    bytes_max: usize,
    bytes_left: usize,
}

impl<'a> Reader<'a> {
    fn slice<T>(&mut self, list: &'a [T], slice: wit::Slice) -> Result<&'a [T], Failure> {
        let (start, len) = (slice.start as usize, slice.len as usize);
        let found = list.get(start..start.saturating_add(len)).ok_or(NO_SLICE)?;
        let left = self.bytes_left.checked_sub(size_of_val(found));
        self.bytes_left = left.ok_or(Failure::OutputTooLarge { bytes_max: self.bytes_max })?;
        Ok(found)
    }

    fn numbers(&mut self, slice: wit::Slice) -> Result<Vec<u32>, Failure> {
        Ok(self.slice(&self.arena.numbers, slice)?.to_vec())
    }

    fn strings(&mut self, strings: wit::Strings) -> Result<Packed, Failure> {
        let data = self.slice(&self.arena.bytes, strings.data)?.to_vec();
        Ok(Packed { ends: self.numbers(strings.ends)?, data })
    }

    fn part(&mut self, part: wit::ColumnPart) -> Result<ColumnPart, Failure> {
        Ok(ColumnPart { column: part.column, at: self.numbers(part.at)? })
    }

    fn edit(&mut self, edit: &wit::Edit) -> Result<Edit, Failure> {
        let arena = self.arena;
        Ok(Edit {
            operation: match edit.operation {
                wit::Operation::Update => Operation::Update,
                wit::Operation::Delete => Operation::Delete,
                wit::Operation::DropRow => Operation::DropRow,
                wit::Operation::Insert(target) => Operation::Insert(target),
                wit::Operation::Upsert(target) => Operation::Upsert(target),
                wit::Operation::Remove(target) => Operation::Remove(target),
            },
            address: match edit.address {
                wit::Address::Entries(entries) => Address::Entries(self.part(entries)?),
                wit::Address::Cells(cells) => Address::Cells(self.part(cells)?),
                wit::Address::Rows(rows) => Address::Rows(self.numbers(rows)?),
            },
            values: match edit.values {
                wit::EditValues::None => EditValues::None,
                wit::EditValues::Strings(strings) => EditValues::Strings(self.strings(strings)?),
                wit::EditValues::Ints(ints) => EditValues::Ints(self.slice(&arena.longs, ints)?.to_vec()),
                wit::EditValues::Doubles(bits) => EditValues::Doubles(
                    self.slice(&arena.longs, bits)?.iter().map(|&bits| f64::from_bits(bits as u64)).collect(),
                ),
                wit::EditValues::Booleans(list) => {
                    EditValues::Booleans(self.slice(&arena.bytes, list)?.to_vec())
                }
                wit::EditValues::Bytes(bytes) => EditValues::Bytes(self.strings(bytes)?),
                wit::EditValues::Json(json) => EditValues::Json(self.strings(json)?),
            },
        })
    }
}
