//! Shared harness of the end-to-end suites: starts the shipped binary, speaks to it as users do.
#![expect(clippy::disallowed_methods, reason = "tests drive real processes, files and time from outside")]
#![expect(missing_docs, reason = "names say it; nothing outside the tests uses these")]

pub mod http;
pub mod leaks;
pub mod otlp;
pub mod server;
pub mod stores;
pub mod wait;

pub use server::{Options, Server};

/// How much longer than usual to try: `cargo xtask soak` sets it.
pub fn soak_factor() -> u64 {
    std::env::var("CADENZA_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
