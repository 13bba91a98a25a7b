//! Calling a guest for a batch: in parts that are not too large, again after a failure, and then in ever
//! smaller parts, until the spans are found that it fails on.

use super::rows::Fates;
use super::{Failure, FailureCause, Member};
use cadenza_model::Columns;
use cadenza_transform::{Batch, Checked, Context, Edit, Kind, Programs, Session, Verdicts};
use std::cell::RefCell;

/// Larger batches cross in parts of [`PART_ROWS`]: columns should stay in the cache between projection, call
/// and edits.
const WHOLE_ROWS_MAX: usize = 1024;
const PART_ROWS: usize = 512;
/// Calls that a batch may cost once the guest has failed on it. Eight poisonous spans are found in 512; a guest
/// that fails on many is broken, and says so soon.
const BISECT_CALLS_MAX: u32 = 160;

/// Calls among them that may end by their deadline: two such spans are found in 1,024 by twenty, and each holds
/// a thread for tens of milliseconds.
const BISECT_DEADLINES_MAX: u32 = 24;

/// A batch on its way through one member.
pub(super) struct Caller<'a> {
    pub(super) member: &'a Member,
    pub(super) at: usize,
    pub(super) programs: &'a Programs,
    pub(super) session: &'a mut Session,
    pub(super) columns: &'a mut Columns,
    pub(super) context: Context<'a>,
    pub(super) fates: &'a mut Fates,
    /// Parts and what the guest answered for them.
    pub(super) answers: Vec<(Batch, Answer)>,
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
    pub(super) fn all(&mut self) -> Failed {
        let rows = self.columns.spans.len();
        let mut failed = Failed::default();
        let all = || (0..rows as u32).collect::<Vec<_>>();
        if rows <= WHOLE_ROWS_MAX {
            let batch = self.session.project(self.programs, self.at, self.columns);
            let first = self.once(&batch, None);
            match first.or_else(|_| self.once(&batch, None)) {
                Ok(answer) => {
                    self.carry_out(&batch, &answer);
                    self.session.recycle(self.at, batch);
                }
                Err(failure) => {
                    self.session.recycle(self.at, batch);
                    self.bisect(&all(), failure, &mut failed);
                }
            }
        } else {
            for part in all().chunks(PART_ROWS) {
                let first = self.part(part);
                if let Err(failure) = first.or_else(|_| self.part(part)) {
                    self.bisect(part, failure, &mut failed);
                }
            }
        }
        self.apply();
        failed
    }

    fn part(&mut self, rows: &[u32]) -> Result<(), Failure> {
        let batch = self.session.project_part(self.programs, self.at, self.columns, rows);
        let answer = self.once(&batch, Some(rows))?;
        self.answers.push((batch, answer));
        Ok(())
    }

    /// Carries out what all parts were answered: a part must not see the edits of another, as rows of resources
    /// and scopes belong to both.
    fn apply(&mut self) {
        for (batch, answer) in std::mem::take(&mut self.answers) {
            self.carry_out(&batch, &answer);
        }
    }

    fn carry_out(&mut self, batch: &Batch, answer: &Answer) {
        let Answer { edits, checked } = answer;
        let done = self.session.carry_out(self.programs, self.at, batch, edits, checked, self.columns);
        debug_assert!(done.is_ok(), "edits that were accepted are carried out");
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
        let (mut calls, mut deadlines) = (0, 0);
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            if let [_] = rows {
                failed.rows.extend(rows);
                continue;
            }
            let (left, right) = rows.split_at(rows.len() / 2);
            for half in [right, left] {
                if calls >= BISECT_CALLS_MAX || deadlines >= BISECT_DEADLINES_MAX {
                    failed.is_exhausted = true;
                    failed.rows.extend(half);
                    continue;
                }
                calls += 1;
                if let Err(failure) = self.part(half) {
                    deadlines += u32::from(failure.cause == FailureCause::Deadline);
                    waiting.push(half);
                }
            }
        }
        failed.rows.sort_unstable();
    }
}
