//! The plan: which rows of which inputs, in which order, in which row group.

use super::{MergeError, MergeOptions};
use crate::read::{BlockReader, ReadError};
use cadenza_model::TraceId;

/// Neighbouring rows of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) source: u32,
    pub(super) first_row: u32,
    pub(super) rows: u32,
}

/// A trace that several inputs have a part of: (input, row) of each, in order of the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) rows: Vec<(u32, u32)>,
    /// Spans of all parts.
    pub(super) spans: u64,
}

/// What stands in the order at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Rows as they are.
    Copy(Run),
    /// The next trace of [`Group::combined`].
    Combined,
}

/// The rows of one row group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) steps: Vec<Step>,
    pub(super) combined: Vec<Parts>,
    /// Ids in order.
    pub(super) traces: Vec<TraceId>,
    /// Spans of all rows, before any are found to be the same.
    pub(super) spans: u64,
    bytes: f64,
}

/// One input's rows.
struct Rows {
    ids: Vec<TraceId>,
    /// Where each row's spans end, counted over the file.
    span_ends: Vec<u32>,
    /// First row and bytes per span of each row group.
    densities: Vec<(u32, f64)>,
    next: usize,
}

impl Rows {
    fn read(reader: &BlockReader) -> Result<Self, ReadError> {
        let index = reader.source.index()?;
        let ids = reader.trace_ids(&index)?;
        let (mut span_ends, mut densities, mut base) = (Vec::with_capacity(ids.len()), Vec::new(), 0);
        for (row_group, group) in index.row_groups.iter().enumerate() {
            let skeleton = crate::read::skeleton::Skeleton::build(&reader.source, &index, row_group)?;
            span_ends.extend(skeleton.row_span_ends().iter().map(|end| base + end));
            let spans = skeleton.spans() as u32;
            base = base.checked_add(spans).ok_or(ReadError::Limit {
                what: "number of spans",
                actual: u64::from(base) + u64::from(spans),
                limit: u32::MAX.into(),
            })?;
            let bytes: u64 = group.chunks.iter().map(|chunk| chunk.raw_bytes).sum();
            densities.push((group.first_row, bytes as f64 / f64::from(spans.max(1))));
        }
        Ok(Self { ids, span_ends, densities, next: 0 })
    }

    fn head(&self) -> Option<TraceId> {
        self.ids.get(self.next).copied()
    }

    /// Spans and raw bytes of the next row.
    fn weight(&self) -> (u64, f64) {
        let start = if self.next == 0 { 0 } else { self.span_ends[self.next - 1] };
        let spans = self.span_ends[self.next] - start;
        let group = self.densities.partition_point(|(first, _)| *first as usize <= self.next) - 1;
        (spans.into(), f64::from(spans) * self.densities[group].1)
    }
}

/// Walks all inputs at once.
pub(super) struct Order {
    inputs: Vec<Rows>,
    bytes_max: f64,
    spans_max: u64,
}

impl Order {
    pub(super) fn new(readers: &[BlockReader], options: &MergeOptions) -> Result<Self, MergeError> {
        let read =
            |reader: &BlockReader| Rows::read(reader).map_err(MergeError::reading(reader.meta().block_id));
        Ok(Self {
            inputs: readers.iter().map(read).collect::<Result<_, _>>()?,
            bytes_max: options.row_group_bytes_max as f64,
            spans_max: options.row_group_spans_max as u64,
        })
    }

    /// Rows of the output if no trace is in two inputs.
    pub(super) fn rows_at_most(&self) -> usize {
        self.inputs.iter().map(|input| input.ids.len()).sum()
    }

    /// The next row group; `None` at the end.
    pub(super) fn next_group(&mut self) -> Result<Option<Group>, MergeError> {
        let mut group = Group::default();
        while let Some(id) = self.inputs.iter().filter_map(Rows::head).min() {
            let heads = self.inputs.iter().enumerate().filter(|(_, rows)| rows.head() == Some(id));
            let holders: Vec<usize> = heads.map(|(i, _)| i).collect();
            let weights = holders.iter().map(|&i| self.inputs[i].weight());
            let (spans, bytes) = weights.fold((0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let full = group.spans + spans > self.spans_max || group.bytes + bytes > self.bytes_max;
            if full && !group.traces.is_empty() {
                break;
            }
            group.spans += spans;
            group.bytes += bytes;
            group.traces.push(id);
            let rows = holders.iter().map(|&i| (i as u32, self.inputs[i].next as u32)).collect::<Vec<_>>();
            match *rows {
                [(source, row)] => group.copy(source, row),
                _ => {
                    group.steps.push(Step::Combined);
                    group.combined.push(Parts { rows, spans });
                }
            }
            holders.iter().for_each(|&i| self.inputs[i].next += 1);
        }
        Ok((!group.traces.is_empty()).then_some(group))
    }
}

impl Group {
    fn copy(&mut self, source: u32, row: u32) {
        match self.steps.last_mut() {
            Some(Step::Copy(run)) if run.source == source && run.first_row + run.rows == row => run.rows += 1,
            _ => self.steps.push(Step::Copy(Run { source, first_row: row, rows: 1 })),
        }
    }
}
