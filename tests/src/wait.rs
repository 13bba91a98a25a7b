//! Waiting on a condition with a deadline; nothing sleeps and hopes.

use std::future::Future;
use std::time::{Duration, Instant};

/// Longest a test waits for anything. Generous: a loaded machine is slow, a broken promise never comes.
pub const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Polls until `condition` gives a value.
///
/// # Panics
/// When the deadline passes, naming what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        tokio::time::sleep(POLL).await; // sleep-ok: between two looks at a condition
    }
}
