//! The entries of some rows of one leaf.

use super::text::Text;
use crate::read::file::FileIndex;
use crate::read::page::{Dictionary, PageError, Physical, Planes, Ranked, Values};
use crate::read::source::{LeafReader, Source, at, misfit};
use crate::read::{ReadError, page::Page};
use crate::schema::Leaf;
use std::ops::Range;
use std::sync::Arc;

/// Present values, in order.
#[derive(Debug)]
pub(crate) enum RowValues {
    Ints(Vec<i64>),
    Doubles(Vec<f64>),
    Bools(Vec<bool>),
    Text(Text),
}

/// Levels and values of the requested rows.
#[derive(Debug)]
pub(crate) struct LeafRows<'s> {
    pub(crate) leaf: &'s Leaf,
    pub(crate) rep: Vec<u8>,
    pub(crate) def: Vec<u8>,
    /// Where each requested row ends in `rep` and `def`.
    pub(crate) row_ends: Vec<u32>,
    pub(crate) values: RowValues,
}

/// Buffers that are used again for every page of every leaf.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    rep: Planes,
    def: Planes,
    starts: Ranked,
    present: Ranked,
    ordinals: Vec<Range<usize>>,
    codes: Vec<u32>,
}

impl<'s> LeafRows<'s> {
    /// Reads `rows` (ascending, of this row group) of a leaf, from pages fetched before.
    pub(crate) fn read(
        mut reader: LeafReader<'s>,
        bytes: &mut PageBytes,
        rows: &[u32],
        buffers: &mut Buffers,
    ) -> Result<Self, ReadError> {
        let leaf = reader.leaf;
        let mut out = Self::new(&reader, reader.dictionary.clone());
        let pages = reader.pages.clone();
        let mut rest = rows;
        for (i, page) in pages.iter().enumerate() {
            let here = rest.partition_point(|&row| row < page.end_row());
            let (wanted, later) = rest.split_at(here);
            rest = later;
            if wanted.is_empty() {
                continue;
            }
            if let Some(bytes) = bytes.take(leaf.index, i) {
                reader.supply(i, bytes);
            }
            out.read_page(&mut reader, i, page.first_row, wanted, buffers)?;
        }
        if !rest.is_empty() {
            return Err(misfit(leaf, "lacks rows that other leaves have"));
        }
        Ok(out)
    }

    fn new(reader: &LeafReader<'s>, dictionary: Option<Arc<Dictionary>>) -> Self {
        let values = match reader.physical {
            Physical::Bool => RowValues::Bools(Vec::new()),
            Physical::Int32 | Physical::Int64 => RowValues::Ints(Vec::new()),
            Physical::Double => RowValues::Doubles(Vec::new()),
            Physical::Bytes => {
                let mut text = Text::default();
                text.set_dictionary(dictionary);
                RowValues::Text(text)
            }
        };
        Self { leaf: reader.leaf, rep: Vec::new(), def: Vec::new(), row_ends: Vec::new(), values }
    }

    fn read_page(
        &mut self,
        reader: &mut LeafReader<'_>,
        i: usize,
        first_row: u32,
        wanted: &[u32],
        buffers: &mut Buffers,
    ) -> Result<(), ReadError> {
        let (leaf, physical) = (reader.leaf, reader.physical);
        let (dictionary, dictionary_len) = (reader.dictionary.clone(), reader.dictionary_len());
        let page = reader.page(i, |_| false)?;
        self.levels(&page, first_row, wanted, buffers)?;
        if buffers.ordinals.iter().all(Range::is_empty) {
            return Ok(());
        }
        let present = if leaf.def_max == 0 { page.entries } else { buffers.present.ones() };
        let values =
            page.decode(physical, dictionary_len, Some(present), &mut buffers.codes).map_err(at(leaf))?;
        for range in &buffers.ordinals {
            self.values.append(&values, dictionary.as_deref(), range.clone()).map_err(at(leaf))?;
        }
        if let Values::Codes(codes) = values {
            buffers.codes = codes;
        }
        Ok(())
    }

    fn levels(
        &mut self,
        page: &Page<'_>,
        first_row: u32,
        wanted: &[u32],
        buffers: &mut Buffers,
    ) -> Result<(), ReadError> {
        let leaf = self.leaf;
        let Buffers { rep, def, starts, present, ordinals, .. } = buffers;
        ordinals.clear();
        if leaf.rep_max > 0 {
            rep.decode(page.rep, leaf.rep_max, page.entries).map_err(at(leaf))?;
            rep.at_most(0, starts);
        }
        if leaf.def_max > 0 {
            def.decode(page.def, leaf.def_max, page.entries).map_err(at(leaf))?;
            def.equal(leaf.def_max, present);
        }
        for &row in wanted {
            let row = (row - first_row) as usize;
            let entries =
                if leaf.rep_max > 0 { starts.select(row)..starts.select(row + 1) } else { row..row + 1 };
            if entries.is_empty() || entries.end > page.entries {
                return Err(misfit(leaf, "has fewer rows in a page than its index says"));
            }
            self.rep.extend(entries.clone().map(|i| if leaf.rep_max > 0 { rep.get(i) } else { 0 }));
            self.def.extend(entries.clone().map(|i| if leaf.def_max > 0 { def.get(i) } else { 0 }));
            self.row_ends.push(self.rep.len() as u32);
            ordinals.push(match leaf.def_max {
                0 => entries,
                _ => present.rank(entries.start)..present.rank(entries.end),
            });
        }
        Ok(())
    }
}

impl RowValues {
    fn append(
        &mut self,
        values: &Values<'_>,
        dictionary: Option<&Dictionary>,
        range: Range<usize>,
    ) -> Result<(), PageError> {
        let cut = || PageError::Truncated("values");
        match (self, values, dictionary) {
            (Self::Ints(out), Values::Ints(v), _) => out.extend(v.get(range).ok_or_else(cut)?),
            (Self::Doubles(out), Values::Doubles(v), _) => out.extend(v.get(range).ok_or_else(cut)?),
            (Self::Bools(out), Values::Bools(v), _) => out.extend(v.get(range).ok_or_else(cut)?),
            (Self::Text(out), Values::Bytes(v), _) => {
                for i in range {
                    out.push_plain(v.get(i).ok_or_else(cut)?);
                }
            }
            (Self::Ints(out), Values::Codes(v), Some(Dictionary::Ints(d))) => {
                out.extend(v.get(range).ok_or_else(cut)?.iter().map(|&code| d[code as usize]));
            }
            (Self::Doubles(out), Values::Codes(v), Some(Dictionary::Doubles(d))) => {
                out.extend(v.get(range).ok_or_else(cut)?.iter().map(|&code| d[code as usize]));
            }
            (Self::Text(out), Values::Codes(v), Some(Dictionary::Bytes(_))) => {
                v.get(range).ok_or_else(cut)?.iter().for_each(|&code| out.push_code(code));
            }
            _ => return Err(PageError::Malformed("type of values")),
        }
        Ok(())
    }
}

/// Pages fetched together for several leaves.
#[derive(Debug, Default)]
pub(crate) struct PageBytes(std::collections::HashMap<(usize, usize), bytes::Bytes>);

impl PageBytes {
    /// Fetches the pages of `leaves` that hold one of `rows`.
    pub(crate) fn fetch(
        source: &Source,
        index: &FileIndex,
        row_group: usize,
        leaves: &[&Leaf],
        rows: &[u32],
    ) -> Result<Self, ReadError> {
        let (mut keys, mut ranges) = (Vec::new(), Vec::new());
        for leaf in leaves {
            let pages = source.pages(index, row_group, leaf)?;
            for (i, page) in pages.iter().enumerate() {
                let next = rows.partition_point(|&row| row < page.first_row);
                if rows.get(next).is_some_and(|&row| row < page.end_row()) {
                    keys.push((leaf.index, i));
                    ranges.push(page.range());
                }
            }
        }
        Ok(Self(keys.into_iter().zip(source.fetch(&ranges)?).collect()))
    }

    fn take(&mut self, leaf: usize, page: usize) -> Option<bytes::Bytes> {
        self.0.remove(&(leaf, page))
    }
}
