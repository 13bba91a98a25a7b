//! Search in the rows of blocks.

use super::{PIECE_MAX, Search, pieces};
use crate::QueryError;
use crate::gather::{append, distinct_rows, live_rows, stored_rows};
use cadenza_block::read::BlockReader;
use cadenza_model::Columns;
use cadenza_store::StoredBlock;
use cadenza_wal::Sections;
use std::sync::Arc;

/// A row that may match. Its trace starts at `start_ns` or earlier.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    start_ns: u64,
    row: u32,
}

impl Search<'_> {
    /// Goes through the blocks, newest end first, until those left can add nothing to the newest traces.
    pub(super) fn blocks(&mut self) -> Result<(), QueryError> {
        let blocks = Arc::clone(&self.blocks);
        for block in blocks.iter() {
            let meta = block.meta();
            self.inspected.blocks += 1;
            self.inspected.jobs += 1;
            self.inspected.block_bytes += meta.size;
            self.budget.check()?;
            if self.is_settled(block.end_ns()) {
                continue;
            }
            let done = match block.reader() {
                Ok(reader) => self.block(block, &reader)?,
                Err(error) => Err(error.to_string()),
            };
            match done {
                Ok(()) => self.inspected.jobs_done += 1,
                Err(error) => self.missing.note(format!("block {}: {error}", meta.block_id)),
            }
        }
        Ok(())
    }

    /// The outer error ends the query, the inner one costs the block.
    fn block(&mut self, block: &StoredBlock, reader: &BlockReader) -> Result<Result<(), String>, QueryError> {
        let window = self.request.range.start_ns()..self.request.range.end_ns();
        let found = match reader.candidates(&self.matcher.filter, window) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let rows = found.rows.iter().zip(&found.start_ns);
        let mut list: Vec<Candidate> = rows.map(|(&row, &start_ns)| Candidate { start_ns, row }).collect();
        self.budget.holds(list.len() * size_of::<Candidate>())?;
        list.sort_unstable_by(|a, b| b.start_ns.cmp(&a.start_ns).then_with(|| a.row.cmp(&b.row)));
        let mut at = 0;
        for piece in pieces(list.len()).take_while(|piece| piece.len() < PIECE_MAX) {
            if self.is_settled(list[at].start_ns) {
                return Ok(Ok(()));
            }
            at = piece.end;
            if let Err(error) = self.rows(block, reader, &list[piece])? {
                return Ok(Err(error));
            }
        }
        // Rows of near times lie anywhere in the file. If the newest few did not settle it, the rest is read
        // in the order of the file, each page once.
        let rest = &mut list[at..];
        rest.sort_unstable_by_key(|candidate| candidate.row);
        for piece in rest.chunks(PIECE_MAX) {
            let still: Vec<Candidate> =
                piece.iter().copied().filter(|candidate| !self.is_settled(candidate.start_ns)).collect();
            if let Err(error) = self.rows(block, reader, &still)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Reads some rows, completes their traces and evaluates them.
    fn rows(
        &mut self,
        block: &StoredBlock,
        reader: &BlockReader,
        candidates: &[Candidate],
    ) -> Result<Result<(), String>, QueryError> {
        self.budget.check()?;
        let mut rows: Vec<u32> = candidates.iter().map(|candidate| candidate.row).collect();
        rows.sort_unstable();
        let read = match reader.read_traces(&rows, &self.matcher.projection) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.inspected.bytes += read.columns.memory_bytes() as u64;
        self.budget.holds(read.columns.memory_bytes())?;
        let mut whole = Vec::new();
        let mut start = 0;
        for (info, &end) in read.infos.iter().zip(&read.trace_ends) {
            let rows = start..end;
            start = end;
            if !self.seen.insert(info.trace_id) {
                continue;
            }
            let mut others = Columns::new();
            let id = &info.trace_id;
            live_rows(self.snapshot, id, Sections::ALL, &mut others, &mut self.missing)?;
            let except = Some(block.meta().block_id);
            let projection = &self.matcher.projection;
            stored_rows(&self.near, id, except, projection, &mut others, &mut self.missing)?;
            if others.spans.is_empty() {
                whole.push(distinct_rows(&read.columns, rows));
                continue;
            }
            // A trace in several places is evaluated as one.
            let own: Vec<u32> = rows.collect();
            append(&mut others, &read.columns, &own)?;
            let rows = distinct_rows(&others, 0..others.spans.len() as u32);
            self.judge(&others, &[rows])?;
        }
        self.judge(&read.columns, &whole)?;
        Ok(Ok(()))
    }
}
