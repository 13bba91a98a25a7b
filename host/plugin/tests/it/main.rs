//! Plugins that do harm, plugins that do well, and what the runtime makes of both.
#![expect(clippy::disallowed_methods, reason = "tests may name files, time and threads")]

mod cache;
mod chained;
mod compile;
mod components;
mod contract;
mod determinism;
mod fuzz;
mod hostile;
mod parts;
mod support;
mod wat;
