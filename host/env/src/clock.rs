//! Time as an argument.

use crate::BoxFuture;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Wall time, monotonic time and sleeping.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since the Unix epoch. May jump in both directions.
    fn unix_ns(&self) -> u64;

    /// Time since an arbitrary origin; never goes back.
    fn monotonic(&self) -> Duration;

    /// Completes once `duration` has passed on the monotonic clock. Dropping it cancels it.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Whole seconds since the Unix epoch.
    fn unix_seconds(&self) -> u64 {
        self.unix_ns() / 1_000_000_000
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Clone, Default)]
pub struct ManualClock {
    state: Arc<(Mutex<(u64, Duration)>, Notify)>,
}

impl ManualClock {
    /// A clock that shows `unix_ns` as wall time and zero as monotonic time.
    pub fn at(unix_ns: u64) -> Self {
        let clock = Self::default();
        clock.state.0.lock().0 = unix_ns;
        clock
    }

    /// Moves both clocks forward and wakes the sleepers that are due.
    pub fn advance(&self, by: Duration) {
        {
            let mut now = self.state.0.lock();
            now.0 += u64::try_from(by.as_nanos()).expect("tests advance by less than 584 years");
            now.1 += by;
        }
        self.state.1.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn unix_ns(&self) -> u64 {
        self.state.0.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.state.0.lock().1
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let due = self.monotonic() + duration;
        Box::pin(async move {
            loop {
                let woken = clock.state.1.notified();
                tokio::pin!(woken);
                woken.as_mut().enable();
                if clock.monotonic() >= due {
                    return;
                }
                woken.await;
            }
        })
    }
}
