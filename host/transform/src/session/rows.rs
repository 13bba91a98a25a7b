//! Rows of tables and the rows above them.

use super::Session;
use crate::plan::Scope;
use cadenza_model::Columns;

/// Spans of events and links, found when first needed.
#[derive(Debug, Default)]
pub(crate) struct Ancestors {
    events: Option<Vec<u32>>,
    links: Option<Vec<u32>>,
}

/// Number of rows of a table.
pub(crate) fn rows_of(columns: &Columns, scope: Scope) -> usize {
    match scope {
        Scope::Resource => columns.resources.schema_url.len(),
        Scope::Instrumentation => columns.scopes.name.len(),
        Scope::Span => columns.spans.len(),
        Scope::Event => columns.events.time_ns.len(),
        Scope::Link => columns.links.flags.len(),
    }
}

/// Appends the owner of each child.
pub(crate) fn put_owners(out: &mut Vec<u32>, ends: &[u32]) {
    let mut start = 0;
    for (row, &end) in ends.iter().enumerate() {
        out.resize(out.len() + (end - start) as usize, row as u32);
        start = end;
    }
}

impl Ancestors {
    pub(crate) fn clear(&mut self) {
        self.events = None;
        self.links = None;
    }

    fn find(&mut self, columns: &Columns, scope: Scope) {
        let (slot, ends) = match scope {
            Scope::Event => (&mut self.events, &columns.spans.event_ends),
            Scope::Link => (&mut self.links, &columns.spans.link_ends),
            Scope::Resource | Scope::Instrumentation | Scope::Span => return,
        };
        slot.get_or_insert_with(|| {
            let mut owners = Vec::new();
            put_owners(&mut owners, ends);
            owners
        });
    }

    /// The row above `row` of table `from` in table `to`.
    #[inline]
    fn of(&self, columns: &Columns, from: Scope, row: u32, to: Scope) -> u32 {
        let (mut at, mut row) = (from, row as usize);
        while at != to {
            let above = match at {
                Scope::Event => self.events.as_ref().map_or(0, |owners| owners[row]),
                Scope::Link => self.links.as_ref().map_or(0, |owners| owners[row]),
                Scope::Span => columns.spans.scope[row],
                Scope::Instrumentation => columns.scopes.resource[row],
                Scope::Resource => break,
            };
            row = above as usize;
            at = at.parent().unwrap_or(to);
        }
        row as u32
    }
}

impl Session {
    /// Reports for each row of table `below` its row in table `above`, which is the same or above it.
    pub(crate) fn each_row_under(
        &mut self,
        columns: &Columns,
        above: Scope,
        below: Scope,
        mut visit: impl FnMut(u32, u32),
    ) {
        self.ancestors.find(columns, below);
        for row in 0..rows_of(columns, below) as u32 {
            visit(row, self.ancestors.of(columns, below, row, above));
        }
    }
}
