//! What a guest wants changed. Nothing here is trusted.

use crate::batch::Packed;

/// Cells or entries of a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnPart {
    /// Index of the field.
    pub column: u32,
    /// Ascending, each once.
    pub at: Vec<u32>,
}

/// What an edit reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Every cell that holds one of these entries.
    Entries(ColumnPart),
    /// Single cells.
    Cells(ColumnPart),
    /// Rows of the target's table.
    Rows(Vec<u32>),
}

/// One value per item of the address, or one for all of them.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it, as in wit/types.wit")]
pub enum EditValues {
    None,
    Strings(Packed),
    Ints(Vec<i64>),
    Doubles(Vec<f64>),
    Booleans(Vec<u8>),
    Bytes(Packed),
    Json(Packed),
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Change the addressed cells.
    Update,
    /// Remove the addressed cells.
    Delete,
    /// Remove the events or links that they belong to.
    DropRow,
    /// Write this target where its key is not there yet.
    Insert(u32),
    /// Write this target.
    Upsert(u32),
    /// Remove this target.
    Remove(u32),
}

/// One edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// What is done.
    pub operation: Operation,
    /// To what.
    pub address: Address,
    /// With which values.
    pub values: EditValues,
}

/// What a head sampler answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// One per span: 0 drop, 1 keep.
    pub keep: Vec<u8>,
    /// Edits.
    pub edits: Vec<Edit>,
}
