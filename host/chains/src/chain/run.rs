//! One batch through all plugins of a segment.

use super::FailureCause;
use super::breaker::Leave;
use super::calls::{Caller, Cuts, Failed};
use super::rows::Fates;
use super::segment::{Member, Segment};
use cadenza_ingest::chain::Hold;
use cadenza_model::Columns;
use cadenza_transform::{Context, Part, Session};
use std::ops::Range;
use std::time::Duration;

/// A client comes again after this when a plugin fails on everything.
const BROKEN_RETRY: Duration = Duration::from_secs(2);

impl Segment {
    /// Takes a batch through all members: what becomes of its spans goes to `fates`. True if dictionaries may hold
    /// what nothing uses any more.
    pub(super) fn pass(
        &self,
        columns: &mut Columns,
        requests: &[Range<usize>],
        is_trial: bool,
        fates: &mut Fates,
    ) -> Result<bool, Hold> {
        let context = Context { now_unix_ns: self.clock.unix_ns(), seed: seed(columns), is_trial };
        let cuts = if self.calls_guests { Cuts::of(columns, requests) } else { Cuts::default() };
        let mut session = self.take_session();
        session.begin(&self.programs, columns);
        for at in 0..self.members.len() {
            // A session that was left half-way is not used again.
            self.member(at, &mut session, columns, &cuts, context, fates)?;
        }
        session.settle(columns);
        let edited = session.is_stale();
        self.give_session(session);
        Ok(edited)
    }

    fn member(
        &self,
        at: usize,
        session: &mut Session,
        columns: &mut Columns,
        cuts: &Cuts<'_>,
        context: Context,
        fates: &mut Fates,
    ) -> Result<(), Hold> {
        let member = &self.members[at];
        let (started, before) = (self.clock.monotonic(), session.counts());
        let rows = columns.spans.len();
        let mut ran = session.run(&self.programs, at, Part::Before, columns);
        if ran.is_ok() {
            if member.calls_guest {
                self.guest(at, session, columns, cuts, context, fates)?;
            }
            ran = session.run(&self.programs, at, Part::After, columns);
        }
        if let Err(error) = ran {
            // Sent again it would come to the same.
            let all: Vec<u32> = (0..rows as u32).collect();
            fates.reject(rows, &all, format!("{}: {error}", member.name));
        }
        if !context.is_trial {
            let counters = &member.counters;
            counters.rows.inc_by(rows as u64);
            counters.edited(before, session.counts());
            let took = self.clock.monotonic().saturating_sub(started).as_nanos();
            counters.nanoseconds.inc_by(u64::try_from(took).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn guest(
        &self,
        at: usize,
        session: &mut Session,
        columns: &mut Columns,
        cuts: &Cuts<'_>,
        context: Context,
        fates: &mut Fates,
    ) -> Result<(), Hold> {
        let member = &self.members[at];
        let rows = columns.spans.len();
        if !context.is_trial
            && let Leave::Wait(left) = member.breaker.leave(self.clock.monotonic())
        {
            if member.fail_closed {
                let message = format!("plugin {} is quarantined: it failed too often", member.name);
                return Err(Hold { message, retry_after: Some(left.max(Duration::from_secs(1))) });
            }
            member.counters.unmodified.inc_by(rows as u64);
            return Ok(());
        }
        let programs = &self.programs;
        let answers = Vec::new();
        let mut caller =
            Caller { member, at, programs, session, columns, context, fates, cuts, answers, deadlines: 0 };
        let failed = caller.all().map_err(|error| {
            let message = format!("plugin {}: its edits were not carried out: {error}", member.name);
            Hold { message, retry_after: Some(BROKEN_RETRY) }
        })?;
        // Spans that poison a guest are the client's; a guest that fails on most is broken.
        let is_broken = failed.is_exhausted || failed.rows.len() * 2 > rows;
        if !context.is_trial {
            let quarantined = member.breaker.ended(!is_broken, self.clock.monotonic());
            member.counters.quarantined.set(i64::from(quarantined));
            if quarantined {
                tracing::error!(tenant = %self.tenant, plugin = member.name, "plugin quarantined");
            }
        }
        self.settle_failed(member, &failed, is_broken && rows > 1, rows, fates, context.is_trial)
    }

    fn settle_failed(
        &self,
        member: &Member,
        failed: &Failed,
        is_broken: bool,
        rows: usize,
        fates: &mut Fates,
        is_trial: bool,
    ) -> Result<(), Hold> {
        if failed.rows.is_empty() {
            return Ok(());
        }
        let cause = failed.cause.unwrap_or(FailureCause::Trap).name();
        let spans = failed.rows.len() as u64;
        if !is_trial {
            tracing::warn!(
                tenant = %self.tenant, plugin = member.name, cause, spans, of = rows,
                "plugin failed on spans"
            );
        }
        if member.fail_closed && is_broken {
            let message = format!("plugin {} fails: {cause}", member.name);
            return Err(Hold { message, retry_after: Some(BROKEN_RETRY) });
        }
        if member.fail_closed || is_trial {
            fates.reject(rows, &failed.rows, format!("{}: {cause}", member.name));
        }
        if !is_trial {
            let counter =
                if member.fail_closed { &member.counters.rejected } else { &member.counters.unmodified };
            counter.inc_by(spans);
        }
        Ok(())
    }
}

/// The same for the same spans.
fn seed(columns: &Columns) -> u64 {
    let spans = &columns.spans;
    let mut seed = spans.len() as u64;
    for id in spans.span_id.iter().take(16) {
        seed = (seed ^ id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    seed
}
