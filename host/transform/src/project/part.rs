//! Some spans of a batch, and what belongs to them.

use crate::batch::{Selection, Table};
use crate::plan::Scope;
use crate::session::{put_owners, rows_of};
use cadenza_model::Columns;

/// A row that is not part of it.
pub(crate) const LEFT_OUT: u32 = u32::MAX;

/// By table: the row in the part of each row of the whole, and the other way round.
#[derive(Debug, Default)]
pub(super) struct NewRows {
    new: [Vec<u32>; 5],
    kept: [Vec<u32>; 5],
}

impl NewRows {
    pub(super) fn of(&self, scope: Scope) -> &[u32] {
        &self.new[scope as usize]
    }

    pub(super) fn kept(&self, scope: Scope) -> &[u32] {
        &self.kept[scope as usize]
    }

    /// Cuts a table down to the part.
    pub(super) fn narrow(&self, scope: Scope, table: &mut Table, spare: &mut Vec<u32>) {
        let kept = self.kept(scope);
        table.rows = kept.len() as u32;
        let Some(parent) = scope.parent() else { return };
        spare.clear();
        let above = self.of(parent);
        spare.extend(kept.iter().map(|&row| above[table.parent[row as usize] as usize]));
        std::mem::swap(&mut table.parent, spare);
    }
}

/// The part that has these spans.
pub(super) fn select(columns: &Columns, spans: &[u32]) -> (Selection, NewRows) {
    let mut rows = NewRows::default();
    let mut used: [Vec<bool>; 5] = Scope::ALL.map(|scope| vec![false; rows_of(columns, scope)]);
    for &span in spans {
        if let Some(used) = used[Scope::Span as usize].get_mut(span as usize) {
            *used = true;
        }
    }
    for (scope, ends) in [(Scope::Event, &columns.spans.event_ends), (Scope::Link, &columns.spans.link_ends)]
    {
        let mut owners = Vec::new();
        put_owners(&mut owners, ends);
        for (child, &span) in owners.iter().enumerate() {
            used[scope as usize][child] = used[Scope::Span as usize][span as usize];
        }
    }
    for (span, &scope) in columns.spans.scope.iter().enumerate() {
        if used[Scope::Span as usize][span] {
            used[Scope::Instrumentation as usize][scope as usize] = true;
            let resource = columns.scopes.resource[scope as usize];
            used[Scope::Resource as usize][resource as usize] = true;
        }
    }
    for (table, used) in used.iter().enumerate() {
        for (row, &used) in used.iter().enumerate() {
            let new = if used { rows.kept[table].len() as u32 } else { LEFT_OUT };
            rows.new[table].push(new);
            if used {
                rows.kept[table].push(row as u32);
            }
        }
    }
    (Selection { rows: rows.kept.clone() }, rows)
}
