//! Carrying out the edits of a guest.

mod validate;

use crate::batch::{Batch, Column, Packed};
use crate::compile::{Compiled, CompiledField, TextField};
use crate::edit::{Address, ColumnPart, Edit, EditValues, Operation};
use crate::error::EditError;
use crate::plan::{Intrinsic, Scope};
use crate::programs::Programs;
use crate::session::{Applied, Cell, DEAD, Item, Session, Stamped, Writing, attrs_mut, put_encoded, rows_of};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Columns};

pub use validate::{EDIT_BYTES_MIN, EDIT_BYTES_RATIO, EDIT_CELLS_MIN, EDIT_CELLS_PER_ROW, EDITS_MAX};

/// The text that an intrinsic is, if it is text.
fn text_field(intrinsic: Intrinsic) -> Option<TextField> {
    Some(match intrinsic {
        Intrinsic::TraceState => TextField::TraceState,
        Intrinsic::Name => TextField::SpanName,
        Intrinsic::StatusMessage => TextField::StatusMessage,
        Intrinsic::ScopeName => TextField::ScopeName,
        Intrinsic::ScopeVersion => TextField::ScopeVersion,
        Intrinsic::EventName => TextField::EventName,
        Intrinsic::LinkTraceState => TextField::LinkTraceState,
        Intrinsic::TraceId
        | Intrinsic::SpanId
        | Intrinsic::ParentSpanId
        | Intrinsic::TraceFlags
        | Intrinsic::Kind
        | Intrinsic::StatusCode
        | Intrinsic::StartUnixNano
        | Intrinsic::DurationNano
        | Intrinsic::EventCount
        | Intrinsic::LinkCount
        | Intrinsic::EventTimeUnixNano
        | Intrinsic::LinkTraceId
        | Intrinsic::LinkSpanId => return None,
    })
}

fn field_scope(field: &CompiledField) -> Scope {
    match field {
        CompiledField::Attribute(field) => field.scope,
        CompiledField::Intrinsic(field) => field.intrinsic.scope(),
    }
}

/// What the edits of one call work on.
struct Call<'a> {
    programs: &'a Programs,
    compiled: &'a Compiled,
    map: &'a [u32],
    batch: &'a Batch,
}

impl Call<'_> {
    /// The row in the columns of a row of the batch.
    fn row(&self, scope: Scope, row: u32) -> u32 {
        self.batch.selection.as_ref().map_or(row, |part| part.rows[scope as usize][row as usize])
    }

    fn cell_row(&self, scope: Scope, column: &Column, cell: usize) -> u32 {
        // Intrinsics have a cell for every row.
        self.row(scope, column.rows.get(cell).copied().unwrap_or(cell as u32))
    }
}

impl Session {
    /// Checks edits as [`Session::apply`] does, and carries out none: for parts of a batch, whose edits are
    /// applied when all parts have been through the guest.
    ///
    /// # Errors
    /// As there.
    pub fn check(
        &self,
        programs: &Programs,
        at: usize,
        batch: &Batch,
        edits: &[Edit],
        columns: &Columns,
    ) -> Result<(), EditError> {
        validate::check(&programs.plugins()[at], batch, edits, columns, self.layout).map(drop)
    }

    /// Carries out the edits that the guest of plugin `at` gave for `batch`: all of them, or none and an
    /// error that says why. Whatever a guest gives, this does not panic.
    pub fn apply(
        &mut self,
        programs: &Programs,
        at: usize,
        batch: &Batch,
        edits: &[Edit],
        columns: &mut Columns,
    ) -> Result<Applied, EditError> {
        let compiled = &programs.plugins()[at];
        let decoded = validate::check(compiled, batch, edits, columns, self.layout)?;
        let before = self.counts;
        let call = Call { programs, compiled, map: &programs.map[at], batch };
        let mut decoded = decoded.iter();
        for edit in edits {
            let json = match &edit.values {
                EditValues::Json(_) => decoded.next(),
                _ => None,
            };
            let (Address::Rows(at)
            | Address::Entries(ColumnPart { at, .. })
            | Address::Cells(ColumnPart { at, .. })) = &edit.address;
            // Values for nobody would stay in the dictionaries.
            self.stale |= at.is_empty();
            self.edit(&call, edit, json, columns);
        }
        Ok(self.since(before))
    }

    fn edit(&mut self, call: &Call<'_>, edit: &Edit, json: Option<&Packed>, columns: &mut Columns) {
        match edit.operation {
            Operation::Update | Operation::Delete | Operation::DropRow => {
                let (Address::Entries(part) | Address::Cells(part)) = &edit.address else { return };
                let at = part.column as usize;
                let (field, column) = (&call.compiled.fields[at], &call.batch.columns[at]);
                match (edit.operation, field) {
                    (Operation::Update, CompiledField::Intrinsic(field)) => {
                        self.update_text(call, field.intrinsic, column, edit, columns);
                    }
                    (Operation::DropRow, field) => {
                        self.drop_rows(call, field_scope(field), column, &edit.address, columns);
                    }
                    (_, CompiledField::Attribute(field)) => {
                        let values = self.values(&edit.values, json, columns);
                        self.edit_cells(call, field.scope, column, edit, &values, columns);
                    }
                    (_, CompiledField::Intrinsic(_)) => {}
                }
            }
            Operation::Insert(target) | Operation::Upsert(target) | Operation::Remove(target) => {
                let values = self.values(&edit.values, json, columns);
                self.edit_target(call, target as usize, edit, &values, columns);
            }
        }
    }

    /// The values of an edit in the terms of the columns.
    fn values(
        &mut self,
        values: &EditValues,
        json: Option<&Packed>,
        columns: &mut Columns,
    ) -> Vec<(AttrType, u64)> {
        let strings = |packed: &Packed, columns: &mut Columns| {
            let each = (0..packed.len()).map(|i| packed.get(i).unwrap_or_default());
            each.map(|text| (AttrType::Str, columns.values.intern(text).into())).collect()
        };
        match values {
            EditValues::None => Vec::new(),
            EditValues::Strings(packed) => strings(packed, columns),
            EditValues::Ints(list) => list.iter().map(|&number| (AttrType::Int, number as u64)).collect(),
            EditValues::Doubles(list) => {
                list.iter().map(|&number| (AttrType::Double, number.to_bits())).collect()
            }
            EditValues::Booleans(list) => list.iter().map(|&set| (AttrType::Bool, set.into())).collect(),
            EditValues::Bytes(packed) => (0..packed.len())
                .map(|i| {
                    let encoded = any_value::bytes(packed.get(i).unwrap_or_default());
                    (AttrType::Bytes, columns.raw.intern(&encoded).into())
                })
                .collect(),
            EditValues::Json(_) => {
                let Some(encoded) = json else { return Vec::new() };
                (0..encoded.len()).map(|i| put_encoded(columns, encoded.get(i).unwrap_or_default())).collect()
            }
        }
    }

    fn edit_cells(
        &mut self,
        call: &Call<'_>,
        scope: Scope,
        column: &Column,
        edit: &Edit,
        values: &[(AttrType, u64)],
        columns: &mut Columns,
    ) {
        let list = attrs_mut(columns, scope);
        each_cell(column, &edit.address, |index, item| {
            let cell = Cell { at: column.at[index], row: call.cell_row(scope, column, index) };
            let key = list.key[cell.at as usize];
            if key == DEAD {
                // Its value may be nowhere else.
                self.stale = true;
                return;
            }
            if let Some(tally) = call.compiled.guest_tally {
                self.tables[scope as usize].tally(tally, cell, key);
            }
            match values.get(item).or(values.first()) {
                Some(&(ty, val)) => self.set(list, cell, ty, val),
                None => self.kill(scope, list, cell),
            }
        });
    }

    fn update_text(
        &mut self,
        call: &Call<'_>,
        intrinsic: Intrinsic,
        column: &Column,
        edit: &Edit,
        columns: &mut Columns,
    ) {
        let (Some(field), EditValues::Strings(packed)) = (text_field(intrinsic), &edit.values) else {
            return;
        };
        let codes: Vec<u32> = (0..packed.len())
            .map(|i| {
                let text = packed.get(i).unwrap_or_default();
                if field.is_name() { columns.names.intern(text) } else { columns.values.intern(text) }
            })
            .collect();
        self.new_names(call.programs, columns);
        each_cell(column, &edit.address, |index, item| {
            if let Some(&code) = codes.get(item).or(codes.first()) {
                let row = call.cell_row(field.scope(), column, index);
                self.set_text(columns, field, row as usize, code);
            }
        });
    }

    fn drop_rows(
        &mut self,
        call: &Call<'_>,
        scope: Scope,
        column: &Column,
        address: &Address,
        columns: &Columns,
    ) {
        let rows = rows_of(columns, scope);
        let work = &mut self.tables[scope as usize];
        work.dropped.resize(rows, false);
        each_cell(column, address, |index, _| {
            let dropped = &mut work.dropped[call.cell_row(scope, column, index) as usize];
            self.counts.dropped_rows += u64::from(!*dropped);
            *dropped = true;
        });
    }

    fn edit_target(
        &mut self,
        call: &Call<'_>,
        target: usize,
        edit: &Edit,
        values: &[(AttrType, u64)],
        columns: &mut Columns,
    ) {
        let target = &call.compiled.targets[target];
        let scope = target.scope;
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        let item = |row: u32, index: usize| {
            let (ty, val) = values.get(index).or(values.first()).copied().unwrap_or((AttrType::Empty, 0));
            Item { row, ty, val }
        };
        let from = match &edit.address {
            Address::Rows(rows) => {
                items.extend(rows.iter().enumerate().map(|(i, &row)| item(call.row(scope, row), i)));
                scope
            }
            Address::Entries(part) | Address::Cells(part) => {
                let at = part.column as usize;
                let (from, column) = (field_scope(&call.compiled.fields[at]), &call.batch.columns[at]);
                each_cell(column, &edit.address, |index, i| {
                    items.push(item(call.cell_row(from, column, index), i));
                });
                from
            }
        };
        if from != scope {
            let first_counts = matches!(edit.operation, Operation::Insert(_));
            self.spread(&mut items, from, scope, first_counts, columns);
        }
        let selector = call.map[target.selector];
        if matches!(edit.operation, Operation::Remove(_)) {
            let wanted = self.tables[scope as usize].stamp(rows_of(columns, scope));
            for item in &items {
                self.tables[scope as usize].set_stamped(item.row, wanted, 0);
            }
            self.each(columns, scope, selector, |session, _, list, cell, _| {
                if session.tables[scope as usize].stamped(cell.row, wanted).is_some() {
                    session.kill(scope, list, cell);
                }
            });
        } else {
            let writing = Writing {
                scope,
                key: &target.key,
                selector,
                replace: matches!(edit.operation, Operation::Upsert(_)),
                insert: true,
                skip: 0,
                tally: None,
            };
            self.write(call.programs, columns, writing, &items);
        }
        self.items = items;
    }

    /// From rows of a table to all rows under them in a lower one.
    fn spread(&mut self, items: &mut Vec<Item>, from: Scope, to: Scope, first: bool, columns: &Columns) {
        let mut by_row: Vec<Option<Item>> = vec![None; rows_of(columns, from)];
        for item in items.drain(..) {
            let slot = &mut by_row[item.row as usize];
            if slot.is_none() || !first {
                *slot = Some(item);
            }
        }
        self.each_row_under(columns, from, to, |row, above| {
            if let Some(item) = by_row[above as usize] {
                items.push(Item { row, ..item });
            }
        });
    }
}

/// Visits the cells of an address with the position of their item.
fn each_cell(column: &Column, address: &Address, mut visit: impl FnMut(usize, usize)) {
    match address {
        Address::Cells(part) => {
            for (item, &cell) in part.at.iter().enumerate() {
                visit(cell as usize, item);
            }
        }
        Address::Entries(part) => {
            // A single entry needs no table.
            if let [entry] = part.at.as_slice() {
                for (cell, code) in column.codes.iter().enumerate() {
                    if code == entry {
                        visit(cell, 0);
                    }
                }
                return;
            }
            let mut items: Stamped<u32> = Stamped::default();
            items.start(column.entries(), 0);
            for (item, &entry) in part.at.iter().enumerate() {
                items.set(entry.into(), item as u32);
            }
            for (cell, &code) in column.codes.iter().enumerate() {
                if let Some(item) = items.get(code.into()) {
                    visit(cell, item as usize);
                }
            }
        }
        Address::Rows(_) => {}
    }
}
