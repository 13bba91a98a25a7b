//! Edits of a guest, taken out of the lists that they stand in one behind the other. What they say is checked by
//! whoever carries them out; here only that the lists have what the edits say, and no more.

use crate::bindings::cadenza::plugin::types as wit;
use crate::error::Failure;
use cadenza_transform::{Address, ColumnPart, Edit, EditValues, Operation, Packed};

const TOO_SHORT: Failure = Failure::InvalidOutput("edits of more than its lists have");
const LEFT_OVER: Failure = Failure::InvalidOutput("lists of more than its edits say");

/// # Errors
/// When the lists have less than the edits say, or more.
pub(crate) fn edits(edits: &wit::Edits) -> Result<Vec<Edit>, Failure> {
    let wit::ArenaResult { numbers, longs, bytes } = &edits.arena;
    let mut reader = Reader { numbers, longs, bytes };
    let mut items = Vec::with_capacity(edits.items.len());
    for edit in &edits.items {
        items.push(reader.edit(edit)?);
    }
    let is_used_up = reader.numbers.is_empty() && reader.longs.is_empty() && reader.bytes.is_empty();
    if is_used_up { Ok(items) } else { Err(LEFT_OVER) }
}

/// What has not been taken yet.
struct Reader<'a> {
    numbers: &'a [u32],
    longs: &'a [i64],
    bytes: &'a [u8],
}

fn take<'a, T>(list: &mut &'a [T], count: u32) -> Result<&'a [T], Failure> {
    list.split_off(..count as usize).ok_or(TOO_SHORT)
}

impl Reader<'_> {
    fn numbers(&mut self, count: u32) -> Result<Vec<u32>, Failure> {
        Ok(take(&mut self.numbers, count)?.to_vec())
    }

    fn strings(&mut self, count: u32) -> Result<Packed, Failure> {
        let ends = self.numbers(count)?;
        let data = take(&mut self.bytes, ends.last().copied().unwrap_or_default())?.to_vec();
        Ok(Packed { ends, data })
    }

    fn part(&mut self, part: wit::ColumnPart) -> Result<ColumnPart, Failure> {
        Ok(ColumnPart { column: part.column, at: self.numbers(part.items)? })
    }

    fn edit(&mut self, edit: &wit::Edit) -> Result<Edit, Failure> {
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
                wit::EditValues::Strings(count) => EditValues::Strings(self.strings(count)?),
                wit::EditValues::Ints(count) => EditValues::Ints(take(&mut self.longs, count)?.to_vec()),
                wit::EditValues::Doubles(count) => {
                    let bits = take(&mut self.longs, count)?.iter();
                    EditValues::Doubles(bits.map(|&bits| f64::from_bits(bits as u64)).collect())
                }
                wit::EditValues::Booleans(count) => {
                    EditValues::Booleans(take(&mut self.bytes, count)?.to_vec())
                }
                wit::EditValues::Bytes(count) => EditValues::Bytes(self.strings(count)?),
                wit::EditValues::Json(count) => EditValues::Json(self.strings(count)?),
            },
        })
    }
}
