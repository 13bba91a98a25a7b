//! What a guest sees: columns of a batch, in buffers that are used again for the next one.

use crate::plan::Scope;

/// Strings in one blob: string `i` is `data[ends[i - 1]..ends[i]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed {
    /// One end per string.
    pub ends: Vec<u32>,
    /// The strings one after another.
    pub data: Vec<u8>,
}

impl Packed {
    /// Number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a string and gives its index.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> u32 {
        self.data.extend_from_slice(bytes);
        self.ends.push(self.data.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// String `index`; nothing if there is none or the ends make no sense.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? as usize };
        self.data.get(start..*self.ends.get(index)? as usize)
    }

    /// All strings, as [`Packed::get`] gives them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let string = self.data.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            string
        })
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.data.clear();
    }
}

impl<'a> FromIterator<&'a [u8]> for Packed {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(strings: I) -> Self {
        let mut packed = Self::default();
        for bytes in strings {
            packed.push(bytes);
        }
        packed
    }
}

impl<'a> FromIterator<&'a str> for Packed {
    fn from_iter<I: IntoIterator<Item = &'a str>>(strings: I) -> Self {
        strings.into_iter().map(str::as_bytes).collect()
    }
}

/// Which variant of `cells` a column is: the buffer of that name counts, the others are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellKind {
    /// `codes`, `keys`, `values`.
    #[default]
    Coded,
    /// `ints`.
    Ints,
    /// `doubles`.
    Doubles,
    /// `booleans`.
    Booleans,
    /// `ids`.
    Ids,
}

/// The cells of one field. All buffers stand side by side so that they are kept from batch to batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Column {
    /// Which buffers hold the cells.
    pub kind: CellKind,
    /// Row of each cell; empty for intrinsics.
    pub rows: Vec<u32>,
    /// Key of each cell where the selector is not exact and cells are not coded.
    pub cell_keys: Vec<u32>,
    /// Entry of each cell.
    pub codes: Vec<u32>,
    /// Key of each entry where the selector is not exact.
    pub keys: Vec<u32>,
    /// Text of each entry.
    pub values: Packed,
    /// Integers.
    pub ints: Vec<i64>,
    /// Doubles.
    pub doubles: Vec<f64>,
    /// 0 or 1.
    pub booleans: Vec<u8>,
    /// 16 or 8 bytes each.
    pub ids: Vec<u8>,
    /// For attributes: index of each cell in its table's lists. The guest does not see it.
    pub(crate) at: Vec<u32>,
    /// Number of entries, also where they have no values.
    pub(crate) entries: u32,
    /// Number of cells.
    pub(crate) cells: u32,
}

impl Column {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells as usize
    }

    /// True without cells.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Number of entries of a coded column.
    pub fn entries(&self) -> usize {
        self.entries as usize
    }

    pub(crate) fn clear(&mut self, kind: CellKind) {
        self.kind = kind;
        self.rows.clear();
        self.cell_keys.clear();
        self.codes.clear();
        self.keys.clear();
        self.values.clear();
        self.ints.clear();
        self.doubles.clear();
        self.booleans.clear();
        self.ids.clear();
        self.at.clear();
        self.entries = 0;
        self.cells = 0;
    }

    /// Bytes that cross the boundary.
    pub fn bytes(&self) -> usize {
        4 * (self.rows.len() + self.cell_keys.len() + self.codes.len() + self.keys.len())
            + 4 * self.values.ends.len()
            + self.values.data.len()
            + 8 * (self.ints.len() + self.doubles.len())
            + self.booleans.len()
            + self.ids.len()
    }
}

/// A table of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which.
    pub scope: Scope,
    /// How many rows it has.
    pub rows: u32,
    /// Row in the parent's table; empty for resources.
    pub parent: Vec<u32>,
}

/// All that a call may depend on besides its data.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time, frozen.
    pub now_unix_ns: u64,
    /// For randomness: the same whenever the call is repeated.
    pub seed: u64,
    /// Nothing that the call writes may be kept: metrics, state. The guest does not see this.
    pub is_trial: bool,
}

/// What one call of a guest sees.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Those that the plan asked for.
    pub tables: Vec<Table>,
    /// In the order of the plan's fields.
    pub columns: Vec<Column>,
    /// Keys that columns refer to.
    pub keys: Packed,
    /// Rows of the span table.
    pub spans: u32,
    /// The batch's rows, where it is a part: rows of the columns by rows of the batch, per table.
    pub(crate) selection: Option<Box<Selection>>,
    /// The state of the columns that `Column::at` refers to.
    pub(crate) layout: u64,
}

/// Rows of a part of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    /// By table: ascending rows.
    pub(crate) rows: [Vec<u32>; 5],
}

impl Batch {
    /// Bytes that cross the boundary.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum::<usize>()
            + self.tables.iter().map(|table| 4 * table.parent.len()).sum::<usize>()
            + self.keys.data.len()
            + 4 * self.keys.ends.len()
    }

    /// True if no column has cells: a transform need not be called.
    pub fn is_idle(&self) -> bool {
        self.columns.iter().all(Column::is_empty)
    }
}
