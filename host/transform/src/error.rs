//! What can be wrong with a plan and with edits.

use thiserror::Error;

/// A part of a plan that makes no sense, or that a plugin of this kind may not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct PlanError {
    /// Pointer into the plan, such as `/steps/2/op/pattern`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Why the edits of a call were refused; none was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("edit {edit}: {fault}")]
pub struct EditError {
    /// Index of the edit.
    pub edit: usize,
    /// What is wrong with it.
    pub fault: EditFault,
}

/// What can be wrong with an edit. No variant carries text of the guest: it may repeat what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EditFault {
    /// Over the limit.
    #[error("more than {max} edits in a call")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The output is tied to the input.
    #[error("edits of {bytes} bytes, where this batch allows {max}")]
    TooLarge {
        /// Bytes of all edits so far.
        bytes: usize,
        /// The limit for this batch.
        max: usize,
    },
    /// The edits reach too many cells together.
    #[error("edits reach {cells} cells, where this batch allows {max}")]
    TooWide {
        /// Cells of all edits so far.
        cells: u64,
        /// The limit for this batch.
        max: u64,
    },
    /// No such field.
    #[error("column {column} of {columns}")]
    Column {
        /// As given.
        column: u32,
        /// How many there are.
        columns: usize,
    },
    /// No such target.
    #[error("target {target} of {targets}")]
    Target {
        /// As given.
        target: u32,
        /// How many there are.
        targets: usize,
    },
    /// Indexes are not strictly ascending.
    #[error("index {at} does not ascend")]
    Order {
        /// Position in the list.
        at: usize,
    },
    /// An index is out of range.
    #[error("index {index} of {len} {what}")]
    Range {
        /// As given.
        index: u32,
        /// How many there are.
        len: usize,
        /// Of what.
        what: &'static str,
    },
    /// Only coded columns have entries.
    #[error("entries of a column that is not coded")]
    NoEntries,
    /// The operation needs cells.
    #[error("{operation} of rows, which names no cells")]
    NeedsCells {
        /// Which.
        operation: &'static str,
    },
    /// The plan did not ask for it.
    #[error("{operation} of column {column}, which the plan did not ask for")]
    NotGranted {
        /// Which.
        operation: &'static str,
        /// The field.
        column: u32,
    },
    /// The target's table is not that of the column nor below it.
    #[error("target {target} lies in a table that is not under the column's")]
    NotBelow {
        /// The target.
        target: u32,
    },
    /// Neither one value nor one per item.
    #[error("{values} values for {items} items")]
    Count {
        /// Values given.
        values: usize,
        /// Items addressed.
        items: usize,
    },
    /// An operation that takes values has none, or the other way round.
    #[error("{operation} {}", if *.wants { "without values" } else { "with values" })]
    Values {
        /// Which.
        operation: &'static str,
        /// Whether it takes values.
        wants: bool,
    },
    /// Only text fits there.
    #[error("a value that is not text for a field of text")]
    NotText,
    /// The ends of a blob do not cut it into strings.
    #[error("ends of strings do not fit their data")]
    Packed,
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A boolean is neither 0 nor 1.
    #[error("boolean {value}")]
    Boolean {
        /// As given.
        value: u8,
    },
    /// A value is not the JSON of an AnyValue.
    #[error("value {at} is not the JSON of a value")]
    Json {
        /// Its position.
        at: usize,
    },
    /// The batch was projected before the columns changed their layout.
    #[error("the batch is out of date")]
    Stale,
}

/// Why a program stopped half-way. The batch must be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RunError {
    /// Steps wrote too much.
    #[error("steps write {bytes} bytes into a batch that allows {max}")]
    TooLarge {
        /// Bytes written.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Steps wrote too many attributes.
    #[error("steps write {attributes} attributes into a batch that allows {max}")]
    TooMany {
        /// Attributes written.
        attributes: usize,
        /// The limit.
        max: usize,
    },
}
