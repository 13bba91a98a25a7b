//! When a guest is not called for a while: it fails too often, and each try costs its whole budget.

use parking_lot::Mutex;
use std::time::Duration;

/// This many failures in a row, or in the last hundred batches, are too many.
const IN_A_ROW_MAX: u32 = 3;
const RECENT_MAX: u32 = 5;
const RECENT_BATCHES: u32 = 100;
/// First pause; each failed probe doubles it.
const PAUSE: Duration = Duration::from_secs(1);
/// Ingest waits for a plugin that must not be skipped: it is asked again soon.
const PAUSE_CLOSED_MAX: Duration = Duration::from_secs(30);
/// Nobody waits for one that may be skipped.
const PAUSE_OPEN_MAX: Duration = Duration::from_secs(3600);

/// Whether a guest may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Yes.
    Call,
    /// Not before this has passed.
    Wait(Duration),
}

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    recent: u32,
    batches: u32,
    /// Set while quarantined.
    until: Option<Duration>,
    pauses: u32,
    /// A batch is finding out whether it is well again.
    probing: bool,
}

/// The breaker of one plugin of one tenant.
#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    pause_max: Duration,
}

impl Breaker {
    pub(super) fn new(fail_closed: bool) -> Self {
        let pause_max = if fail_closed { PAUSE_CLOSED_MAX } else { PAUSE_OPEN_MAX };
        Self { state: Mutex::default(), pause_max }
    }

    /// Asked before every batch; [`Self::ended`] must follow a `Call`.
    pub(super) fn leave(&self, now: Duration) -> Leave {
        let mut state = self.state.lock();
        match state.until {
            None => Leave::Call,
            Some(until) if now < until => Leave::Wait(until - now),
            Some(_) if state.probing => Leave::Wait(PAUSE),
            Some(_) => {
                state.probing = true;
                Leave::Call
            }
        }
    }

    /// Tells how a batch went. True if the guest is quarantined by this.
    pub(super) fn ended(&self, well: bool, now: Duration) -> bool {
        let mut state = self.state.lock();
        let was_quarantined = state.until.is_some();
        if well {
            if state.probing || !was_quarantined {
                let (recent, batches) = (state.recent, state.batches);
                let probing = state.probing;
                *state = State::default();
                if !probing {
                    (state.recent, state.batches) = (recent, batches + 1);
                    if state.batches >= RECENT_BATCHES {
                        (state.recent, state.batches) = (0, 0);
                    }
                }
            }
            return false;
        }
        state.in_a_row += 1;
        state.recent += 1;
        state.batches += 1;
        let too_many = state.in_a_row >= IN_A_ROW_MAX || state.recent >= RECENT_MAX;
        if state.probing || (too_many && !was_quarantined) {
            let pause = PAUSE.saturating_mul(2_u32.saturating_pow(state.pauses)).min(self.pause_max);
            state.until = Some(now + pause);
            state.pauses = state.pauses.saturating_add(1);
            state.probing = false;
            return true;
        }
        false
    }

    /// Time until the next try, while quarantined.
    pub(super) fn quarantined(&self, now: Duration) -> Option<Duration> {
        self.state.lock().until.map(|until| until.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_failures_in_a_row_quarantine_and_a_good_probe_frees() {
        let breaker = Breaker::new(true);
        assert!(!breaker.ended(false, s(0)) && !breaker.ended(false, s(0)));
        assert!(breaker.ended(false, s(0)));
        assert_eq!(breaker.leave(s(0)), Leave::Wait(s(1)));
        assert_eq!(breaker.leave(s(2)), Leave::Call, "the probe");
        assert_eq!(breaker.leave(s(2)), Leave::Wait(PAUSE), "one at a time");
        assert!(!breaker.ended(true, s(2)));
        assert_eq!((breaker.leave(s(2)), breaker.quarantined(s(2))), (Leave::Call, None));
    }

    #[test]
    fn failed_probes_double_the_pause_up_to_half_a_minute() {
        let breaker = Breaker::new(true);
        (0..3).for_each(|_| assert!(breaker.ended(false, s(0)) || breaker.quarantined(s(0)).is_none()));
        let (mut now, mut pauses) = (s(0), Vec::new());
        for _ in 0..7 {
            let Leave::Wait(pause) = breaker.leave(now) else { panic!("quarantined") };
            pauses.push(pause.as_secs());
            now += pause;
            assert_eq!(breaker.leave(now), Leave::Call);
            assert!(breaker.ended(false, now));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn five_failures_in_a_hundred_batches_are_too_many_and_rare_ones_are_not() {
        let breaker = Breaker::new(false);
        let mut quarantined = false;
        for batch in 0..100 {
            quarantined |= breaker.ended(batch % 20 != 0, s(0));
        }
        assert!(quarantined);
        let breaker = Breaker::new(false);
        for batch in 0..1000 {
            assert!(!breaker.ended(batch % 40 != 0, s(0)));
        }
    }
}
