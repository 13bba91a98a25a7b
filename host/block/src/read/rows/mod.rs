//! Whole traces: rows of a block back into [`Columns`], as far as the format can hold them.
//!
//! Lost in the format, and so absent here: schema URLs, flags, sizes on the wire, and whether a status,
//! scope or resource message was there at all. An event's time comes back as start plus offset, a span's
//! end as start plus duration, both wrapping as they were written.

mod assemble;
mod attrs;
mod cursor;
pub(crate) mod leaf_rows;
mod own;
mod text;
mod unsupported;

use super::ReadError;
use super::file::FileIndex;
use super::page::Dictionary;
use super::projection::{Keys, Projection};
use super::source::{LeafReader, Source};
use crate::schema::{Column, Leaf, Owner};
use assemble::Assembler;
use cadenza_model::{Columns, TraceId};
use leaf_rows::{Buffers, LeafRows, PageBytes};

/// Traces read from a block, in row order.
#[derive(Debug, Default)]
pub struct TraceRows {
    /// Their spans.
    pub columns: Columns,
    /// Where each trace ends in `columns.spans`.
    pub trace_ends: Vec<u32>,
    /// What the block says about each trace.
    pub infos: Vec<TraceInfo>,
    /// Nested set numbers, one per span.
    pub nested: Nested,
}

/// What a row says about its trace, which may be only a part of it. Only the id is always there; the rest is
/// read with [`Projection::with_derived`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceInfo {
    /// Its id.
    pub trace_id: TraceId,
    /// Earliest start.
    pub start_ns: u64,
    /// Latest end.
    pub end_ns: u64,
    /// Difference of the two.
    pub duration_ns: u64,
    /// Service of the root span; empty without a root.
    pub root_service_name: String,
    /// Name of the root span; empty without a root.
    pub root_name: String,
    /// Counts by service.
    pub services: Vec<ServiceCount>,
}

/// Counts of one service in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCount {
    /// Service name.
    pub name: String,
    /// Its spans.
    pub spans: u32,
    /// Those with an error status.
    pub errors: u32,
}

/// Nested set numbers by span, 0 unless read with [`Projection::with_derived`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Nested {
    /// Pre-order number; 0 if not connected to a root.
    pub left: Vec<i32>,
    /// Number on leaving the span.
    pub right: Vec<i32>,
    /// `left` of the parent; -1 for roots.
    pub parent: Vec<i32>,
}

/// Owners none of whose generic attributes is wanted in this row group, as the dictionary of keys tells: their
/// lists are the largest of all.
fn owners_without(
    source: &Source,
    index: &FileIndex,
    row_group: usize,
    projection: &Projection,
) -> Result<Vec<Owner>, ReadError> {
    let mut out = Vec::new();
    for owner in Owner::ALL {
        let Some(Keys::Some(keys)) = projection.keys(owner) else { continue };
        let leaf = source.leaf(Column::AttrKey(owner))?;
        let chunk = &index.row_groups[row_group].chunks[leaf.index];
        let absent = match source.dictionaries(index, row_group, &[leaf])?.swap_remove(0).as_deref() {
            Some(Dictionary::Bytes(known)) if chunk.all_codes => {
                !known.iter().any(|key| keys.contains(&*String::from_utf8_lossy(key)))
            }
            _ => chunk.is_empty,
        };
        if absent {
            out.push(owner);
        }
    }
    Ok(out)
}

fn is_generic(leaf: &Leaf, owner: Owner) -> bool {
    match leaf.column {
        Column::AttrKey(of)
        | Column::AttrIsArray(of)
        | Column::AttrValue(of, _)
        | Column::AttrUnsupported(of) => of == owner,
        _ => false,
    }
}

/// Reads the rows (ascending, counted over the file).
pub(crate) fn read(
    source: &Source,
    index: &FileIndex,
    rows: &[u32],
    projection: &Projection,
) -> Result<TraceRows, ReadError> {
    let mut out = TraceRows::default();
    let leaves = projection.leaves(&source.schema);
    let mut buffers = Buffers::default();
    let mut rest = rows;
    for (row_group, group) in index.row_groups.iter().enumerate() {
        let here = rest.partition_point(|&row| row < group.first_row + group.rows);
        let (wanted, later) = rest.split_at(here);
        rest = later;
        if wanted.is_empty() {
            continue;
        }
        let wanted: Vec<u32> = wanted.iter().map(|row| row - group.first_row).collect();
        let absent = owners_without(source, index, row_group, projection)?;
        let leaves: Vec<&Leaf> = leaves
            .iter()
            .copied()
            .filter(|leaf| !absent.iter().any(|&owner| is_generic(leaf, owner)))
            .collect();
        let mut bytes = PageBytes::fetch(source, index, row_group, &leaves, &wanted)?;
        let dictionaries = source.dictionaries(index, row_group, &leaves)?;
        let mut read = Vec::with_capacity(leaves.len());
        for (leaf, dictionary) in leaves.iter().zip(dictionaries) {
            let mut reader = LeafReader::open(source, index, row_group, leaf, false)?;
            reader.dictionary = dictionary;
            read.push(LeafRows::read(reader, &mut bytes, &wanted, &mut buffers)?);
        }
        let mut assembler = Assembler::new(&source.schema, projection, read);
        for _ in &wanted {
            assembler.row(&mut out)?;
        }
    }
    if out.columns.names.is_full() || out.columns.values.is_full() || out.columns.raw.is_full() {
        let limit = u64::from(u32::MAX);
        return Err(ReadError::Limit { what: "text of the traces read", actual: limit, limit });
    }
    Ok(out)
}
