//! Native steps: rules that the host carries out itself.

mod assign;
mod report;
mod rules;
mod texts;

use crate::compile::{Compiled, CompiledStep, MaskAt, Op};
use crate::error::RunError;
use crate::plan::Scope;
use crate::programs::Programs;
use crate::session::{Applied, Cell, DEAD, Session, attrs, attrs_mut, rows_of};
use cadenza_model::Columns;

/// How many times its size the text of a batch may grow in one chain.
const GROWTH_MAX: usize = 4;
/// And this much in any case: reports on small batches.
const GROWTH_BYTES_MIN: usize = 4 << 20;
/// Most attributes per row that steps may add, on average over a table: steps times rows stays in hand.
const ATTRIBUTES_PER_ROW_MAX: usize = 1024;

/// Which steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those before the guest; all of them if no guest is called.
    Before,
    /// Those after the guest.
    After,
}

/// Most bytes that the dictionaries may hold in the end.
pub(crate) fn bytes_max(columns: &Columns) -> usize {
    dictionary_bytes(columns) * GROWTH_MAX + GROWTH_BYTES_MIN
}

fn dictionary_bytes(columns: &Columns) -> usize {
    [&columns.names, &columns.values, &columns.raw].iter().map(|dict| dict.arena().len()).sum()
}

/// A step and what it needs to know of its plugin.
pub(crate) struct Running<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) compiled: &'a Compiled,
    /// Selectors of the chain by those of the plugin.
    pub(crate) map: &'a [u32],
    pub(crate) step: &'a CompiledStep,
    /// Rows that the step reaches; none: all.
    pub(crate) mask: Option<&'a [bool]>,
}

impl Running<'_> {
    pub(crate) fn selector(&self, sel: usize) -> u32 {
        self.map[sel]
    }

    /// False if the step passes over this attribute.
    #[inline]
    pub(crate) fn reaches(&self, session: &Session, scope: Scope, cell: Cell) -> bool {
        self.mask.is_none_or(|mask| mask[cell.row as usize])
            && (self.step.skip == 0 || session.tables[scope as usize].mark_of(cell.at) & self.step.skip == 0)
    }
}

impl Session {
    /// Runs the steps of plugin `at` before or after its guest. [`Part::Before`] is due also where there are no
    /// steps: it starts the plugin's turn.
    ///
    /// # Errors
    /// When the batch outgrows its limit. It is half-way through the program then and must be given up.
    pub fn run(
        &mut self,
        programs: &Programs,
        at: usize,
        part: Part,
        columns: &mut Columns,
    ) -> Result<Applied, RunError> {
        let compiled = &programs.plugins()[at];
        let before = self.counts;
        let split = compiled.guest_at.unwrap_or(compiled.steps.len());
        let steps = match part {
            Part::Before => &compiled.steps[..split],
            Part::After => &compiled.steps[split..],
        };
        if part == Part::Before {
            // Events and links that an earlier plugin has removed are not there for this one.
            if self.tables.iter().any(|work| !work.dropped.is_empty()) {
                self.settle(columns);
            }
            self.tables.iter_mut().for_each(crate::session::Work::forget_tallies);
        }
        for step in steps {
            if self.has_nothing_for(&programs.map[at], step) {
                continue;
            }
            self.step(programs, compiled, &programs.map[at], step, columns);
            self.check_growth(columns)?;
        }
        Ok(self.since(before))
    }

    /// True if a step can be passed over without looking at the batch.
    fn has_nothing_for(&self, map: &[u32], step: &CompiledStep) -> bool {
        let idle = |sel: usize| self.is_idle(map[sel]);
        match &step.op {
            Op::Delete { sel, .. }
            | Op::Replace { sel, .. }
            | Op::Hash { sel, .. }
            | Op::Convert { sel, .. }
            | Op::Extract { sel, .. }
            | Op::Note { sel, .. }
            | Op::Mask { at: MaskAt::Attribute { sel, .. }, .. } => idle(*sel),
            Op::Assign(assign) => assign::is_idle(assign, idle),
            Op::Report(report) => {
                let tallies = &self.tables[report.scope as usize].tallies;
                tallies.get(usize::from(report.tally)).is_none_or(Vec::is_empty)
            }
            Op::Guest => true,
            Op::KeepOnly { .. } | Op::Mask { .. } => false,
        }
    }

    fn step(
        &mut self,
        programs: &Programs,
        compiled: &Compiled,
        map: &[u32],
        step: &CompiledStep,
        columns: &mut Columns,
    ) {
        let mut mask = std::mem::take(&mut self.mask);
        let masked = self.condition(step, columns, &mut mask);
        let running = Running { programs, compiled, map, step, mask: masked.then_some(mask.as_slice()) };
        match &step.op {
            Op::Assign(assign) => self.assign(&running, assign, columns),
            Op::Delete { scope, sel } => self.delete(&running, *scope, *sel, columns),
            Op::Replace { scope, sel, value } => self.replace(&running, *scope, *sel, value, columns),
            Op::KeepOnly { scope, sels } => self.keep_only(&running, *scope, sels, columns),
            Op::Hash { scope, sel, kind } => self.hash(&running, *scope, *sel, *kind, columns),
            Op::Convert { scope, sel, to } => self.convert(&running, *scope, *sel, *to, columns),
            Op::Extract { scope, sel, regex, groups } => {
                self.extract(&running, *scope, *sel, (regex, groups), columns);
            }
            Op::Mask { at: MaskAt::Attribute { scope, sel }, finders, unless, all_types } => {
                self.mask(&running, *scope, *sel, (finders, unless, *all_types), columns);
            }
            Op::Mask { at: MaskAt::Text(field), finders, unless, .. } => {
                self.mask_text(&running, *field, finders, unless, columns);
            }
            Op::Note { scope, sel, finders, all_types } => {
                self.note(&running, *scope, *sel, (finders, *all_types), columns);
            }
            Op::Report(report) => self.report(&running, report, columns),
            Op::Guest => {}
        }
        self.mask = mask;
    }

    /// Fills `mask` with the rows that a step reaches, if it has a condition.
    fn condition(&mut self, step: &CompiledStep, columns: &mut Columns, mask: &mut Vec<bool>) -> bool {
        let Some(condition) = &step.when else { return false };
        let pending = |scope: &Scope| {
            let work = &self.tables[*scope as usize];
            !work.dropped.is_empty() || attrs(columns, *scope).key.len() > work.main
        };
        if condition.reads.iter().any(pending) {
            self.settle(columns);
        }
        let scope = step.op.scope();
        mask.clear();
        mask.resize(rows_of(columns, scope), false);
        let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
        // One span of each resource or scope speaks for it: the condition reads nothing of the span's own.
        let mut spans = vec![false; rows.len()];
        if matches!(scope, Scope::Resource | Scope::Instrumentation) {
            let mut speaker = vec![u32::MAX; mask.len()];
            self.each_row_under(columns, scope, Scope::Span, |span, row| speaker[row as usize] = span);
            let asked: Vec<u32> = speaker.iter().copied().filter(|&span| span != u32::MAX).collect();
            condition.each(columns, &asked, |position, yes| spans[asked[position] as usize] = yes);
            for (row, &span) in speaker.iter().enumerate() {
                mask[row] = span != u32::MAX && spans[span as usize] != step.negate;
            }
            return true;
        }
        condition.each(columns, &rows, |position, yes| spans[position] = yes != step.negate);
        self.each_row_under(columns, Scope::Span, scope, |row, span| {
            mask[row as usize] = spans[span as usize];
        });
        true
    }

    fn check_growth(&self, columns: &Columns) -> Result<(), RunError> {
        let bytes = dictionary_bytes(columns);
        let full = columns.names.is_full() || columns.values.is_full() || columns.raw.is_full();
        if full || bytes > self.bytes_max() {
            return Err(RunError::TooLarge { bytes, max: self.bytes_max() });
        }
        for scope in Scope::ALL {
            let max = (ATTRIBUTES_PER_ROW_MAX * rows_of(columns, scope)).min(u32::MAX as usize / 2);
            let attributes = self.tables[scope as usize].new_rows.len();
            if attributes > max {
                return Err(RunError::TooMany { attributes, max });
            }
        }
        Ok(())
    }

    fn delete(&mut self, running: &Running<'_>, scope: Scope, sel: usize, columns: &mut Columns) {
        let selector = running.selector(sel);
        if running.mask.is_none() && running.step.skip == 0 && running.step.tally.is_none() {
            self.kill_all(columns, scope, selector);
            return;
        }
        self.each(columns, scope, selector, |session, _, list, cell, key| {
            if running.reaches(session, scope, cell) {
                if let Some(tally) = running.step.tally {
                    session.tables[scope as usize].tally(tally, cell, key);
                }
                session.kill(scope, list, cell);
            }
        });
    }

    fn keep_only(&mut self, running: &Running<'_>, scope: Scope, sels: &[usize], columns: &mut Columns) {
        let mut keep = vec![false; columns.names.len()];
        for &sel in sels {
            for &code in &self.codes[running.selector(sel) as usize] {
                keep[code as usize] = true;
            }
        }
        let visit = |session: &mut Self, columns: &mut Columns, at: usize, row: u32| {
            let key = attrs(columns, scope).key[at];
            if key == DEAD || keep[key as usize] {
                return;
            }
            let cell = Cell { at: at as u32, row };
            if running.reaches(session, scope, cell) {
                if let Some(tally) = running.step.tally {
                    session.tables[scope as usize].tally(tally, cell, key);
                }
                session.kill(scope, attrs_mut(columns, scope), cell);
            }
        };
        for row in 0..attrs(columns, scope).ends.len() {
            for at in attrs(columns, scope).of(row) {
                visit(self, columns, at, row as u32);
            }
        }
        let main = self.tables[scope as usize].main;
        for i in 0..self.tables[scope as usize].new_rows.len() {
            let row = self.tables[scope as usize].new_rows[i];
            visit(self, columns, main + i, row);
        }
    }
}
