//! A token bucket over bytes. Limits are arguments, so a reload takes effect with the next request.

use std::time::Duration;

/// What a tenant may still send now.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Tokens and when they were counted; `None` before the first request: full.
    state: Option<(f64, Duration)>,
}

impl Bucket {
    /// Takes `bytes` if they are there at `now`.
    pub(crate) fn take(&mut self, bytes: u64, rate: u64, burst: u64, now: Duration) -> bool {
        let burst = burst as f64;
        let tokens = match self.state {
            None => burst,
            Some((tokens, at)) => {
                let since = now.saturating_sub(at).as_secs_f64();
                (tokens + since * rate as f64).min(burst)
            }
        };
        let taken = bytes as f64 <= tokens;
        self.state = Some((if taken { tokens - bytes as f64 } else { tokens }, now));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_starts_full_refills_at_its_rate_and_never_above_its_burst() {
        let mut bucket = Bucket::default();
        let at = Duration::from_millis;
        assert!(bucket.take(200, 100, 200, at(0)));
        assert!(!bucket.take(1, 100, 200, at(0)));
        assert!(bucket.take(50, 100, 200, at(500)));
        assert!(!bucket.take(1, 100, 200, at(500)));
        assert!(!bucket.take(201, 100, 200, at(100_000)));
        assert!(bucket.take(200, 100, 200, at(100_000)));
        assert!(!bucket.take(1, 0, 0, at(200_000)));
    }
}
