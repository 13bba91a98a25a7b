//! Calling a guest for a batch: in parts that are not too large, again after a failure, and then in ever
//! smaller parts, until the spans are found that it fails on.

use super::cut::{PART_BYTES_MAX, PART_ROWS_MAX, Seams, rows_of_pieces};
use super::rows::Fates;
use super::segment::Member;
use super::{Failure, FailureCause};
use cadenza_model::Columns;
use cadenza_transform::{Batch, Checked, Context, Edit, EditError, Kind, Programs, Session, Verdicts};
use std::cell::RefCell;
use std::ops::Range;

/// Calls that a part may cost once the guest has failed on it. Eight poisonous spans are found in 512; a guest
/// that fails on many is broken, and says so soon.
const BISECT_CALLS_MAX: u32 = 160;

/// Calls among them, in all parts of a batch, that may end by their deadline: one such span is found in 512 by nine,
/// and each holds a thread for tens of milliseconds.
const BISECT_DEADLINES_MAX: u32 = 48;

/// A batch on its way through one member.
pub(super) struct Caller<'a> {
    pub(super) member: &'a Member,
    pub(super) at: usize,
    pub(super) programs: &'a Programs,
    pub(super) session: &'a mut Session,
    pub(super) columns: &'a mut Columns,
    pub(super) context: Context,
    pub(super) fates: &'a mut Fates,
    pub(super) cuts: &'a Cuts<'a>,
    /// Parts and what the guest answered for them.
    pub(super) answers: Vec<(Batch, Answer)>,
    /// Calls that looking for spans has cost which ended by their deadline.
    pub(super) deadlines: u32,
}

/// How a batch is cut, for every member alike.
#[derive(Debug, Default)]
pub(super) struct Cuts<'a> {
    requests: &'a [Range<usize>],
    /// Empty if the batch goes whole, which is cheaper than as one part.
    parts: Vec<Vec<u32>>,
}

impl<'a> Cuts<'a> {
    pub(super) fn of(columns: &Columns, requests: &'a [Range<usize>]) -> Self {
        let rows = columns.spans.len();
        if rows <= PART_ROWS_MAX {
            return Self { requests, parts: Vec::new() };
        }
        let rows: Vec<u32> = (0..rows as u32).collect();
        let seams = Seams { requests, traces: &columns.spans.trace_id };
        Self { requests, parts: seams.cut(&rows, PART_ROWS_MAX) }
    }
}

/// Edits that can be carried out.
#[derive(Debug, Default)]
pub(super) struct Answer {
    edits: Vec<Edit>,
    checked: Checked,
}

/// Spans that a guest has failed on.
#[derive(Debug, Default)]
pub(super) struct Failed {
    pub(super) rows: Vec<u32>,
    pub(super) cause: Option<FailureCause>,
    /// Not all of them were tried alone.
    pub(super) is_exhausted: bool,
}

impl Caller<'_> {
    /// Calls for all spans.
    ///
    /// # Errors
    /// When edits that were accepted are not carried out: what a scrubber has found would still be there.
    pub(super) fn all(&mut self) -> Result<Failed, EditError> {
        let mut failed = Failed::default();
        let cuts = self.cuts;
        if cuts.parts.is_empty() {
            self.whole(&mut failed)?;
        }
        for part in &cuts.parts {
            self.part(part, &mut failed);
        }
        failed.rows.sort_unstable();
        self.apply()?;
        Ok(failed)
    }

    fn whole(&mut self, failed: &mut Failed) -> Result<(), EditError> {
        let batch = self.session.project(self.programs, self.at, self.columns);
        let all = || (0..batch.spans).collect::<Vec<_>>();
        if let Some(rows_max) = self.rows_of_pieces(&batch) {
            self.pieces(&all(), rows_max, failed);
            return Ok(());
        }
        match self.twice(&batch, None) {
            Ok(answer) => {
                self.carry_out(&batch, &answer)?;
                self.session.recycle(self.at, batch);
            }
            Err(failure) => self.bisect(&all(), failure, failed),
        }
        Ok(())
    }

    fn part(&mut self, rows: &[u32], failed: &mut Failed) {
        if self.deadlines >= BISECT_DEADLINES_MAX {
            failed.is_exhausted = true;
            failed.rows.extend(rows);
            return;
        }
        let batch = self.session.project_part(self.programs, self.at, self.columns, rows);
        if let Some(rows_max) = self.rows_of_pieces(&batch) {
            return self.pieces(rows, rows_max, failed);
        }
        match self.twice(&batch, Some(rows)) {
            Ok(answer) => self.answers.push((batch, answer)),
            Err(failure) => self.bisect(rows, failure, failed),
        }
    }

    /// Parts of a part that shows too many bytes.
    fn pieces(&mut self, rows: &[u32], rows_max: usize, failed: &mut Failed) {
        let seams = Seams { requests: self.cuts.requests, traces: &self.columns.spans.trace_id };
        for piece in seams.cut(rows, rows_max) {
            self.part(&piece, failed);
        }
    }

    fn rows_of_pieces(&self, batch: &Batch) -> Option<usize> {
        let bytes = batch.bytes();
        if bytes <= PART_BYTES_MAX {
            return None;
        }
        let shared = self.programs.plugins()[self.at].shared_bytes(batch);
        rows_of_pieces(batch.spans as usize, bytes - shared, shared)
    }

    fn twice(&mut self, batch: &Batch, rows: Option<&[u32]>) -> Result<Answer, Failure> {
        self.once(batch, rows).or_else(|_| self.once(batch, rows))
    }

    /// Carries out what all parts were answered: a part must not see the edits of another, as rows of resources
    /// and scopes belong to both.
    fn apply(&mut self) -> Result<(), EditError> {
        for (batch, answer) in std::mem::take(&mut self.answers) {
            self.carry_out(&batch, &answer)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, batch: &Batch, answer: &Answer) -> Result<(), EditError> {
        let Answer { edits, checked } = answer;
        self.session.carry_out(self.programs, self.at, batch, edits, checked, self.columns)?;
        Ok(())
    }

    /// One try.
    fn once(&mut self, batch: &Batch, rows: Option<&[u32]>) -> Result<Answer, Failure> {
        let is_sampler = self.member.kind == Kind::HeadSampler;
        if !is_sampler && batch.is_idle() {
            return Ok(Answer::default());
        }
        if !self.context.is_trial {
            self.member.counters.calls.inc();
        }
        let done = if is_sampler { self.decide(batch, rows) } else { self.process(batch) };
        if let Err(failure) = &done
            && !self.context.is_trial
        {
            self.member.counters.failed(failure.cause);
        }
        done
    }

    /// Checks edits once: whoever carries them out has the proof.
    fn accepts(&self, batch: &Batch, edits: &[Edit], checked: &RefCell<Checked>) -> bool {
        let answer = self.session.check(self.programs, self.at, batch, edits, self.columns);
        answer.is_ok_and(|proof| {
            checked.replace(proof);
            true
        })
    }

    fn process(&self, batch: &Batch) -> Result<Answer, Failure> {
        let checked = RefCell::default();
        let accept = |edits: &[Edit]| self.accepts(batch, edits, &checked);
        let edits = self.member.guest.process(&self.context, batch, &accept)?;
        Ok(Answer { edits, checked: checked.into_inner() })
    }

    fn decide(&mut self, batch: &Batch, rows: Option<&[u32]>) -> Result<Answer, Failure> {
        let checked = RefCell::default();
        let accept = |verdicts: &Verdicts| {
            verdicts.keep.len() == batch.spans as usize
                && verdicts.keep.iter().all(|&keep| keep <= 1)
                && self.accepts(batch, &verdicts.edits, &checked)
        };
        let verdicts = self.member.guest.decide(&self.context, batch, &accept)?;
        let row = |at: usize| rows.map_or(at, |rows| rows[at] as usize);
        let kept = verdicts.keep.iter().enumerate().map(|(at, &keep)| (row(at), keep == 1));
        let dropped = self.fates.sample(self.columns.spans.len(), kept);
        if !self.context.is_trial {
            self.member.counters.dropped.inc_by(dropped);
        }
        Ok(Answer { edits: verdicts.edits, checked: checked.into_inner() })
    }

    /// Finds the spans that a guest fails on, having failed on all of `rows` together.
    fn bisect(&mut self, rows: &[u32], failure: Failure, failed: &mut Failed) {
        failed.cause.get_or_insert(failure.cause);
        let mut calls = 0;
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            if let [_] = rows {
                failed.rows.extend(rows);
                continue;
            }
            let (left, right) = rows.split_at(rows.len() / 2);
            for half in [right, left] {
                if calls >= BISECT_CALLS_MAX || self.deadlines >= BISECT_DEADLINES_MAX {
                    failed.is_exhausted = true;
                    failed.rows.extend(half);
                    continue;
                }
                calls += 1;
                // A part of a part shows fewer bytes: it is not cut again.
                let batch = self.session.project_part(self.programs, self.at, self.columns, half);
                match self.once(&batch, Some(half)) {
                    Ok(answer) => self.answers.push((batch, answer)),
                    Err(failure) => {
                        self.deadlines += u32::from(failure.cause == FailureCause::Deadline);
                        waiting.push(half);
                    }
                }
            }
        }
    }
}
