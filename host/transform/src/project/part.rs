//! Some spans of a batch, and what belongs to them.

use crate::batch::{Selection, Table};
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

    /// Cuts a table down to the part.
    pub(super) fn narrow(&self, scope: Scope, table: &mut Table, spare: &mut Vec<u32>) {
        let kept = self.kept(scope);
        table.rows = kept.len() as u32;
        let Some(parent) = scope.parent() else { return };
        spare.clear();
        let above = self.of(parent);
        spare.extend(kept.iter().filter_map(|&row| above.get(table.parent[row as usize])));
        std::mem::swap(&mut table.parent, spare);
    }
}

/// The part that has these spans: ascending, those that there are.
pub(super) fn select(columns: &Columns, spans: &[u32]) -> (Selection, NewRows) {
    let end = spans.partition_point(|&span| (span as usize) < columns.spans.len());
    let spans = &spans[..end];
    let below = |of: &dyn Fn(usize) -> Range<usize>| -> Vec<u32> {
        spans.iter().flat_map(|&span| of(span as usize)).map(|row| row as u32).collect()
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
        (Scope::Event, below(&|span| columns.spans.events(span))),
        (Scope::Link, below(&|span| columns.spans.links(span))),
    ] {
        rows.0[scope as usize] = Rows::new(kept);
    }
    (Selection { rows: Scope::ALL.map(|scope| rows.kept(scope).to_vec()) }, rows)
}
