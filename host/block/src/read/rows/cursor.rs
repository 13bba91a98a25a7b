//! Walks over the entries of leaves, in step with the nesting of a row.

use super::leaf_rows::{LeafRows, RowValues};
use super::text::Text;
use crate::read::ReadError;
use crate::read::source::misfit;
use crate::schema::Leaf;
use cadenza_model::{Code, Dict};

/// A position in one leaf. A leaf that is not read has an empty cursor, which is never out of step.
#[derive(Debug, Default)]
pub(crate) struct Cursor<'s> {
    rows: Option<LeafRows<'s>>,
    at: usize,
    value: usize,
    row: usize,
}

impl<'s> Cursor<'s> {
    pub(crate) fn new(rows: LeafRows<'s>) -> Self {
        Self { rows: Some(rows), ..Self::default() }
    }

    /// The leaf, if it is read.
    pub(crate) fn leaf(&self) -> Option<&'s Leaf> {
        self.rows.as_ref().map(|rows| rows.leaf)
    }

    /// Whether the leaf is read at all.
    pub(crate) fn is_read(&self) -> bool {
        self.rows.is_some()
    }

    /// Repetition level of the next entry; 0 at the end.
    pub(crate) fn rep(&self) -> u8 {
        self.rows.as_ref().and_then(|rows| rows.rep.get(self.at)).copied().unwrap_or(0)
    }

    /// Definition level of the next entry.
    pub(crate) fn def(&self) -> u8 {
        self.rows.as_ref().and_then(|rows| rows.def.get(self.at)).copied().unwrap_or(0)
    }

    /// Passes one entry; the number of its value if it has one.
    pub(crate) fn step(&mut self) -> Option<usize> {
        let rows = self.rows.as_ref()?;
        let def = rows.def.get(self.at)?;
        self.at += 1;
        (*def == rows.leaf.def_max).then(|| {
            self.value += 1;
            self.value - 1
        })
    }

    /// Passes one entry and says whether the row has more.
    pub(crate) fn more_in_row(&self) -> bool {
        let end = self.rows.as_ref().and_then(|rows| rows.row_ends.get(self.row)).copied().unwrap_or(0);
        self.at < end as usize
    }

    /// To be called once per row: every entry of it must have been passed, or leaves disagree.
    pub(crate) fn end_row(&mut self) -> Result<(), ReadError> {
        if let Some(rows) = &self.rows {
            if rows.row_ends.get(self.row).copied() != Some(self.at as u32) {
                return Err(misfit(rows.leaf, "is nested otherwise than the other leaves"));
            }
            self.row += 1;
        }
        Ok(())
    }

    /// The next entry as a number; 0 if it has none.
    pub(crate) fn int(&mut self) -> i64 {
        self.optional_int().unwrap_or(0)
    }

    pub(crate) fn optional_int(&mut self) -> Option<i64> {
        let value = self.step()?;
        self.int_at(value)
    }

    pub(crate) fn int_at(&self, value: usize) -> Option<i64> {
        match self.rows.as_ref()?.values {
            RowValues::Ints(ref v) => v.get(value).copied(),
            _ => None,
        }
    }

    pub(crate) fn double_at(&self, value: usize) -> Option<f64> {
        match self.rows.as_ref()?.values {
            RowValues::Doubles(ref v) => v.get(value).copied(),
            _ => None,
        }
    }

    pub(crate) fn bool_at(&self, value: usize) -> Option<bool> {
        match self.rows.as_ref()?.values {
            RowValues::Bools(ref v) => v.get(value).copied(),
            _ => None,
        }
    }

    /// The next entry as bytes; empty if it has none.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        match self.step() {
            Some(value) => self.bytes_at(value),
            None => &[],
        }
    }

    pub(crate) fn bytes_at(&self, value: usize) -> &[u8] {
        self.text().map_or(&[], |text| text.get(value))
    }

    /// The next entry as a code in `dict`.
    pub(crate) fn code(&mut self, dict: &mut Dict) -> Option<Code> {
        let value = self.step()?;
        Some(self.code_at(value, dict))
    }

    pub(crate) fn code_at(&mut self, value: usize, dict: &mut Dict) -> Code {
        match self.rows.as_mut().map(|rows| &mut rows.values) {
            Some(RowValues::Text(text)) => text.intern(value, dict),
            _ => 0,
        }
    }

    pub(crate) fn text(&self) -> Option<&Text> {
        match &self.rows.as_ref()?.values {
            RowValues::Text(text) => Some(text),
            _ => None,
        }
    }
}
