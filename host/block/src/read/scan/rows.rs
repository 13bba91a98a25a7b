//! Start and end of each row.

use crate::read::ReadError;
use crate::read::bitmap::Bitmap;
use crate::read::file::FileIndex;
use crate::read::page::{Dictionary, Values};
use crate::read::source::{LeafReader, Source, at, misfit};
use crate::schema::Column;
use std::ops::Range;

/// (start, end) of each row of a row group.
pub(crate) fn times(
    source: &Source,
    index: &FileIndex,
    row_group: usize,
) -> Result<Vec<(u64, u64)>, ReadError> {
    let starts = numbers(source, index, row_group, Column::TraceStart)?;
    let ends = numbers(source, index, row_group, Column::TraceEnd)?;
    Ok(starts.into_iter().zip(ends).map(|(start, end)| (start as u64, end as u64)).collect())
}

/// The rows that overlap the window, both of whose ends count.
pub(crate) fn overlapping(times: &[(u64, u64)], window: &Range<u64>) -> Bitmap {
    let mut out = Bitmap::new(times.len());
    for (row, (start, end)) in times.iter().enumerate() {
        // A clock that ran backwards ends a trace before its start; it then lasts no time.
        if *start <= window.end && (*end).max(*start) >= window.start {
            out.set(row);
        }
    }
    out
}

fn numbers(
    source: &Source,
    index: &FileIndex,
    row_group: usize,
    column: Column,
) -> Result<Vec<i64>, ReadError> {
    let leaf = source.leaf(column)?;
    let mut reader = LeafReader::open(source, index, row_group, leaf, true)?;
    let dictionary = reader.dictionary.clone();
    let (len, physical) = (reader.dictionary_len(), reader.physical);
    let mut out = Vec::new();
    for i in 0..reader.pages.len() {
        let page = reader.page(i, |_| true)?;
        let values = page.decode(physical, len, Some(page.entries), &mut Vec::new()).map_err(at(leaf))?;
        match (values, dictionary.as_deref()) {
            (Values::Ints(v), _) => out.extend(v),
            (Values::Codes(v), Some(Dictionary::Ints(d))) => out.extend(v.iter().map(|c| d[*c as usize])),
            _ => return Err(misfit(leaf, "does not hold numbers")),
        }
    }
    if out.len() != index.row_groups[row_group].rows as usize {
        return Err(misfit(leaf, "has another number of rows than the footer says"));
    }
    Ok(out)
}
