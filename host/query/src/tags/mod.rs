//! Names and values of attributes, as far as a lenient filter and the range say.
//!
//! Blocks answer from dictionaries and pages where these tell which spans pass, else row by row.

mod names;
mod values;

pub(crate) use names::names;
pub(crate) use values::values;

use crate::pushdown::{exact_filter, filter};
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{Inspected, Missing, QueryError, QueryLimits, TagScope, TimeRange};
use cadenza_block::read::{BlockReader, Filter, Projection, ReadError};
use cadenza_model::{Attrs, Columns};
use cadenza_store::StoredBlock;
use cadenza_traceql::plan::{Condition, condition, is_span_local};
use cadenza_traceql::{Program, condition_groups, lenient_filter};
use cadenza_wal::Sections;
use std::ops::Range;

/// Rows of a block read at once.
const CHUNK_ROWS: usize = 1024;

/// Rows that pass the request's filter, in columns.
struct Wanted {
    condition: Condition,
    /// For blocks, if it is not a superset only.
    exact: Option<Filter>,
    program: Program,
}

impl Wanted {
    fn new(text: &str, groups_max: usize) -> Result<Self, QueryError> {
        let found = lenient_filter(text);
        if let Some(found) = &found
            && groups_max > 0
            && condition_groups(&found.expr) > groups_max as u64
        {
            return Err(QueryError::ConditionGroups { max: groups_max });
        }
        let (pushed, is_exact) = match &found {
            Some(found) => condition(&found.expr),
            None => (Condition::True, true),
        };
        let exact = exact_filter(&pushed).filter(|_| is_exact);
        // Exactly, where a span can answer alone; else by what a span can answer.
        let program = found.and_then(|found| Program::compile_filter(&found).ok());
        let program = program.filter(|program| program.fields().all(is_span_local));
        let program = program.unwrap_or_else(|| Program::compile_condition(&pushed));
        Ok(Self { condition: pushed, exact, program })
    }

    fn rows(&self, columns: &Columns, rows: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut bound = self.program.bind(columns);
        rows.filter(|&row| bound.matches_row(row)).collect()
    }
}

/// A walk over everything in range.
struct Walk<'a> {
    snapshot: &'a Snapshot,
    wanted: &'a Wanted,
    range: &'a TimeRange,
    /// Newest blocks looked at; 0 for all.
    blocks_max: usize,
    projection: &'a Projection,
    budget: &'a Budget,
    missing: Missing,
    inspected: Inspected,
}

/// Takes what passes; false ends the walk.
trait Collect {
    /// Rows in columns.
    fn rows(&mut self, columns: &Columns, rows: &[u32]) -> bool;

    /// A block, without reading rows; `None` if that cannot be.
    fn block(
        &mut self,
        reader: &BlockReader,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<bool>, ReadError>;
}

impl<'a> Walk<'a> {
    fn new(
        snapshot: &'a Snapshot,
        limits: &QueryLimits,
        wanted: &'a Wanted,
        range: &'a TimeRange,
        projection: &'a Projection,
        budget: &'a Budget,
    ) -> Self {
        let (missing, inspected) = (Missing::default(), Inspected::default());
        Self {
            snapshot,
            wanted,
            range,
            blocks_max: limits.tag_blocks_max,
            projection,
            budget,
            missing,
            inspected,
        }
    }

    fn run(&mut self, collect: &mut dyn Collect) -> Result<(), QueryError> {
        if !self.live(collect)? {
            return Ok(());
        }
        let blocks_max = if self.blocks_max == 0 { usize::MAX } else { self.blocks_max };
        let snapshot = self.snapshot;
        let range = *self.range;
        let in_range = snapshot
            .blocks
            .iter()
            .filter(|block| range.overlaps(block.meta().start_time.ns(), block.end_ns()));
        for block in in_range.take(blocks_max) {
            if !self.block(block, collect)? {
                break;
            }
        }
        Ok(())
    }

    fn live(&mut self, collect: &mut dyn Collect) -> Result<bool, QueryError> {
        let Some(live) = &self.snapshot.live else { return Ok(true) };
        self.inspected.jobs += 1;
        for frame in
            live.frames().iter().filter(|frame| self.range.overlaps(frame.start_ns(), frame.end_ns()))
        {
            self.budget.check()?;
            match live.read(frame, Sections::ALL) {
                Ok(columns) => {
                    let rows = self.wanted.rows(&columns, frame.live_rows());
                    if !collect.rows(&columns, &rows) {
                        return Ok(false);
                    }
                }
                Err(error) => self.missing.note(format!("write-ahead log: {error}")),
            }
        }
        self.inspected.jobs_done += 1;
        Ok(true)
    }

    fn block(&mut self, block: &StoredBlock, collect: &mut dyn Collect) -> Result<bool, QueryError> {
        self.inspected.blocks += 1;
        self.inspected.jobs += 1;
        self.inspected.block_bytes += block.meta().size;
        let block_id = block.meta().block_id;
        let pushed = filter(&self.wanted.condition);
        let window = self.range.start_ns()..self.range.end_ns();
        let found = block.reader().map_err(|error| error.to_string()).and_then(|reader| {
            let whole = match &self.wanted.exact {
                Some(exact) => collect.block(&reader, exact, &window).map_err(|error| error.to_string())?,
                None => None,
            };
            if let Some(goes_on) = whole {
                return Ok(Err(goes_on));
            }
            let rows = reader.candidates(&pushed, window).map_err(|error| error.to_string())?;
            Ok(Ok((reader, rows.rows)))
        });
        let (reader, rows) = match found {
            Ok(Ok(found)) => found,
            Ok(Err(goes_on)) => {
                self.inspected.jobs_done += 1;
                return Ok(goes_on);
            }
            Err(error) => {
                self.missing.note(format!("block {block_id}: {error}"));
                return Ok(true);
            }
        };
        for chunk in rows.chunks(CHUNK_ROWS) {
            self.budget.check()?;
            match reader.read_traces(chunk, self.projection) {
                Ok(read) => {
                    self.inspected.bytes += read.columns.memory_bytes() as u64;
                    let rows = self.wanted.rows(&read.columns, 0..read.columns.spans.len() as u32);
                    if !collect.rows(&read.columns, &rows) {
                        return Ok(false);
                    }
                }
                Err(error) => self.missing.note(format!("block {block_id}: {error}")),
            }
        }
        self.inspected.jobs_done += 1;
        Ok(true)
    }
}

/// The attribute lists of a span's row in a scope: (set, owner) pairs.
fn lists(columns: &Columns, row: u32, scope: TagScope) -> (&Attrs, std::ops::Range<usize>) {
    let row = row as usize;
    let one = |at: usize| at..at + 1;
    match scope {
        TagScope::Resource => (&columns.resource_attrs, one(columns.resource_of(row))),
        TagScope::Instrumentation => (&columns.scope_attrs, one(columns.spans.scope[row] as usize)),
        TagScope::Event => (&columns.event_attrs, columns.spans.events(row)),
        TagScope::Link => (&columns.link_attrs, columns.spans.links(row)),
        TagScope::Span | TagScope::Intrinsic => (&columns.span_attrs, one(row)),
    }
}
