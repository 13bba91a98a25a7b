//! Some spans of a batch, and what belongs to them.

use crate::batch::Selection;
use crate::plan::Scope;
use cadenza_model::Columns;
use std::ops::Range;

/// A row that is not part of it.
const LEFT_OUT: u32 = u32::MAX;

/// Rows of a table that are part of it.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Row in the part of each row from `first` to the last one: parts are runs of rows as a rule, and what lies
    /// outside is not looked at.
    new: Vec<u32>,
    first: u32,
    /// The rows.
    kept: Vec<u32>,
}

impl Rows {
    /// From ascending rows.
    fn new(kept: Vec<u32>) -> Self {
        let (Some(&first), Some(&last)) = (kept.first(), kept.last()) else { return Self::default() };
        let mut new = vec![LEFT_OUT; (last - first + 1) as usize];
        for (row, &of_whole) in (0..).zip(&kept) {
            new[(of_whole - first) as usize] = row;
        }
        Self { new, first, kept }
    }

    /// The row in the part of a row of the whole.
    #[inline]
    pub(super) fn get(&self, row: u32) -> Option<u32> {
        let row = self.new.get(row.wrapping_sub(self.first) as usize).copied();
        row.filter(|&row| row != LEFT_OUT)
    }

    /// The run of items, ascending by row, that the part's rows lie in.
    pub(super) fn run<'a, T>(&self, items: &'a [T], row: impl Fn(&T) -> u32) -> &'a [T] {
        let start = items.partition_point(|item| row(item) < self.first);
        let end = items.partition_point(|item| row(item) < self.first + self.new.len() as u32);
        &items[start..end]
    }
}

/// By table: its rows.
#[derive(Debug, Default)]
pub(super) struct NewRows([Rows; 5]);

impl NewRows {
    pub(super) fn of(&self, scope: Scope) -> &Rows {
        &self.0[scope as usize]
    }

    pub(super) fn kept(&self, scope: Scope) -> &[u32] {
        &self.of(scope).kept
    }

    /// Row in the parent's table of each row of a table.
    pub(super) fn put_parents(&self, scope: Scope, columns: &Columns, out: &mut Vec<u32>) {
        let kept = self.kept(scope);
        let mut through = |parent: Scope, of: &[u32]| {
            out.extend(kept.iter().filter_map(|&row| self.of(parent).get(of[row as usize])));
        };
        match scope {
            Scope::Resource => {}
            Scope::Instrumentation => through(Scope::Resource, &columns.scopes.resource),
            Scope::Span => through(Scope::Instrumentation, &columns.spans.scope),
            Scope::Event | Scope::Link => {
                for (row, &span) in (0..).zip(self.kept(Scope::Span)) {
                    let below = children(columns, scope, span);
                    out.extend(std::iter::repeat_n(row, below.len()));
                }
            }
        }
    }

    /// The rows alone, which edits of the part go by.
    pub(super) fn into_selection(self) -> Selection {
        Selection { rows: self.0.map(|rows| rows.kept) }
    }
}

/// Events or links of a span.
fn children(columns: &Columns, scope: Scope, span: u32) -> Range<usize> {
    match scope {
        Scope::Event => columns.spans.events(span as usize),
        _ => columns.spans.links(span as usize),
    }
}

/// The part that has these spans: ascending, those that there are.
pub(super) fn select(columns: &Columns, spans: &[u32]) -> NewRows {
    let end = spans.partition_point(|&span| (span as usize) < columns.spans.len());
    let spans = &spans[..end];
    let below = |scope| -> Vec<u32> {
        spans.iter().flat_map(|&span| children(columns, scope, span)).map(|row| row as u32).collect()
    };
    let used = |rows: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
        let mut rows: Vec<u32> = rows.collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    };
    let mut last = None;
    let scopes = used(&mut spans.iter().filter_map(|&span| {
        // Neighbours have one scope as a rule.
        let scope = columns.spans.scope[span as usize];
        (last.replace(scope) != Some(scope)).then_some(scope)
    }));
    let resources = used(&mut scopes.iter().map(|&scope| columns.scopes.resource[scope as usize]));
    let mut rows = NewRows::default();
    for (scope, kept) in [
        (Scope::Resource, resources),
        (Scope::Instrumentation, scopes),
        (Scope::Span, spans.to_vec()),
        (Scope::Event, below(Scope::Event)),
        (Scope::Link, below(Scope::Link)),
    ] {
        rows.0[scope as usize] = Rows::new(kept);
    }
    rows
}
