//! Columns of attributes: codes by distinct value.

use super::part::Rows;
use super::{Keys, Scratch};
use crate::batch::{CellKind, Column};
use crate::compile::AttributeColumn;
use crate::plan::ValueType;
use crate::session::{Cell, Work, attrs, value_of};
use crate::text::put_text;
use cadenza_model::otlp::any_value::{bytes_of, to_json};
use cadenza_model::{AttrType, Attrs, Code, Columns, ValueRef};

/// A value that the field does not show.
const HIDDEN: u32 = u32::MAX;

/// Where cells come from.
pub(super) struct Source<'a> {
    pub(super) columns: &'a Columns,
    pub(super) work: &'a Work,
    /// Keys that the field selects.
    pub(super) codes: &'a [Code],
    /// Tallies whose attributes are not shown.
    pub(super) skip: u16,
    /// Rows of the part.
    pub(super) part: Option<&'a Rows>,
}

/// Fills the column of a field.
pub(super) fn fill(
    source: &Source<'_>,
    field: &AttributeColumn,
    keys: &mut Keys<'_>,
    scratch: &mut Scratch,
    column: &mut Column,
) {
    let kind = match field.value_type {
        ValueType::Int => CellKind::Ints,
        ValueType::Double => CellKind::Doubles,
        ValueType::Boolean => CellKind::Booleans,
        ValueType::Str | ValueType::Bytes | ValueType::Text | ValueType::Json | ValueType::Presence => {
            CellKind::Coded
        }
    };
    column.clear(kind);
    let list = attrs(source.columns, field.scope);
    let mut keys_seen = 0;
    for &code in source.codes {
        let Some(cells) = source.work.list_of(code).map(|list| &source.work.lists[list]) else { continue };
        // Cells of the lists of their rows come first, by row; new ones stand behind.
        let mut runs = [cells.as_slice(), &[]];
        if let Some(part) = source.part {
            let (main, new) =
                cells.split_at(cells.partition_point(|cell| (cell.at as usize) < source.work.main));
            runs = [part.run(main, |cell| cell.row), new];
        }
        if runs.iter().all(|cells| cells.is_empty()) {
            continue;
        }
        keys_seen += 1;
        let key = if field.exact { 0 } else { keys.index(source.columns, code) };
        let mut one = OneKey { source, field, list, key, entry: HIDDEN };
        scratch.entries.start(source.columns);
        for cells in runs {
            match (kind, field.value_type) {
                (CellKind::Coded, ValueType::Presence) => one.presence(cells, code, scratch, column),
                (CellKind::Coded, ValueType::Str) if field.only_if.is_none() => {
                    one.texts(cells, code, scratch, column);
                }
                (CellKind::Coded, _) => one.coded(cells, code, scratch, column),
                _ => one.scalars(cells, code, scratch, column),
            }
        }
    }
    column.cells = column.at.len() as u32;
    // Cells of one key are in order unless new ones came behind.
    if keys_seen > 1 || column.at.last().is_some_and(|&at| at as usize >= source.work.main) {
        sort(column, scratch);
    }
}

/// The cells of one key.
struct OneKey<'a> {
    source: &'a Source<'a>,
    field: &'a AttributeColumn,
    list: &'a Attrs,
    /// Index of the key in the batch.
    key: u32,
    /// The one entry of a column of presence.
    entry: u32,
}

impl OneKey<'_> {
    /// The row that a cell is shown on, if it is.
    #[inline]
    fn row(&self, cell: Cell, code: Code) -> Option<u32> {
        let at = cell.at as usize;
        if self.list.key[at] != code
            || self.source.skip != 0 && self.source.work.mark_of(cell.at) & self.source.skip != 0
        {
            return None;
        }
        let Some(part) = self.source.part else { return Some(cell.row) };
        part.get(cell.row)
    }

    fn new_entry(&self, column: &mut Column) -> u32 {
        if !self.field.exact {
            column.keys.push(self.key);
        }
        column.entries += 1;
        column.entries - 1
    }

    /// The most frequent case by itself: strings without a pattern.
    fn texts(&mut self, cells: &[Cell], code: Code, scratch: &mut Scratch, column: &mut Column) {
        let known = &mut scratch.entries.texts;
        for &cell in cells {
            let at = cell.at as usize;
            if self.list.ty[at] != AttrType::Str {
                continue;
            }
            let Some(row) = self.row(cell, code) else { continue };
            let val = self.list.val[at];
            let entry = match known.get(val) {
                Some(entry) => entry,
                None => {
                    let entry = self.new_entry(column);
                    column.values.push(self.source.columns.values.get(val as Code));
                    known.set(val, entry);
                    entry
                }
            };
            column.rows.push(row);
            column.codes.push(entry);
            column.at.push(cell.at);
        }
    }

    fn coded(&mut self, cells: &[Cell], code: Code, scratch: &mut Scratch, column: &mut Column) {
        for &cell in cells {
            let at = cell.at as usize;
            let (ty, val) = (self.list.ty[at], self.list.val[at]);
            let fits = match self.field.value_type {
                ValueType::Str => ty == AttrType::Str,
                ValueType::Bytes => ty == AttrType::Bytes,
                _ => true,
            };
            if !fits {
                continue;
            }
            let Some(row) = self.row(cell, code) else { continue };
            let entry = known_or(scratch, ty, val, |text| self.entry_of(ty, val, text, column));
            if entry != HIDDEN {
                column.rows.push(row);
                column.codes.push(entry);
                column.at.push(cell.at);
            }
        }
    }

    /// A new entry for a value, unless the field's pattern hides it.
    fn entry_of(&self, ty: AttrType, val: u64, text: &mut Vec<u8>, column: &mut Column) -> u32 {
        let value = value_of(self.source.columns, ty, val);
        if !self.shows(value, text) {
            return HIDDEN;
        }
        let entry = self.new_entry(column);
        match (self.field.value_type, value) {
            (ValueType::Json, value) => drop(column.values.push(to_json(value).as_bytes())),
            (ValueType::Bytes, ValueRef::Bytes(encoded)) => drop(column.values.push(bytes_of(encoded))),
            (_, ValueRef::Str(text)) => drop(column.values.push(text.as_bytes())),
            (_, value) => {
                text.clear();
                put_text(text, value);
                column.values.push(text);
            }
        }
        entry
    }

    fn shows(&self, value: ValueRef<'_>, text: &mut Vec<u8>) -> bool {
        let Some(pattern) = &self.field.only_if else { return true };
        if let ValueRef::Str(text) = value {
            return pattern.is_match(text);
        }
        text.clear();
        put_text(text, value);
        pattern.is_match(std::str::from_utf8(text).unwrap_or_default())
    }

    /// 0 or [`HIDDEN`] for a value, by the field's pattern.
    fn visible(&self, scratch: &mut Scratch, ty: AttrType, val: u64) -> bool {
        self.field.only_if.is_none()
            || known_or(scratch, ty, val, |text| {
                if self.shows(value_of(self.source.columns, ty, val), text) { 0 } else { HIDDEN }
            }) != HIDDEN
    }

    fn presence(&mut self, cells: &[Cell], code: Code, scratch: &mut Scratch, column: &mut Column) {
        for &cell in cells {
            let at = cell.at as usize;
            let Some(row) = self.row(cell, code) else { continue };
            if !self.visible(scratch, self.list.ty[at], self.list.val[at]) {
                continue;
            }
            if self.entry == HIDDEN {
                // One entry for all keys of an exact selector, which differ in their codes only.
                self.entry = if self.field.exact && column.entries > 0 { 0 } else { self.new_entry(column) };
            }
            column.rows.push(row);
            column.codes.push(self.entry);
            column.at.push(cell.at);
        }
    }

    fn scalars(&mut self, cells: &[Cell], code: Code, scratch: &mut Scratch, column: &mut Column) {
        for &cell in cells {
            let at = cell.at as usize;
            let (ty, val) = (self.list.ty[at], self.list.val[at]);
            let fits = match self.field.value_type {
                ValueType::Int => ty == AttrType::Int,
                ValueType::Double => ty == AttrType::Double,
                _ => ty == AttrType::Bool,
            };
            if !fits {
                continue;
            }
            let Some(row) = self.row(cell, code) else { continue };
            if !self.visible(scratch, ty, val) {
                continue;
            }
            match ty {
                AttrType::Int => column.ints.push(val as i64),
                AttrType::Double => column.doubles.push(f64::from_bits(val)),
                _ => column.booleans.push(u8::from(val != 0)),
            }
            column.rows.push(row);
            column.at.push(cell.at);
            if !self.field.exact {
                column.cell_keys.push(self.key);
            }
        }
    }
}

/// The number that goes with a value in this column, asked for once.
fn known_or(scratch: &mut Scratch, ty: AttrType, val: u64, ask: impl FnOnce(&mut Vec<u8>) -> u32) -> u32 {
    let Scratch { entries, text, .. } = scratch;
    let known = match ty {
        AttrType::Str => &mut entries.texts,
        AttrType::Array | AttrType::Map | AttrType::Bytes => &mut entries.raw,
        AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => {
            return *entries.scalars.entry((ty as u8, val)).or_insert_with(|| ask(text));
        }
    };
    known.get(val).unwrap_or_else(|| {
        let number = ask(text);
        known.set(val, number);
        number
    })
}

/// Puts the cells in the order of their rows.
fn sort(column: &mut Column, scratch: &mut Scratch) {
    let order = &mut scratch.order;
    order.clear();
    order.extend(0..column.at.len() as u32);
    order.sort_by_key(|&i| (column.rows[i as usize], column.at[i as usize]));
    permute(&mut column.rows, order);
    permute(&mut column.at, order);
    permute(&mut column.codes, order);
    permute(&mut column.cell_keys, order);
    permute(&mut column.ints, order);
    permute(&mut column.doubles, order);
    permute(&mut column.booleans, order);
}

fn permute<T: Copy>(list: &mut Vec<T>, order: &[u32]) {
    if !list.is_empty() {
        *list = order.iter().map(|&i| list[i as usize]).collect();
    }
}
