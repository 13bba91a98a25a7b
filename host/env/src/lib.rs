//! The seams: everything the server takes from its surroundings comes in through these traits.
//!
//! Clock, randomness, disk and task spawning are traits so that a test can run the same code under a
//! seeded simulation: time that jumps, disks that tear and lie, tasks in a chosen order. `clippy.toml`
//! bans the ambient versions everywhere else. One place, the binary's wiring, picks the real ones.

mod clock;
mod disk;
mod random;
mod real;
pub mod sim;
mod spawn;
mod whole;

pub use clock::{Clock, ManualClock};
pub use disk::{Disk, DiskFile, DiskLock, Entry};
pub use random::{Random, SeededRandom};
pub use real::{OsRandom, RealDisk, SystemClock, TokioSpawn};
pub use spawn::{BoxFuture, Spawn};

use std::sync::Arc;

/// The four seams together, cheap to clone. Every crate that touches the outside takes this.
#[derive(Clone)]
pub struct Env {
    /// Wall and monotonic time, and sleeping.
    pub clock: Arc<dyn Clock>,
    /// Seeds and jitter. Never used for secrets.
    pub random: Arc<dyn Random>,
    /// Files and directories.
    pub disk: Arc<dyn Disk>,
    /// Tasks and threads.
    pub spawn: Arc<dyn Spawn>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env")
    }
}
