//! An open block.

use super::cache::Cache;
use super::file::FileIndex;
use super::filter::{AttrScope, Candidates, Field, Filter, StrTest, Test};
use super::page::Values;
use super::projection::Projection;
use super::rows::{self, TraceRows};
use super::scan::{self, Distinct};
use super::source::{LeafReader, Source, at, misfit};
use super::{RangeRead, ReadError, ReadStats};
use crate::meta::BlockMeta;
use crate::schema::{Column, Owner, Schema};
use cadenza_model::TraceId;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Most rows of one [`BlockReader::read_traces`]: their spans share 32-bit offsets.
pub const ROWS_PER_READ_MAX: usize = 1 << 20;

/// Reads one block. Cheap to keep: what it decoded lives in the shared [`Cache`].
pub struct BlockReader {
    pub(crate) source: Source,
    /// Whether some link says that its span has a parent after all; asked once.
    tied_roots: OnceLock<bool>,
}

impl std::fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockReader").field("block", &self.source.meta.block_id).finish_non_exhaustive()
    }
}

impl BlockReader {
    /// Checks version, footer and leaves; reads nothing else.
    pub fn open(meta: Arc<BlockMeta>, io: Arc<dyn RangeRead>, cache: &Arc<Cache>) -> Result<Self, ReadError> {
        let schema = meta.schema()?;
        let source = Source { meta, schema, io, cache: cache.clone(), stats: ReadStats::default() };
        source.index()?;
        Ok(Self { source, tied_roots: OnceLock::new() })
    }

    /// The block's meta.
    pub fn meta(&self) -> &Arc<BlockMeta> {
        &self.source.meta
    }

    /// The leaves of its data.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.source.schema
    }

    /// What reading has cost.
    pub fn stats(&self) -> &ReadStats {
        &self.source.stats
    }

    /// Number of rows.
    pub fn rows(&self) -> Result<u32, ReadError> {
        Ok(self.source.index()?.rows)
    }

    /// Number of rows of each row group.
    pub fn row_group_rows(&self) -> Result<Vec<u32>, ReadError> {
        Ok(self.source.index()?.row_groups.iter().map(|group| group.rows).collect())
    }

    /// The row of a trace.
    pub fn find_trace(&self, id: &TraceId) -> Result<Option<u32>, ReadError> {
        let index = self.source.index()?;
        let leaf = self.source.leaf(Column::TraceId)?;
        for (row_group, group) in index.row_groups.iter().enumerate() {
            let mut reader = LeafReader::open(&self.source, &index, row_group, leaf, true)?;
            let pages = reader.pages.clone();
            let bounds = &group.trace_ids;
            let known = bounds.len() == pages.len();
            // Ids ascend, so at most one page holds it; without bounds each page is looked at.
            let range = if known {
                let first = bounds.partition_point(|(_, max)| max < id);
                let last = first + bounds[first..].iter().take_while(|(min, _)| min <= id).count();
                first..last
            } else {
                0..pages.len()
            };
            for i in range.clone() {
                let page = reader.page(i, |_| !known)?;
                let mut values = Vec::new();
                let decoded = page
                    .decode(super::page::Physical::Bytes, None, Some(page.entries), &mut values)
                    .map_err(at(leaf))?;
                let Values::Bytes(ids) = decoded else { return Err(misfit(leaf, "is dictionary-coded")) };
                if let Some(row) = ids.iter().position(|bytes| bytes == id.0) {
                    return Ok(Some(group.first_row + pages[i].first_row + row as u32));
                }
            }
        }
        Ok(None)
    }

    /// The trace id of each row.
    pub(crate) fn trace_ids(&self, index: &FileIndex) -> Result<Vec<TraceId>, ReadError> {
        let leaf = self.source.leaf(Column::TraceId)?;
        let mut out: Vec<TraceId> = Vec::with_capacity(index.rows as usize);
        for row_group in 0..index.row_groups.len() {
            let mut reader = LeafReader::open(&self.source, index, row_group, leaf, true)?;
            for i in 0..reader.pages.len() {
                let page = reader.page(i, |_| true)?;
                let mut pool = Vec::new();
                let decoded = page
                    .decode(super::page::Physical::Bytes, None, Some(page.entries), &mut pool)
                    .map_err(at(leaf))?;
                let Values::Bytes(ids) = decoded else { return Err(misfit(leaf, "is dictionary-coded")) };
                for bytes in ids.iter() {
                    let id =
                        TraceId(bytes.try_into().map_err(|_| misfit(leaf, "has an id of another length"))?);
                    if out.last().is_some_and(|last| *last >= id) {
                        return Err(misfit(leaf, "is not in ascending order"));
                    }
                    out.push(id);
                }
            }
        }
        if out.len() != index.rows as usize {
            return Err(misfit(leaf, "has another number of rows than the footer says"));
        }
        Ok(out)
    }

    /// The traces that may have a span that fulfils `filter`, and that overlap the window (both ends in
    /// nanoseconds since the epoch, both inclusive). Never misses one.
    pub fn candidates(&self, filter: &Filter, window: Range<u64>) -> Result<Candidates, ReadError> {
        let index = self.source.index()?;
        scan::candidates(&self.source, &index, filter, &window)
    }

    /// The names of the attributes that each of `owners` has, in the spans that fulfil `filter` and the traces
    /// that overlap the window. `None` if the pages alone cannot tell which spans do: read the rows then.
    pub fn attribute_names(
        &self,
        owners: &[Owner],
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<Vec<BTreeSet<String>>>, ReadError> {
        scan::names(&self.source, &*self.source.index()?, owners, filter, window)
    }

    /// The distinct values of a field in the same spans, or `None` as there.
    pub fn distinct_values(
        &self,
        field: &Field,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<Distinct>, ReadError> {
        scan::values(&self.source, &*self.source.index()?, field, filter, window)
    }

    /// The traces of these rows, which ascend.
    pub fn read_traces(&self, rows: &[u32], projection: &Projection) -> Result<TraceRows, ReadError> {
        let index = self.source.index()?;
        if rows.len() > ROWS_PER_READ_MAX {
            let what = "number of traces read at once";
            return Err(ReadError::Limit {
                what,
                actual: rows.len() as u64,
                limit: ROWS_PER_READ_MAX as u64,
            });
        }
        if let Some(pair) = rows.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(ReadError::Order { before: pair[0], row: pair[1] });
        }
        if let Some(&row) = rows.last()
            && row >= index.rows
        {
            return Err(ReadError::Row { row, rows: index.rows });
        }
        if !projection.is_full() && self.has_tied_roots(&index)? {
            return rows::read(&self.source, &index, rows, &projection.clone().with_ties());
        }
        rows::read(&self.source, &index, rows, projection)
    }

    /// Links of this kind decide which span is the root of a trace, so they are read with every trace; but
    /// hardly any block has them.
    fn has_tied_roots(&self, index: &FileIndex) -> Result<bool, ReadError> {
        if let Some(&known) = self.tied_roots.get() {
            return Ok(known);
        }
        let ties = Filter::Is(
            Field::attr(AttrScope::Link, "opentracing.ref_type"),
            Test::Str(StrTest::Eq("child_of".to_owned())),
        );
        let found = scan::candidates(&self.source, index, &ties, &(0..u64::MAX))?;
        Ok(*self.tied_roots.get_or_init(|| !found.rows.is_empty()))
    }
}
