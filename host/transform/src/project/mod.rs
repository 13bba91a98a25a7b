//! From columns of a batch to the columns that a guest asked for.

mod attributes;
mod intrinsics;
mod part;

use crate::batch::{Batch, Packed, Table};
use crate::compile::{Compiled, CompiledField};
use crate::plan::{CellEdits, Scope};
use crate::programs::Programs;
use crate::session::{Session, Stamped, put_owners, rows_of};
use cadenza_model::{Code, Columns};
use foldhash::HashMap;
use part::NewRows;

/// Working memory of projections.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    entries: Entries,
    /// By code of a key: its index in the batch.
    keys: Stamped<u32>,
    order: Vec<u32>,
    text: Vec<u8>,
}

/// Entries of a column by value.
#[derive(Debug, Default)]
struct Entries {
    texts: Stamped<u32>,
    raw: Stamped<u32>,
    scalars: HashMap<(u8, u64), u32>,
}

impl Entries {
    fn start(&mut self, columns: &Columns) {
        self.texts.start(columns.values.len(), 0);
        self.raw.start(columns.raw.len(), 0);
        self.scalars.clear();
    }
}

/// Keys of a batch, each once.
struct Keys<'a> {
    known: &'a mut Stamped<u32>,
    packed: &'a mut Packed,
}

impl Keys<'_> {
    fn index(&mut self, columns: &Columns, code: Code) -> u32 {
        self.known.get(code.into()).unwrap_or_else(|| {
            let index = self.packed.push(columns.names.get(code));
            self.known.set(code.into(), index);
            index
        })
    }
}

impl Compiled {
    /// Bytes of a batch that belong to resources and scopes: a part of the batch may show all of them again.
    pub fn shared_bytes(&self, batch: &Batch) -> usize {
        let is_shared = |scope| matches!(scope, Scope::Resource | Scope::Instrumentation);
        let mut keys = vec![false; batch.keys.len()];
        let mut bytes = 0;
        for (field, column) in self.fields.iter().zip(&batch.columns) {
            if is_shared(field.scope()) {
                bytes += column.bytes();
                column.keys.iter().chain(&column.cell_keys).for_each(|&key| keys[key as usize] = true);
            }
        }
        let tables = batch.tables.iter().filter(|table| is_shared(table.scope));
        bytes += tables.map(|table| 4 * table.parent.len()).sum::<usize>();
        let keys = batch.keys.iter().zip(keys).filter(|(_, is_shared)| *is_shared);
        bytes + keys.map(|(key, _)| 4 + key.len()).sum::<usize>()
    }
}

impl Session {
    /// The columns that the guest of plugin `at` asked for, as the batch stands now. Give it back with
    /// [`Session::recycle`] when its edits have been applied.
    pub fn project(&mut self, programs: &Programs, at: usize, columns: &Columns) -> Batch {
        let mut batch = std::mem::take(&mut self.batches[at]);
        self.fill(programs, at, columns, None, &mut batch);
        batch
    }

    /// As [`Session::project`] for some spans (ascending rows) and what belongs to them: for finding the
    /// spans on which a guest fails. Parts may be projected one after another and their edits applied
    /// later, as long as nothing else is done with the session.
    pub fn project_part(
        &mut self,
        programs: &Programs,
        at: usize,
        columns: &Columns,
        spans: &[u32],
    ) -> Batch {
        let mut batch = Batch::default();
        let rows = part::select(columns, spans);
        self.fill(programs, at, columns, Some(&rows), &mut batch);
        batch.spans = rows.kept(Scope::Span).len() as u32;
        batch.selection = Some(Box::new(rows.into_selection()));
        batch
    }

    /// Keeps the buffers of a batch for the next one.
    pub fn recycle(&mut self, at: usize, batch: Batch) {
        if let Some(slot) = self.batches.get_mut(at) {
            *slot = batch;
        }
    }

    fn fill(
        &mut self,
        programs: &Programs,
        at: usize,
        columns: &Columns,
        part: Option<&NewRows>,
        batch: &mut Batch,
    ) {
        let compiled = &programs.plugins()[at];
        let map = &programs.map[at];
        for field in &compiled.fields {
            if let CompiledField::Attribute(field) = field
                && !self.is_idle(map[field.selector])
            {
                self.find(columns, field.scope);
            }
        }
        batch.layout = self.layout;
        batch.selection = None;
        batch.spans = columns.spans.len() as u32;
        batch.keys.clear();
        batch.columns.resize_with(compiled.fields.len(), Default::default);
        self.projection.keys.start(columns.names.len(), 0);
        let mut keys = std::mem::take(&mut self.projection.keys);
        for (field, column) in compiled.fields.iter().zip(&mut batch.columns) {
            match field {
                CompiledField::Attribute(field) => {
                    let mut keys = Keys { known: &mut keys, packed: &mut batch.keys };
                    let source = attributes::Source {
                        columns,
                        work: &self.tables[field.scope as usize],
                        codes: &self.codes[map[field.selector] as usize],
                        // Columns that are only read show everything.
                        skip: if field.edits == CellEdits::default() { 0 } else { compiled.guest_skip },
                        part: part.map(|part| part.of(field.scope)),
                    };
                    attributes::fill(&source, field, &mut keys, &mut self.projection, column);
                }
                CompiledField::Intrinsic(field) => {
                    let rows = part.map(|part| part.kept(field.intrinsic.scope()));
                    intrinsics::fill(columns, field.intrinsic, rows, &mut self.projection, column);
                }
            }
        }
        self.projection.keys = keys;
        fill_tables(&compiled.tables, columns, part, batch);
    }
}

fn fill_tables(scopes: &[Scope], columns: &Columns, part: Option<&NewRows>, batch: &mut Batch) {
    batch.tables.truncate(scopes.len());
    for (i, &scope) in scopes.iter().enumerate() {
        if batch.tables.len() <= i {
            batch.tables.push(Table { scope, rows: 0, parent: Vec::new() });
        }
        let table = &mut batch.tables[i];
        table.scope = scope;
        table.parent.clear();
        if let Some(part) = part {
            table.rows = part.kept(scope).len() as u32;
            part.put_parents(scope, columns, &mut table.parent);
            continue;
        }
        table.rows = rows_of(columns, scope) as u32;
        match scope {
            Scope::Resource => {}
            Scope::Instrumentation => table.parent.extend_from_slice(&columns.scopes.resource),
            Scope::Span => table.parent.extend_from_slice(&columns.spans.scope),
            Scope::Event => put_owners(&mut table.parent, &columns.spans.event_ends),
            Scope::Link => put_owners(&mut table.parent, &columns.spans.link_ends),
        }
    }
}
