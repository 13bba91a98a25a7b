//! One leaf of one input, row by row: decoded a page at a time, copied as slices.

use crate::read::file::FileIndex;
use crate::read::page::{Dictionary, PageError, Physical, Values, levels};
use crate::read::source::{LeafReader, Source, at, misfit};
use crate::read::{BlockReader, ReadError};
use crate::schema::Leaf;
use crate::write::leaf::LeafWriter;
use std::ops::Range;
use std::sync::Arc;

/// What is being gathered for the next unit of a leaf.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) rep: Vec<u8>,
    pub(super) def: Vec<u8>,
}

/// A place in one leaf of one input. Rows only ever go forwards.
pub(super) struct Cursor<'s> {
    source: &'s Source,
    index: Arc<FileIndex>,
    leaf: &'s Leaf,
    /// The row group that is open and the row it ends with, counted over the file.
    row_group: usize,
    reader: Option<LeafReader<'s>>,
    /// The next page of that row group.
    page: usize,
    rep: Vec<u8>,
    def: Vec<u8>,
    entries: usize,
    values: Values<'static>,
    /// The next row, entry and value; rows are counted over the file.
    row: u32,
    entry: usize,
    value: usize,
    /// Behind the last row of the page.
    page_end: u32,
    /// By code of this input's dictionary: 0, or 1 + the code in the output's.
    codes: Vec<u32>,
    pool: Vec<u32>,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(reader: &'s BlockReader, leaf: &'s Leaf) -> Result<Self, ReadError> {
        Ok(Self {
            source: &reader.source,
            index: reader.source.index()?,
            leaf,
            row_group: 0,
            reader: None,
            page: 0,
            rep: Vec::new(),
            def: Vec::new(),
            entries: 0,
            values: Values::Bools(Vec::new()),
            row: 0,
            entry: 0,
            value: 0,
            page_end: 0,
            codes: Vec::new(),
            pool: Vec::new(),
        })
    }

    /// Appends `rows` rows from `first_row` on: levels to `unit`, values to `out`.
    pub(super) fn copy(
        &mut self,
        first_row: u32,
        rows: u32,
        unit: &mut Unit,
        out: &mut LeafWriter<'_>,
    ) -> Result<(), ReadError> {
        self.skip_to(first_row)?;
        let end = first_row + rows;
        while self.row < end {
            if self.row == self.page_end {
                self.open_page(self.row)?;
            }
            let here = end.min(self.page_end) - self.row;
            let (entries, values) = self.take(here)?;
            // A leaf without levels has zeros: the writer counts entries by them.
            if self.leaf.rep_max > 0 {
                unit.rep.extend_from_slice(&self.rep[entries.clone()]);
            }
            if self.leaf.def_max > 0 {
                unit.def.extend_from_slice(&self.def[entries]);
            } else {
                unit.def.resize(unit.def.len() + entries.len(), 0);
            }
            self.push(values, out).map_err(at(self.leaf))?;
        }
        Ok(())
    }

    fn skip_to(&mut self, row: u32) -> Result<(), ReadError> {
        if row >= self.page_end {
            self.open_page(row)?;
        }
        if row > self.row {
            self.take(row - self.row)?;
        }
        Ok(())
    }

    /// Passes `rows` rows of the page; their entries and values.
    fn take(&mut self, rows: u32) -> Result<(Range<usize>, Range<usize>), ReadError> {
        let (first, first_value) = (self.entry, self.value);
        if self.leaf.rep_max == 0 {
            self.entry += rows as usize;
        } else {
            for _ in 0..rows {
                // A row begins with level 0.
                let next = self.entry + 1;
                let rest = self.rep.get(next..).unwrap_or_default();
                self.entry = memchr::memchr(0, rest).map_or(self.entries, |at| next + at);
            }
        }
        if self.entry > self.entries || self.entry == first {
            return Err(misfit(self.leaf, "has fewer rows in a page than its index says"));
        }
        self.value += match self.leaf.def_max {
            0 => self.entry - first,
            max => self.def[first..self.entry].iter().filter(|&&def| def == max).count(),
        };
        self.row += rows;
        Ok((first..self.entry, first_value..self.value))
    }

    /// Decodes the page that holds `row`, and stands at its first row.
    fn open_page(&mut self, row: u32) -> Result<(), ReadError> {
        let row_group = self.index.row_groups.partition_point(|group| group.first_row <= row) - 1;
        if self.reader.is_none() || row_group != self.row_group {
            let reader = LeafReader::open(self.source, &self.index, row_group, self.leaf, true)?;
            self.codes.clear();
            self.codes.resize(reader.dictionary_len().unwrap_or(0), 0);
            (self.row_group, self.page) = (row_group, 0);
            self.reader = Some(reader);
        }
        let first_row = self.index.row_groups[row_group].first_row;
        let Some(reader) = &mut self.reader else { return Err(misfit(self.leaf, "is not open")) };
        let pages = reader.pages.clone();
        let ahead = pages[self.page..].iter().position(|page| page.end_row() > row - first_row);
        let Some(ahead) = ahead else {
            return Err(misfit(self.leaf, "lacks rows that other leaves have"));
        };
        self.page += ahead;
        let located = pages[self.page];
        let dictionary_len = reader.dictionary_len();
        let physical = reader.physical;
        let page = reader.page(self.page, |_| true)?;
        let leaf = self.leaf;
        self.entries = page.entries;
        levels::decode(page.rep, leaf.rep_max, page.entries, &mut self.rep).map_err(at(leaf))?;
        levels::decode(page.def, leaf.def_max, page.entries, &mut self.def).map_err(at(leaf))?;
        let rows = match leaf.rep_max {
            0 => page.entries,
            _ => self.rep.iter().filter(|&&rep| rep == 0).count(),
        };
        if rows != located.rows as usize {
            return Err(misfit(leaf, "has another number of rows in a page than its index says"));
        }
        let present = match leaf.def_max {
            0 => page.entries,
            max => self.def.iter().filter(|&&def| def == max).count(),
        };
        if let Values::Codes(codes) = std::mem::replace(&mut self.values, Values::Bools(Vec::new())) {
            self.pool = codes;
        }
        self.values = if present == 0 {
            empty(physical)
        } else {
            let decoded = page.decode(physical, dictionary_len, Some(present), &mut self.pool);
            decoded.map_err(at(leaf))?.into_owned()
        };
        self.row = first_row + located.first_row;
        self.page_end = first_row + located.end_row();
        (self.entry, self.value) = (0, 0);
        self.page += 1;
        Ok(())
    }

    fn push(&mut self, range: Range<usize>, out: &mut LeafWriter<'_>) -> Result<(), PageError> {
        let cut = || PageError::Truncated("values");
        let dictionary = self.reader.as_ref().and_then(|reader| reader.dictionary.as_deref());
        match (&self.values, dictionary) {
            (Values::Ints(all), _) => {
                all.get(range).ok_or_else(cut)?.iter().for_each(|&number| out.push_int(number));
            }
            (Values::Doubles(all), _) => {
                let bits = all.get(range).ok_or_else(cut)?.iter().map(|number| number.to_bits() as i64);
                bits.for_each(|bits| out.push_int(bits));
            }
            (Values::Bools(all), _) => {
                all.get(range).ok_or_else(cut)?.iter().for_each(|&set| out.push_bool(set));
            }
            (Values::Bytes(all), _) => {
                for i in range {
                    out.push_text(all.get(i).ok_or_else(cut)?);
                }
            }
            (Values::Codes(codes), Some(Dictionary::Bytes(entries))) => {
                for &code in codes.get(range).ok_or_else(cut)? {
                    let known = &mut self.codes[code as usize];
                    out.push_text_known(known, || entries.get(code as usize).unwrap_or_default());
                }
            }
            (Values::Codes(codes), Some(Dictionary::Ints(entries))) => {
                for &code in codes.get(range).ok_or_else(cut)? {
                    out.push_int(entries[code as usize]);
                }
            }
            (Values::Codes(codes), Some(Dictionary::Doubles(entries))) => {
                for &code in codes.get(range).ok_or_else(cut)? {
                    out.push_int(entries[code as usize].to_bits() as i64);
                }
            }
            (Values::Codes(_), None) => return Err(PageError::Malformed("page without a dictionary")),
        }
        Ok(())
    }
}

/// No values, of the leaf's type.
fn empty(physical: Physical) -> Values<'static> {
    match physical {
        Physical::Bool => Values::Bools(Vec::new()),
        Physical::Int32 | Physical::Int64 => Values::Ints(Vec::new()),
        Physical::Double => Values::Doubles(Vec::new()),
        Physical::Bytes => Values::Bytes(Default::default()),
    }
}
