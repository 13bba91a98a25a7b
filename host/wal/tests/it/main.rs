//! The log's promises, over real and simulated disks.
#![expect(clippy::disallowed_methods, reason = "tests look at files and at their own variables")]

mod damage;
mod failing;
mod format;
mod life;
mod simulation;
mod support;
