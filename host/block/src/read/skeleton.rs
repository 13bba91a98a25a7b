//! Where rows, resources and scopes start, counted in spans.
//!
//! Any leaf below the spans shows it by its repetition levels, so it is built once from the smallest one.
//! A *slot* is a place for a span (or scope, or resource): a list without elements has one empty slot, in
//! all leaves alike, so slot numbers agree between leaves.

use super::ReadError;
use super::file::FileIndex;
use super::page::{Planes, Ranked};
use super::source::{LeafReader, Source, at, misfit};
use crate::schema::List;
use std::ops::Range;

/// Starts of the lists of one row group; every vector ends with the total.
#[derive(Debug, Default)]
pub(crate) struct Skeleton {
    /// First span slot by row.
    row_span: Vec<u32>,
    /// First resource slot by row.
    row_resource: Vec<u32>,
    /// First scope slot by row.
    row_scope: Vec<u32>,
    /// First span slot by resource slot.
    resource_span: Vec<u32>,
    /// First span slot by scope slot.
    scope_span: Vec<u32>,
}

/// The lists that predicates are combined over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Rows.
    Trace,
    /// Resources.
    Resource,
    /// Scopes.
    Scope,
    /// Spans, and what lies in them.
    Span,
}

impl Level {
    /// Where entries of `list` are counted.
    pub(crate) fn of(list: List) -> Self {
        match list.depth() {
            0 => Self::Trace,
            1 if list == List::ServiceStats => Self::Trace,
            _ if under(list, List::Span) => Self::Span,
            _ if under(list, List::Scope) => Self::Scope,
            _ => Self::Resource,
        }
    }

    /// An entry whose repetition level is at most this starts a new slot.
    pub(crate) fn rep(self) -> u8 {
        match self {
            Self::Trace => 0,
            Self::Resource => 1,
            Self::Scope => 2,
            Self::Span => 3,
        }
    }
}

fn under(list: List, ancestor: List) -> bool {
    list == ancestor || list.parent().is_some_and(|parent| under(parent, ancestor))
}

impl Skeleton {
    /// Reads the levels of the smallest leaf with one entry per span.
    pub(crate) fn build(source: &Source, index: &FileIndex, row_group: usize) -> Result<Self, ReadError> {
        let group = &index.row_groups[row_group];
        let bytes = |i: usize| group.chunks[i].range.end - group.chunks[i].range.start;
        let spans = source.schema.leaves().iter().filter(|leaf| leaf.list == List::Span);
        let Some(leaf) = spans.min_by_key(|leaf| bytes(leaf.index)) else {
            return Err(ReadError::Footer("no leaf of spans".to_owned()));
        };
        let mut reader = LeafReader::open(source, index, row_group, leaf, false)?;
        let mut out = Self::default();
        let mut planes = Planes::default();
        let mut starts = [Ranked::default(), Ranked::default(), Ranked::default()];
        let mut spans = 0usize;
        for i in 0..reader.pages.len() {
            let page = reader.page(i, |_| true)?;
            planes.decode(page.rep, leaf.rep_max, page.entries).map_err(at(leaf))?;
            for (level, starts) in starts.iter_mut().enumerate() {
                planes.at_most(level as u8, starts);
            }
            out.append(&starts, spans, page.entries);
            spans += page.entries;
        }
        if out.row_span.len() != group.rows as usize {
            return Err(misfit(leaf, "has another number of rows than the footer says"));
        }
        let spans = u32::try_from(spans).map_err(|_| misfit(leaf, "has too many entries"))?;
        out.row_resource.push(out.resource_span.len() as u32);
        out.row_scope.push(out.scope_span.len() as u32);
        out.row_span.push(spans);
        out.resource_span.push(spans);
        out.scope_span.push(spans);
        Ok(out)
    }

    fn append(&mut self, [rows, resources, scopes]: &[Ranked; 3], base: usize, entries: usize) {
        let (resource_base, scope_base) = (self.resource_span.len(), self.scope_span.len());
        let mut at = rows.next_one(0);
        while at < entries {
            self.row_span.push((base + at) as u32);
            self.row_resource.push((resource_base + resources.rank(at)) as u32);
            self.row_scope.push((scope_base + scopes.rank(at)) as u32);
            at = rows.next_one(at + 1);
        }
        for (starts, out) in [(resources, &mut self.resource_span), (scopes, &mut self.scope_span)] {
            let mut at = starts.next_one(0);
            while at < entries {
                out.push((base + at) as u32);
                at = starts.next_one(at + 1);
            }
        }
    }

    /// Where each row's spans end.
    pub(crate) fn row_span_ends(&self) -> &[u32] {
        &self.row_span[1..]
    }

    /// Number of span slots.
    pub(crate) fn spans(&self) -> usize {
        self.row_span.last().map_or(0, |&n| n as usize)
    }

    /// Number of slots of a level.
    pub(crate) fn slots(&self, level: Level) -> usize {
        match level {
            Level::Trace => self.row_span.len() - 1,
            Level::Resource => self.resource_span.len() - 1,
            Level::Scope => self.scope_span.len() - 1,
            Level::Span => self.spans(),
        }
    }

    /// First slot of `row` at a level.
    pub(crate) fn first_slot(&self, level: Level, row: u32) -> usize {
        let row = row as usize;
        match level {
            Level::Trace => row,
            Level::Resource => self.row_resource[row] as usize,
            Level::Scope => self.row_scope[row] as usize,
            Level::Span => self.row_span[row] as usize,
        }
    }

    /// The span slots below a slot.
    pub(crate) fn spans_of(&self, level: Level, slot: usize) -> Range<usize> {
        let of = |starts: &[u32]| starts[slot] as usize..starts[slot + 1] as usize;
        match level {
            Level::Trace => of(&self.row_span),
            Level::Resource => of(&self.resource_span),
            Level::Scope => of(&self.scope_span),
            Level::Span => slot..slot + 1,
        }
    }

    /// Rows that have a bit set in `spans`, as a bit per row.
    pub(crate) fn rows_with(&self, spans: &super::bitmap::Bitmap) -> super::bitmap::Bitmap {
        let mut rows = super::bitmap::Bitmap::new(self.slots(Level::Trace));
        let mut row = 0usize;
        let mut at = spans.next_one(0);
        while let Some(span) = at {
            row += self.row_span[row + 1..].partition_point(|&start| start as usize <= span);
            rows.set(row);
            at = spans.next_one(self.row_span[row + 1] as usize);
        }
        rows
    }

    /// Heap bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        4 * (3 * self.row_span.len() + self.resource_span.len() + self.scope_span.len())
    }
}
