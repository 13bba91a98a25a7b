//! Traces of which several inputs have a part: read whole, put together, written as small blocks.

use super::order::{Group, Parts, Run, Step};
use super::{MergeError, MergeOptions};
use crate::read::{BlockReader, Cache, Projection};
use crate::write::{self, WriteOptions};
use cadenza_model::{Columns, Remap, SpanId, TraceId};
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Spans put together at a time: as columns they take some 700 bytes each. One trace may have more.
const BATCH_SPANS: u64 = 64 * 1024;
/// Most spans of one trace that is put together: 1 GB as columns. Blocks that hold more of one trace stay
/// apart, and queries put it together.
const TRACE_SPANS_MAX: u64 = 1_500_000;

/// Combined traces of one row group, in the order of [`Group::combined`].
#[derive(Default)]
pub(super) struct Patches {
    pub(super) blocks: Vec<BlockReader>,
    /// Rows of each.
    rows: Vec<u32>,
    pub(super) deduped_spans: u64,
}

/// Puts the parts of `traces` together.
pub(super) fn combine(
    readers: &[BlockReader],
    traces: &[Parts],
    options: &MergeOptions,
) -> Result<Patches, MergeError> {
    let mut out = Patches::default();
    let mut rest = traces;
    while let Some(first) = rest.first() {
        if first.spans > TRACE_SPANS_MAX {
            return Err(MergeError::Limit {
                what: "number of spans of a trace that lies in several blocks",
                actual: first.spans,
                limit: TRACE_SPANS_MAX,
            });
        }
        let mut spans = first.spans;
        let more = rest[1..].iter().take_while(|parts| {
            spans += parts.spans;
            spans <= BATCH_SPANS
        });
        let (batch, later) = rest.split_at(1 + more.count());
        rest = later;
        out.add(readers, batch, options)?;
    }
    Ok(out)
}

impl Patches {
    fn add(
        &mut self,
        readers: &[BlockReader],
        batch: &[Parts],
        options: &MergeOptions,
    ) -> Result<(), MergeError> {
        let mut columns = gather(readers, batch)?;
        let before = columns.spans.len();
        let mut seen: HashSet<(TraceId, SpanId, i32), RandomState> = HashSet::default();
        let spans = &columns.spans;
        let keys = (0..before).map(|row| (spans.trace_id[row], spans.span_id[row], spans.kind[row]));
        let keep: Vec<bool> = keys.map(|key| seen.insert(key)).collect();
        columns.retain_rows(|row| keep[row]);
        self.deduped_spans += (before - columns.spans.len()) as u64;
        let like = &readers[0];
        let block = write::build_as(
            &columns,
            like.meta().dedicated_columns.clone(),
            &WriteOptions {
                version: like.schema().version(),
                row_group_bytes_max: usize::MAX,
                row_group_spans_max: usize::MAX,
                ..WriteOptions::new(Uuid::nil(), options.tenant.clone())
            },
        )?;
        drop(columns);
        if block.meta.total_objects != batch.len() as u64 {
            // A row without spans: no writer makes one, and its trace could not be put together.
            let what = "number of traces with spans among those in several blocks";
            let (actual, limit) = (block.meta.total_objects, batch.len() as u64);
            return Err(MergeError::Limit { what, actual, limit });
        }
        self.rows.push(batch.len() as u32);
        // A cache of its own: all patches have the same name.
        let opened = BlockReader::open(Arc::new(block.meta), Arc::new(block.data), &Cache::new(1 << 20));
        self.blocks.push(opened.map_err(MergeError::reading(options.block_id))?);
        Ok(())
    }

    /// The order of the row group with combined traces as rows of the sources from number `first` on.
    pub(super) fn place(&self, group: &Group, first: usize) -> Vec<Run> {
        let numbered = (first as u32..).zip(&self.rows);
        let mut combined =
            numbered.flat_map(|(source, &rows)| (0..rows).map(move |first_row| (source, first_row)));
        let step = |step: &Step| match *step {
            Step::Copy(run) => Some(run),
            Step::Combined => combined.next().map(|(source, first_row)| Run { source, first_row, rows: 1 }),
        };
        group.steps.iter().filter_map(step).collect()
    }
}

/// All parts, those of the first input first.
fn gather(readers: &[BlockReader], batch: &[Parts]) -> Result<Columns, MergeError> {
    let mut columns = Columns::new();
    let mut remap = Remap::new();
    for (number, reader) in (0_u32..).zip(readers) {
        let parts = batch.iter().flat_map(|trace| &trace.rows);
        let rows: Vec<u32> = parts.filter(|(input, _)| *input == number).map(|(_, row)| *row).collect();
        if rows.is_empty() {
            continue;
        }
        let read = reader.read_traces(&rows, &Projection::full());
        let read = read.map_err(MergeError::reading(reader.meta().block_id))?;
        let all: Vec<u32> = (0..read.columns.spans.len() as u32).collect();
        columns.append_rows_with(&mut remap, &read.columns, &all).map_err(|full| MergeError::Limit {
            what: full.what,
            actual: u64::from(u32::MAX),
            limit: u64::from(u32::MAX),
        })?;
    }
    Ok(columns)
}
