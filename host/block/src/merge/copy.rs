//! A row group, leaf by leaf: rows of all sources in the order of the plan.

use super::cursor::{Cursor, Unit};
use super::order::Run;
use super::{Counted, MergeError};
use crate::read::BlockReader;
use crate::schema::{Column, Leaf, List, Schema};
use crate::write::leaf::{Codec, LeafWriter, UNIT_ROWS_MAX, end_attribute_pages};
use crate::write::{chunk, levels};
use cadenza_model::Columns;
use parquet::file::writer::SerializedRowGroupWriter;
use std::io::Write;

/// A unit ends early at this many entries of a leaf: pages can only end where units do.
const UNIT_ENTRIES: usize = 16 * 1024;

/// Writes all leaves of a row group.
pub(super) fn copy<W: Write + Send>(
    sources: &[&BlockReader],
    runs: &[Run],
    schema: &Schema,
    codec: &mut Codec,
    group: &mut SerializedRowGroupWriter<'_, Counted<W>>,
) -> Result<(), MergeError> {
    // Texts come without codes of a batch's dictionaries.
    let no_columns = Columns::new();
    let mut rest = schema.leaves();
    while !rest.is_empty() {
        let (leaves, later) = rest.split_at(together(rest));
        rest = later;
        let mut writers: Vec<LeafWriter<'_>> = leaves.iter().map(LeafWriter::new).collect();
        write_leaves(sources, runs, leaves, &mut writers, codec)?;
        for (mut writer, leaf) in writers.into_iter().zip(leaves) {
            let descriptor = schema.descriptor().column(leaf.index);
            chunk::append(&mut writer, &no_columns, descriptor, codec, group)?;
        }
    }
    Ok(())
}

/// How many leaves end their pages at the same rows: those of an attribute list, else one.
fn together(leaves: &[Leaf]) -> usize {
    let Some(Leaf { column: Column::AttrKey(owner), .. }) = leaves.first() else { return 1 };
    let of_list = |leaf: &&Leaf| match leaf.list {
        List::Attrs(of) | List::Values(of, _) => of == *owner,
        _ => false,
    };
    leaves.iter().take_while(of_list).count()
}

fn write_leaves(
    sources: &[&BlockReader],
    runs: &[Run],
    leaves: &[Leaf],
    writers: &mut [LeafWriter<'_>],
    codec: &mut Codec,
) -> Result<(), MergeError> {
    let reading = |source: u32| MergeError::reading(sources[source as usize].meta().block_id);
    let mut cursors = Vec::with_capacity(leaves.len() * sources.len());
    for leaf in leaves {
        for (number, source) in (0..).zip(sources) {
            cursors.push(Cursor::new(source, leaf).map_err(reading(number))?);
        }
    }
    let mut units: Vec<Unit> = leaves.iter().map(|_| Unit::default()).collect();
    let mut encoded = Vec::new();
    let mut rows = 0;
    for run in runs {
        let (mut at, end) = (run.first_row, run.first_row + run.rows);
        while at < end {
            let take = (end - at).min((UNIT_ROWS_MAX - rows) as u32);
            let cursors = cursors.chunks_mut(sources.len());
            for ((cursors, unit), writer) in cursors.zip(&mut units).zip(writers.iter_mut()) {
                let cursor = &mut cursors[run.source as usize];
                cursor.copy(at, take, unit, writer).map_err(reading(run.source))?;
            }
            at += take;
            rows += take as usize;
            if rows == UNIT_ROWS_MAX || units.iter().any(|unit| unit.def.len() >= UNIT_ENTRIES) {
                end_unit(rows, writers, &mut units, &mut encoded);
                rows = 0;
                end_pages(writers, codec)?;
            }
        }
    }
    if rows > 0 {
        end_unit(rows, writers, &mut units, &mut encoded);
    }
    Ok(())
}

fn end_unit(rows: usize, writers: &mut [LeafWriter<'_>], units: &mut [Unit], encoded: &mut Vec<u8>) {
    for (writer, unit) in writers.iter_mut().zip(units) {
        encoded.clear();
        levels::encode(&unit.rep, levels::width(writer.leaf.rep_max), encoded);
        writer.end_unit_with(rows, encoded, &unit.def);
        unit.rep.clear();
        unit.def.clear();
    }
}

fn end_pages(writers: &mut [LeafWriter<'_>], codec: &mut Codec) -> Result<(), MergeError> {
    match writers {
        [alone] if alone.is_full() => alone.flush(codec)?,
        [_] => {}
        list => end_attribute_pages(list, codec)?,
    }
    Ok(())
}
