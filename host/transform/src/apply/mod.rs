//! Carrying out the edits of a guest.

mod validate;

use crate::batch::{Batch, Column, Packed};
use crate::compile::{Compiled, CompiledField, TextField};
use crate::edit::{Address, ColumnPart, Edit, EditValues, Operation};
use crate::error::{EditError, EditFault};
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

/// Says that edits can be carried out. The default is for no edits at all.
#[derive(Debug, Default)]
pub struct Checked {
    /// Values that came as JSON, encoded: one list per edit that has some.
    decoded: Vec<Packed>,
    edits: usize,
}

/// Memory of [`Session::apply`], kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    values: Vec<(AttrType, u64)>,
    items: Stamped<u32>,
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
    /// [carried out](Session::carry_out) when all parts have been through the guest.
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
    ) -> Result<Checked, EditError> {
        let decoded = validate::check(&programs.plugins()[at], batch, edits, columns, self.layout)?;
        Ok(Checked { decoded, edits: edits.len() })
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
        let checked = self.check(programs, at, batch, edits, columns)?;
        self.carry_out(programs, at, batch, edits, &checked, columns)
    }

    /// As [`Session::apply`] for edits that have been checked.
    ///
    /// # Errors
    /// When `checked` belongs to other edits, or what they were checked against has moved.
    pub fn carry_out(
        &mut self,
        programs: &Programs,
        at: usize,
        batch: &Batch,
        edits: &[Edit],
        checked: &Checked,
        columns: &mut Columns,
    ) -> Result<Applied, EditError> {
        if checked.edits != edits.len() || !edits.is_empty() && batch.layout != self.layout {
            return Err(EditError { edit: 0, fault: EditFault::Stale });
        }
        let compiled = &programs.plugins()[at];
        let before = self.counts;
        let call = Call { programs, compiled, map: &programs.map[at], batch };
        let mut decoded = checked.decoded.iter();
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
                        self.applying.values = values;
                    }
                    (_, CompiledField::Intrinsic(_)) => {}
                }
            }
            Operation::Insert(target) | Operation::Upsert(target) | Operation::Remove(target) => {
                let values = self.values(&edit.values, json, columns);
                self.edit_target(call, target as usize, edit, &values, columns);
                self.applying.values = values;
            }
        }
    }

    /// The values of an edit in the terms of the columns, in a list to be given back.
    fn values(
        &mut self,
        values: &EditValues,
        json: Option<&Packed>,
        columns: &mut Columns,
    ) -> Vec<(AttrType, u64)> {
        let mut list = std::mem::take(&mut self.applying.values);
        list.clear();
        match values {
            EditValues::None => {}
            EditValues::Strings(packed) => {
                list.extend(packed.iter().map(|text| (AttrType::Str, u64::from(columns.values.intern(text)))))
            }
            EditValues::Ints(ints) => {
                list.extend(ints.iter().map(|&number| (AttrType::Int, number as u64)));
            }
            EditValues::Doubles(doubles) => {
                list.extend(doubles.iter().map(|&number| (AttrType::Double, number.to_bits())));
            }
            EditValues::Booleans(bools) => {
                list.extend(bools.iter().map(|&set| (AttrType::Bool, u64::from(set))));
            }
            EditValues::Bytes(packed) => list.extend(
                packed
                    .iter()
                    .map(|bytes| (AttrType::Bytes, u64::from(columns.raw.intern(&any_value::bytes(bytes))))),
            ),
            EditValues::Json(_) => {
                let encoded = json.into_iter().flat_map(Packed::iter);
                list.extend(encoded.map(|encoded| put_encoded(columns, encoded)));
            }
        }
        list
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
        let mut known = std::mem::take(&mut self.applying.items);
        each_cell(&mut known, column, &edit.address, |index, item| {
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
        self.applying.items = known;
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
        let mut known = std::mem::take(&mut self.applying.items);
        each_cell(&mut known, column, &edit.address, |index, item| {
            if let Some(&code) = codes.get(item).or(codes.first()) {
                let row = call.cell_row(field.scope(), column, index);
                self.set_text(columns, field, row as usize, code);
            }
        });
        self.applying.items = known;
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
        each_cell(&mut self.applying.items, column, address, |index, _| {
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
                each_cell(&mut self.applying.items, column, &edit.address, |index, i| {
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
fn each_cell(
    items: &mut Stamped<u32>,
    column: &Column,
    address: &Address,
    mut visit: impl FnMut(usize, usize),
) {
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
