//! Masks of text that is no attribute: names, messages, states, schema URLs.

use super::Running;
use super::rules::masked;
use crate::compile::TextField;
use crate::pattern::{Finder, Sub};
use crate::session::{Session, Stamped};
use cadenza_model::{Code, Columns};

/// Codes of a field of text, one per row.
pub(crate) fn codes_mut(columns: &mut Columns, field: TextField) -> &mut Vec<Code> {
    match field {
        TextField::SpanName => &mut columns.spans.name,
        TextField::StatusMessage => &mut columns.spans.message,
        TextField::TraceState => &mut columns.spans.trace_state,
        TextField::EventName => &mut columns.events.name,
        TextField::ScopeName => &mut columns.scopes.name,
        TextField::ScopeVersion => &mut columns.scopes.version,
        TextField::LinkTraceState => &mut columns.links.trace_state,
        TextField::ResourceSchemaUrl => &mut columns.resources.schema_url,
        TextField::ScopeSchemaUrl => &mut columns.scopes.schema_url,
    }
}

impl Session {
    /// Writes a text of a row.
    pub(crate) fn set_text(&mut self, columns: &mut Columns, field: TextField, row: usize, code: Code) {
        codes_mut(columns, field)[row] = code;
        self.stale = true;
        self.counts.updated += 1;
    }

    pub(super) fn mask_text(
        &mut self,
        running: &Running<'_>,
        field: TextField,
        finders: &[(Finder, Sub)],
        unless: &[Finder],
        columns: &mut Columns,
    ) {
        let mut codes = std::mem::take(codes_mut(columns, field));
        let mut out = std::mem::take(&mut self.out);
        let mut spare = Vec::new();
        let mut memo: Stamped<Code> = Stamped::default();
        let dict = if field.is_name() { &mut columns.names } else { &mut columns.values };
        memo.start(dict.len(), 0);
        let mut edits = Vec::new();
        for (row, &code) in codes.iter().enumerate() {
            if code == 0 || running.mask.is_some_and(|mask| !mask[row]) {
                continue;
            }
            let new = memo.get(code.into()).unwrap_or_else(|| {
                out.clear();
                let hit =
                    masked(dict.get(code), finders, unless, &running.compiled.keyed, &mut out, &mut spare);
                let new = if hit { dict.intern(&out) } else { code };
                memo.set(code.into(), new);
                new
            });
            if new != code {
                edits.push((row, new));
            }
        }
        std::mem::swap(codes_mut(columns, field), &mut codes);
        self.out = out;
        for (row, new) in edits {
            self.set_text(columns, field, row, new);
        }
        self.new_names(running.programs, columns);
    }
}
