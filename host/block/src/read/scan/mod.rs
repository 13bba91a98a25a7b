//! Which traces may match a filter, found on pages alone.
//!
//! Each condition gives a set of spans; `And` intersects sets, so that the *same* span must fulfil all,
//! and rows whose set is empty are dropped before the next condition reads a page of them. A condition
//! is evaluated once per dictionary entry, values are looked at before levels, and a page without a hit
//! has its levels left undecoded.

mod attr;
mod column;
mod distinct;
mod matcher;
mod rows;

pub use distinct::Distinct;
pub(crate) use distinct::{names, values};
pub(crate) use matcher::{Matcher, Want};

use super::ReadError;
use super::bitmap::Bitmap;
use super::fields::{column_of, owners};
use super::file::FileIndex;
use super::filter::{AttrScope, Candidates, DEPTH_MAX, Field, Filter, Intrinsic, Test};
use super::skeleton::{Level, Skeleton};
use super::source::Source;
use crate::schema::{Column, Owner};
use std::ops::Range;
use std::sync::Arc;

/// A scan of one row group.
pub(crate) struct Scan<'s> {
    pub(crate) source: &'s Source,
    pub(crate) index: &'s FileIndex,
    pub(crate) row_group: usize,
    pub(crate) skeleton: Arc<Skeleton>,
}

/// Spans that fulfil a condition.
pub(crate) struct Hits {
    pub(crate) spans: Bitmap,
    pub(crate) exact: bool,
}

/// Traces of all row groups that may match and overlap `start_ns..end_ns`.
pub(crate) fn candidates(
    source: &Source,
    index: &FileIndex,
    filter: &Filter,
    window: &Range<u64>,
) -> Result<Candidates, ReadError> {
    check_depth(filter, DEPTH_MAX)?;
    let mut out = Candidates { exact: true, ..Candidates::default() };
    for (row_group, group) in index.row_groups.iter().enumerate() {
        let times = source.cached_times(row_group, || rows::times(source, index, row_group))?;
        let mut live = rows::overlapping(&times, window);
        if live.is_empty() {
            continue;
        }
        if !matches!(filter, Filter::All) {
            let scan = Scan::new(source, index, row_group)?;
            let hits = scan.eval(filter, &live)?;
            live.and(&scan.skeleton.rows_with(&hits.spans));
            out.exact &= hits.exact;
        }
        for row in live.iter() {
            out.rows.push(group.first_row + row as u32);
            out.start_ns.push(times[row].0);
        }
    }
    Ok(out)
}

/// Evaluation recurses once per level.
pub(crate) fn check_depth(filter: &Filter, left: usize) -> Result<(), ReadError> {
    let (Filter::And(parts) | Filter::Or(parts)) = filter else { return Ok(()) };
    if left == 0 {
        let limit = DEPTH_MAX as u64;
        return Err(ReadError::Limit { what: "depth of the filter", actual: limit + 1, limit });
    }
    parts.iter().try_for_each(|part| check_depth(part, left - 1))
}

/// What evaluating a filter reads, roughly: cheap ones go first and spare the others pages.
fn cost(filter: &Filter) -> u32 {
    match filter {
        Filter::All => 100,
        Filter::And(parts) => parts.iter().map(cost).min().unwrap_or(0),
        Filter::Or(parts) => parts.iter().map(cost).max().unwrap_or(0),
        Filter::Is(_, Test::Nil) => 100,
        Filter::Is(Field::Intrinsic(intrinsic), _) => match intrinsic {
            Intrinsic::TraceId
            | Intrinsic::TraceDuration
            | Intrinsic::RootName
            | Intrinsic::RootServiceName => 1,
            Intrinsic::Kind | Intrinsic::Status => 5,
            Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => 4,
            Intrinsic::EventName | Intrinsic::EventTimeSinceStart => 10,
            Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => 10,
            Intrinsic::SpanId | Intrinsic::ParentSpanId => 20,
            _ => 6,
        },
        Filter::Is(Field::Attr(scope, _), _) => match scope {
            AttrScope::Resource | AttrScope::Instrumentation => 3,
            AttrScope::Link => 12,
            AttrScope::Event => 15,
            AttrScope::Span | AttrScope::Any => 30,
        },
    }
}

impl<'s> Scan<'s> {
    pub(crate) fn new(source: &'s Source, index: &'s FileIndex, row_group: usize) -> Result<Self, ReadError> {
        let skeleton = source.cached_skeleton(row_group, || Skeleton::build(source, index, row_group))?;
        Ok(Self { source, index, row_group, skeleton })
    }

    fn none(&self) -> Bitmap {
        Bitmap::new(self.skeleton.spans())
    }

    fn all(&self) -> Bitmap {
        Bitmap::full(self.skeleton.spans())
    }

    /// Spans in `live` rows that may fulfil the filter.
    pub(crate) fn eval(&self, filter: &Filter, live: &Bitmap) -> Result<Hits, ReadError> {
        match filter {
            Filter::All => Ok(Hits { spans: self.all(), exact: true }),
            Filter::Is(field, test) => self.condition(field, test, live),
            Filter::And(parts) => {
                let mut order: Vec<&Filter> = parts.iter().collect();
                order.sort_by_key(|part| cost(part));
                let mut out = Hits { spans: self.all(), exact: true };
                let mut live = live.clone();
                for part in order {
                    let hits = self.eval(part, &live)?;
                    out.spans.and(&hits.spans);
                    out.exact &= hits.exact;
                    live.and(&self.skeleton.rows_with(&out.spans));
                    if live.is_empty() {
                        return Ok(Hits { spans: self.none(), exact: out.exact });
                    }
                }
                Ok(out)
            }
            Filter::Or(parts) => {
                let mut out = Hits { spans: self.none(), exact: true };
                for part in parts {
                    let hits = self.eval(part, live)?;
                    out.spans.or(&hits.spans);
                    out.exact &= hits.exact;
                }
                Ok(out)
            }
        }
    }

    fn condition(&self, field: &Field, test: &Test, live: &Bitmap) -> Result<Hits, ReadError> {
        if matches!(test, Test::Nil) {
            // Hardly ever selective, and "has no value" cannot be told from one leaf.
            return Ok(Hits { spans: self.all(), exact: false });
        }
        let mut spans = self.none();
        match field {
            Field::Intrinsic(intrinsic) => {
                let exact = self.intrinsic(*intrinsic, test, live, &mut spans)?;
                Ok(Hits { spans, exact })
            }
            Field::Attr(scope, key) => {
                // An attribute that exists may still hold nothing that a condition can meet.
                let mut exact = !matches!(test, Test::Exists);
                for &owner in owners(*scope) {
                    exact &= self.attribute(owner, key, test, live, &mut spans)?;
                }
                // The span's own value decides over the resource's, which these sets cannot show.
                let both = *scope == AttrScope::Any && !spans.is_empty();
                Ok(Hits { spans, exact: exact && !both })
            }
        }
    }

    /// Columns of their own, then the generic list, which holds values of other types.
    fn attribute(
        &self,
        owner: Owner,
        key: &str,
        test: &Test,
        live: &Bitmap,
        spans: &mut Bitmap,
    ) -> Result<bool, ReadError> {
        let mut exact = true;
        for column in self.source.schema.own_of(owner, key) {
            self.column(column, Want::Test(test), live, spans)?;
            // An empty service name means that there is none.
            let takes_empty = matches!(test, Test::Str(test) if test.holds(b""));
            exact &= column != Column::ServiceName || !takes_empty;
        }
        self.generic(owner, key, test, live, spans)?;
        Ok(exact)
    }

    fn intrinsic(
        &self,
        intrinsic: Intrinsic,
        test: &Test,
        live: &Bitmap,
        spans: &mut Bitmap,
    ) -> Result<bool, ReadError> {
        let column = column_of(intrinsic);
        let is_id = matches!(
            intrinsic,
            Intrinsic::TraceId
                | Intrinsic::SpanId
                | Intrinsic::ParentSpanId
                | Intrinsic::LinkTraceId
                | Intrinsic::LinkSpanId
        );
        let want = match test {
            Test::Str(test) if is_id => Want::Hex(test),
            test => Want::Test(test),
        };
        self.column(column, want, live, spans)?;
        let wraps = matches!(
            intrinsic,
            Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart
        );
        if wraps && matches!(test, Test::Int(..)) {
            // What ends before it starts has a wrapped duration; how that compares is not decided here.
            self.column(column, Want::Test(&Test::Int(super::Cmp::Lt, 0)), live, spans)?;
        }
        Ok(!is_id && !wraps && !matches!(test, Test::Exists))
    }

    fn column(
        &self,
        column: Column,
        want: Want<'_>,
        live: &Bitmap,
        spans: &mut Bitmap,
    ) -> Result<(), ReadError> {
        let leaf = self.source.leaf(column)?;
        let level = Level::of(leaf.list);
        let mut slots = Bitmap::new(self.skeleton.slots(level));
        column::scan(self, leaf, want, live, &mut slots)?;
        self.spread(level, &slots, spans);
        Ok(())
    }

    fn generic(
        &self,
        owner: Owner,
        key: &str,
        test: &Test,
        live: &Bitmap,
        spans: &mut Bitmap,
    ) -> Result<(), ReadError> {
        let level = Level::of(owner.list());
        let mut slots = Bitmap::new(self.skeleton.slots(level));
        attr::scan(self, owner, key, test, live, &mut slots)?;
        self.spread(level, &slots, spans);
        Ok(())
    }

    /// Adds the spans below `slots`.
    fn spread(&self, level: Level, slots: &Bitmap, spans: &mut Bitmap) {
        if level == Level::Span {
            spans.or(slots);
            return;
        }
        for slot in slots.iter() {
            let range = self.skeleton.spans_of(level, slot);
            spans.set_range(range.start, range.end);
        }
    }
}
