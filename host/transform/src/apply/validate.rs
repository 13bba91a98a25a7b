//! Checking edits before any is carried out.

use super::field_scope;
use crate::batch::{Batch, CellKind, Packed};
use crate::compile::{Compiled, CompiledField};
use crate::edit::{Address, ColumnPart, Edit, EditValues, Operation};
use crate::error::{EditError, EditFault};
use crate::plan::Scope;
use crate::session::rows_of;
use cadenza_model::Columns;
use cadenza_model::otlp::any_value;

/// Most edits of a call. A plugin needs one per field and target, or a few; each may look at a whole column.
pub const EDITS_MAX: usize = 4096;
/// Bytes of edits that any batch allows.
pub const EDIT_BYTES_MIN: usize = 64 << 10;
/// Bytes of edits per byte of the batch that the guest saw.
pub const EDIT_BYTES_RATIO: usize = 4;
/// Cells that the edits of any batch may reach.
pub const EDIT_CELLS_MIN: u64 = 64 << 10;
/// Cells that edits may reach per row of the batch's tables: every target of the largest plan, twice.
pub const EDIT_CELLS_PER_ROW: u64 = 512;

/// What has been seen so far.
struct Sums {
    bytes: usize,
    bytes_max: usize,
    cells: u64,
    cells_max: u64,
}

/// Checks all edits; gives the encoded form of values that came as JSON, one list per edit that has some.
pub(super) fn check(
    compiled: &Compiled,
    batch: &Batch,
    edits: &[Edit],
    columns: &Columns,
    layout: u64,
) -> Result<Vec<Packed>, EditError> {
    if edits.is_empty() {
        return Ok(Vec::new());
    }
    let fail = |edit, fault| EditError { edit, fault };
    if edits.len() > EDITS_MAX {
        return Err(fail(EDITS_MAX, EditFault::TooMany { max: EDITS_MAX }));
    }
    let stale = batch.layout != layout || batch.columns.len() != compiled.fields.len();
    if stale {
        return Err(fail(0, EditFault::Stale));
    }
    let rows: usize = Scope::ALL.iter().map(|&scope| rows_of(columns, scope)).sum();
    let dictionaries = columns.names.arena().len() + columns.values.arena().len() + columns.raw.arena().len();
    let bytes_max = EDIT_BYTES_MIN.saturating_add(batch.bytes().saturating_mul(EDIT_BYTES_RATIO));
    let mut sums = Sums {
        bytes: 0,
        // Offsets in dictionaries have 32 bits; encoding adds a little to each value.
        bytes_max: bytes_max.min((u32::MAX as usize / 2).saturating_sub(dictionaries)),
        cells: 0,
        cells_max: EDIT_CELLS_MIN + EDIT_CELLS_PER_ROW * rows as u64,
    };
    let mut decoded = Vec::new();
    for (i, edit) in edits.iter().enumerate() {
        let checked = Check { compiled, batch, columns }.edit(edit, &mut sums, &mut decoded);
        checked.map_err(|fault| fail(i, fault))?;
    }
    Ok(decoded)
}

struct Check<'a> {
    compiled: &'a Compiled,
    batch: &'a Batch,
    columns: &'a Columns,
}

fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::DropRow => "drop-row",
        Operation::Insert(_) => "insert",
        Operation::Upsert(_) => "upsert",
        Operation::Remove(_) => "remove",
    }
}

impl Check<'_> {
    fn edit(&self, edit: &Edit, sums: &mut Sums, decoded: &mut Vec<Packed>) -> Result<(), EditFault> {
        let operation = operation_name(edit.operation);
        let mut text_only = false;
        let (items, from, reached) = match &edit.address {
            Address::Entries(part) | Address::Cells(part) => {
                let field = self.part(part, matches!(edit.address, Address::Entries(_)))?;
                text_only = matches!(field, CompiledField::Intrinsic(_));
                let column = &self.batch.columns[part.column as usize];
                let reached = match edit.address {
                    Address::Entries(_) => column.len(),
                    _ => part.at.len(),
                };
                (part.at.len(), Some((field, part.column)), reached)
            }
            Address::Rows(rows) => (rows.len(), None, rows.len()),
        };
        let mut reached = reached as u64;
        match edit.operation {
            Operation::Update | Operation::Delete | Operation::DropRow => {
                let Some((field, column)) = from else { return Err(EditFault::NeedsCells { operation }) };
                let edits = match field {
                    CompiledField::Attribute(field) => field.edits,
                    CompiledField::Intrinsic(field) => field.edits,
                };
                let granted = match edit.operation {
                    Operation::Update => edits.update,
                    Operation::Delete => edits.delete,
                    _ => edits.drop_row,
                };
                if !granted {
                    return Err(EditFault::NotGranted { operation, column });
                }
            }
            Operation::Insert(target) | Operation::Upsert(target) | Operation::Remove(target) => {
                let targets = &self.compiled.targets;
                let Some(to) = targets.get(target as usize) else {
                    return Err(EditFault::Target { target, targets: targets.len() });
                };
                match (&edit.address, from) {
                    (Address::Rows(rows), _) => {
                        ascending(rows, self.rows(to.scope), "rows")?;
                    }
                    (_, Some((field, _))) if !to.scope.is_within(field_scope(field)) => {
                        return Err(EditFault::NotBelow { target });
                    }
                    _ => reached += rows_of(self.columns, to.scope) as u64,
                }
                text_only = false;
            }
        }
        sums.cells += reached;
        if sums.cells > sums.cells_max {
            return Err(EditFault::TooWide { cells: sums.cells, max: sums.cells_max });
        }
        let wants = matches!(edit.operation, Operation::Update | Operation::Insert(_) | Operation::Upsert(_));
        self.values(&edit.values, items, wants, operation, text_only, sums, decoded)
    }

    /// Rows of a table as the guest saw it.
    fn rows(&self, scope: Scope) -> usize {
        match &self.batch.selection {
            Some(part) => part.rows[scope as usize].len(),
            None => rows_of(self.columns, scope),
        }
    }

    fn part(&self, part: &ColumnPart, entries: bool) -> Result<&CompiledField, EditFault> {
        let fields = &self.compiled.fields;
        let Some(field) = fields.get(part.column as usize) else {
            return Err(EditFault::Column { column: part.column, columns: fields.len() });
        };
        let column = &self.batch.columns[part.column as usize];
        if entries {
            if column.kind != CellKind::Coded {
                return Err(EditFault::NoEntries);
            }
            ascending(&part.at, column.entries(), "entries")?;
        } else {
            ascending(&part.at, column.len(), "cells")?;
        }
        Ok(field)
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one edit, used here alone")]
    fn values(
        &self,
        values: &EditValues,
        items: usize,
        wants: bool,
        operation: &'static str,
        text_only: bool,
        sums: &mut Sums,
        decoded: &mut Vec<Packed>,
    ) -> Result<(), EditFault> {
        let (count, bytes) = match values {
            EditValues::None => (0, 0),
            EditValues::Strings(packed) | EditValues::Bytes(packed) | EditValues::Json(packed) => {
                (packed.len(), packed.data.len() + 4 * packed.len())
            }
            EditValues::Ints(list) => (list.len(), 8 * list.len()),
            EditValues::Doubles(list) => (list.len(), 8 * list.len()),
            EditValues::Booleans(list) => (list.len(), list.len()),
        };
        sums.bytes = sums.bytes.saturating_add(bytes).saturating_add(4 * items);
        if sums.bytes > sums.bytes_max {
            return Err(EditFault::TooLarge { bytes: sums.bytes, max: sums.bytes_max });
        }
        if wants == matches!(values, EditValues::None) {
            return Err(EditFault::Values { operation, wants });
        }
        if wants && count != items && count != 1 {
            return Err(EditFault::Count { values: count, items });
        }
        if text_only && wants && !matches!(values, EditValues::Strings(_)) {
            return Err(EditFault::NotText);
        }
        match values {
            EditValues::None | EditValues::Ints(_) | EditValues::Doubles(_) => Ok(()),
            EditValues::Booleans(list) => match list.iter().find(|&&value| value > 1) {
                Some(&value) => Err(EditFault::Boolean { value }),
                None => Ok(()),
            },
            EditValues::Bytes(packed) => cuts(packed),
            EditValues::Strings(packed) => texts(packed).map(drop),
            EditValues::Json(packed) => {
                let text = texts(packed)?;
                let mut encoded = Packed::default();
                let mut start = 0;
                for (at, &end) in packed.ends.iter().enumerate() {
                    let value = any_value::from_json(&text[start..end as usize]);
                    encoded.push(&value.map_err(|_| EditFault::Json { at })?);
                    start = end as usize;
                }
                decoded.push(encoded);
                Ok(())
            }
        }
    }
}

fn ascending(list: &[u32], len: usize, what: &'static str) -> Result<(), EditFault> {
    let mut before = None;
    for (at, &index) in list.iter().enumerate() {
        if before.is_some_and(|before| before >= index) {
            return Err(EditFault::Order { at });
        }
        before = Some(index);
    }
    match before {
        Some(index) if index as usize >= len => Err(EditFault::Range { index, len, what }),
        _ => Ok(()),
    }
}

/// True if the ends cut the blob into strings.
fn cuts(packed: &Packed) -> Result<(), EditFault> {
    let last = packed.ends.last().map_or(0, |&end| end as usize);
    if packed.ends.is_sorted() && last == packed.data.len() { Ok(()) } else { Err(EditFault::Packed) }
}

/// The blob as text, if all its strings are text: it is read once, and no end may cut a character.
fn texts(packed: &Packed) -> Result<&str, EditFault> {
    cuts(packed)?;
    let text = std::str::from_utf8(&packed.data).map_err(|_| EditFault::Utf8)?;
    if packed.ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
        Ok(text)
    } else {
        Err(EditFault::Utf8)
    }
}
