//! The beat that running guests are interrupted by.

use cadenza_env::{Clock, Env};
use parking_lot::{Condvar, Mutex};
use prometheus::IntCounter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often a running guest is looked at: the grain of deadlines.
const TICK: Duration = Duration::from_millis(1);
/// A beat that comes this long after the one before is late. A guest that has used up its time goes on until the next
/// beat: the shortest deadline is 20 ms, and nothing may run for twice its time unnoticed.
const LATE: Duration = Duration::from_millis(20);
/// Beats without a call after which the thread sleeps: an idle server must not wake up a thousand times a second.
const IDLE_TICKS: u32 = 200;

/// Counts the calls that are running, and beats while there are some.
pub(crate) struct Ticker {
    calls: AtomicU64,
    running: AtomicU64,
    sleeping: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
    clock: Arc<dyn Clock>,
    late: IntCounter,
}

/// A call that is running.
pub(crate) struct Running<'a>(&'a Ticker);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    /// Starts the thread; `beat` is called at each tick, and `late` counts those that came late.
    pub(crate) fn start(env: &Env, late: IntCounter, beat: impl Fn() + Send + 'static) -> Arc<Self> {
        let ticker = Arc::new(Self {
            calls: AtomicU64::new(0),
            running: AtomicU64::new(0),
            sleeping: AtomicBool::new(false),
            stopped: Mutex::new(false),
            wake: Condvar::new(),
            clock: Arc::clone(&env.clock),
            late,
        });
        let of_thread = Arc::clone(&ticker);
        env.spawn.spawn_thread("plugin-ticker", Box::new(move || of_thread.run(&beat)));
        ticker
    }

    fn run(&self, beat: &dyn Fn()) {
        let (mut seen, mut idle) = (0, 0);
        let mut stopped = self.stopped.lock();
        let mut last = self.clock.monotonic();
        while !*stopped {
            if idle < IDLE_TICKS {
                self.wake.wait_for(&mut stopped, TICK);
                let now = self.clock.monotonic();
                if now.saturating_sub(last) > LATE {
                    self.late.inc();
                }
                last = now;
                beat();
                let calls = self.calls.load(Ordering::SeqCst);
                let busy = calls != seen || self.running.load(Ordering::SeqCst) > 0;
                seen = calls;
                idle = if busy { 0 } else { idle + 1 };
                continue;
            }
            self.sleeping.store(true, Ordering::SeqCst);
            // A call that began before the line above has been counted; one that begins after it wakes us.
            if self.running.load(Ordering::SeqCst) == 0 && self.calls.load(Ordering::SeqCst) == seen {
                self.wake.wait(&mut stopped);
            }
            self.sleeping.store(false, Ordering::SeqCst);
            idle = 0;
            // Nobody waits for a beat while there is no call.
            last = self.clock.monotonic();
        }
    }

    /// Counts a call in until the guard is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) {
            // The lock is free only while the thread waits, so that the signal cannot fall before it.
            drop(self.stopped.lock());
            self.wake.notify_one();
        }
        Running(self)
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_env::{ManualClock, OsRandom, RealDisk, TokioSpawn};
    use std::sync::mpsc::{Receiver, sync_channel};

    /// Longest a test waits for a beat, which takes a millisecond.
    const DEADLINE: Duration = Duration::from_secs(60);

    /// A ticker whose thread waits until each beat is taken note of.
    fn ticker(clock: &ManualClock) -> (Arc<Ticker>, IntCounter, Receiver<()>) {
        // Threads need nothing of it.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let env = Env {
            clock: Arc::new(clock.clone()),
            random: Arc::new(OsRandom::default()),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(runtime.handle().clone())),
        };
        let late = IntCounter::new("late", "Late ticks").expect("a counter");
        let (beats, seen) = sync_channel(0);
        // Once nobody listens, the test is over.
        let ticker = Ticker::start(&env, late.clone(), move || {
            beats.send(()).ok();
        });
        (ticker, late, seen)
    }

    #[test]
    fn a_beat_that_is_late_is_counted_once() {
        let clock = ManualClock::default();
        let (ticker, late, seen) = ticker(&clock);
        let _running = ticker.enter();
        let beat = || seen.recv_timeout(DEADLINE).expect("a beat");
        for _ in 0..3 {
            beat();
            // Two of these may fall between two beats, which is not beyond the bound.
            clock.advance(LATE / 2);
        }
        assert_eq!(late.get(), 0);
        clock.advance(LATE + TICK);
        for _ in 0..3 {
            beat();
        }
        assert_eq!(late.get(), 1);
        drop(seen);
        ticker.stop();
    }

    #[test]
    fn an_idle_ticker_sleeps_and_is_not_late_when_it_wakes() {
        let clock = ManualClock::default();
        let (ticker, late, seen) = ticker(&clock);
        while !ticker.sleeping.load(Ordering::SeqCst) {
            // None comes once it sleeps.
            seen.recv_timeout(TICK * 10).ok();
        }
        clock.advance(LATE * 10);
        let _running = ticker.enter();
        for _ in 0..3 {
            seen.recv_timeout(DEADLINE).expect("a beat");
        }
        assert_eq!(late.get(), 0);
        drop(seen);
        ticker.stop();
    }
}
