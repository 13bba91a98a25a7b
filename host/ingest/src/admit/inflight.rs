//! The server's bound on request bytes that are on their way.

use crate::admit::table::Reason;
use crate::error::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts bytes of requests between arrival and answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    used: AtomicUsize,
    bytes_max: usize,
}

/// Bytes of one request; given back on drop.
#[derive(Debug)]
pub(crate) struct Held {
    of: Arc<InFlight>,
    bytes: usize,
}

impl InFlight {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), bytes_max })
    }

    /// Holds nothing yet.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        Held { of: self.clone(), bytes: 0 }
    }

    /// Bytes on their way now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Holds `bytes` in all, or refuses without changing anything.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        let fits = |used: usize| used.checked_add(more).filter(|&after| after <= self.of.bytes_max);
        match self.of.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => {
                self.bytes += more;
                Ok(())
            }
            Err(_) => {
                let text =
                    format!("requests in flight are at the server's limit of {} bytes", self.of.bytes_max);
                Err(Refusal::new(Reason::InFlightBytes, text, None))
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_flight_never_pass_the_bound_and_come_back() {
        let all = InFlight::new(100);
        let mut a = all.hold();
        let mut b = all.hold();
        a.grow_to(60).expect("fits");
        a.grow_to(30).expect("less is no growth");
        assert_eq!(b.grow_to(41).expect_err("does not fit").reason, Reason::InFlightBytes);
        b.grow_to(40).expect("fits exactly");
        drop(a);
        assert_eq!(all.used(), 40);
        drop(b);
        assert_eq!(all.used(), 0);
    }
}
