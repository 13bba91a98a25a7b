//! The beat that running guests are interrupted by.

use cadenza_env::Spawn;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often a running guest is looked at: the grain of deadlines.
const TICK: Duration = Duration::from_millis(1);
/// Beats without a call after which the thread sleeps: an idle server must not wake up a thousand times a second.
const IDLE_TICKS: u32 = 200;

/// Counts the calls that are running, and beats while there are some.
pub(crate) struct Ticker {
    calls: AtomicU64,
    running: AtomicU64,
    sleeping: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
}

/// A call that is running.
pub(crate) struct Running<'a>(&'a Ticker);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    /// Starts the thread; `beat` is called at each tick.
    pub(crate) fn start(spawn: &dyn Spawn, beat: impl Fn() + Send + 'static) -> Arc<Self> {
        let ticker = Arc::new(Self {
            calls: AtomicU64::new(0),
            running: AtomicU64::new(0),
            sleeping: AtomicBool::new(false),
            stopped: Mutex::new(false),
            wake: Condvar::new(),
        });
        let of_thread = Arc::clone(&ticker);
        spawn.spawn_thread("plugin-ticker", Box::new(move || of_thread.run(&beat)));
        ticker
    }

    fn run(&self, beat: &dyn Fn()) {
        let (mut seen, mut idle) = (0, 0);
        let mut stopped = self.stopped.lock();
        while !*stopped {
            if idle < IDLE_TICKS {
                self.wake.wait_for(&mut stopped, TICK);
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
