//! Writing attributes: literals, copies, and what patterns extract.

use super::Running;
use crate::compile::{Assign, Mode, ValueSource};
use crate::plan::Scope;
use crate::session::{Item, Outcome, Session, Writing, attrs, put_const, rows_of};
use cadenza_model::{AttrType, Code, Columns};

/// True if the batch has nothing that the step could read or change.
pub(super) fn is_idle(assign: &Assign, idle: impl Fn(usize) -> bool) -> bool {
    let source = match &assign.value {
        ValueSource::Const(_) => false,
        ValueSource::Attribute(sel) | ValueSource::ResourceAttribute(sel) => idle(*sel),
    };
    source || assign.mode == Mode::Update && idle(assign.sel)
}

impl Session {
    pub(super) fn assign(&mut self, running: &Running<'_>, assign: &Assign, columns: &mut Columns) {
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        let scope = assign.scope;
        let rows = rows_of(columns, scope);
        let reached = |row: u32| running.mask.is_none_or(|mask| mask[row as usize]);
        match &assign.value {
            ValueSource::Const(value) => {
                let (ty, val) = put_const(columns, value);
                let rows = (0..rows as u32).filter(|&row| reached(row));
                items.extend(rows.map(|row| Item { row, ty, val }));
            }
            ValueSource::Attribute(sel) => {
                self.first_values(running.selector(*sel), scope, columns, &mut items);
                items.retain(|item| reached(item.row));
            }
            ValueSource::ResourceAttribute(sel) => {
                let mut of_resources = Vec::new();
                self.first_values(running.selector(*sel), Scope::Resource, columns, &mut of_resources);
                let mut by_resource = vec![None; rows_of(columns, Scope::Resource)];
                for item in of_resources {
                    by_resource[item.row as usize] = Some(item);
                }
                self.each_row_under(columns, Scope::Resource, scope, |row, resource| {
                    if let Some(item) = by_resource[resource as usize]
                        && reached(row)
                    {
                        items.push(Item { row, ..item });
                    }
                });
            }
        }
        let writing = Writing {
            scope,
            key: &assign.key,
            selector: running.selector(assign.sel),
            replace: assign.mode != Mode::Insert,
            insert: assign.mode != Mode::Update,
            skip: running.step.skip,
            tally: running.step.tally,
        };
        self.write(running.programs, columns, writing, &items);
        self.items = items;
    }

    /// The first value of a key on each row that has it.
    fn first_values(&mut self, selector: u32, scope: Scope, columns: &mut Columns, items: &mut Vec<Item>) {
        let rows = attrs(columns, scope).ends.len();
        let seen = self.tables[scope as usize].stamp(rows);
        self.each(columns, scope, selector, |session, _, list, cell, _| {
            let work = &mut session.tables[scope as usize];
            if work.stamped(cell.row, seen).is_none() {
                work.set_stamped(cell.row, seen, 0);
                let at = cell.at as usize;
                items.push(Item { row: cell.row, ty: list.ty[at], val: list.val[at] });
            }
        });
    }

    pub(super) fn extract(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        (regex, groups): (&regex::Regex, &[(usize, String, usize)]),
        columns: &mut Columns,
    ) {
        let mut memo = std::mem::take(&mut self.values);
        memo.start(columns);
        // Codes of the parts of each distinct value that matches, and which of them a row has.
        let mut parts: Vec<Code> = Vec::new();
        let mut found: Vec<(u32, usize)> = Vec::new();
        self.each(columns, scope, running.selector(sel), |session, columns, list, cell, _| {
            let at = cell.at as usize;
            if list.ty[at] != AttrType::Str || !running.reaches(session, scope, cell) {
                return;
            }
            let val = list.val[at];
            let outcome = memo.get(AttrType::Str, val).unwrap_or_else(|| {
                let out = &mut session.out;
                out.clear();
                let mut ends = Vec::with_capacity(groups.len());
                let outcome = match regex.captures(columns.values.str(val as Code)) {
                    None => Outcome::Keep,
                    Some(captures) => {
                        for (group, _, _) in groups {
                            let part = captures.get(*group).map_or("", |part| part.as_str());
                            out.extend_from_slice(part.as_bytes());
                            ends.push(out.len());
                        }
                        Outcome::Set(AttrType::Str, parts.len() as u64)
                    }
                };
                let mut start = 0;
                for end in ends {
                    parts.push(columns.values.intern(&out[start..end]));
                    start = end;
                }
                memo.set(AttrType::Str, val, outcome);
                outcome
            });
            if let Outcome::Set(_, first) = outcome {
                found.push((cell.row, first as usize));
            }
        });
        self.values = memo;
        let mut items = std::mem::take(&mut self.items);
        for (i, (_, key, selector)) in groups.iter().enumerate() {
            items.clear();
            items.extend(found.iter().map(|&(row, first)| Item {
                row,
                ty: AttrType::Str,
                val: parts[first + i].into(),
            }));
            let writing = Writing {
                scope,
                key,
                selector: running.selector(*selector),
                replace: true,
                insert: true,
                skip: running.step.skip,
                tally: running.step.tally,
            };
            self.write(running.programs, columns, writing, &items);
        }
        self.items = items;
    }
}
