//! End-to-end suites by promise, on the shipped binary.
#![expect(clippy::disallowed_methods, reason = "tests drive real processes, files and time from outside")]
#![expect(clippy::print_stdout, reason = "figures and what could not be run are part of the output")]

mod big_log;
mod blocks;
mod canary;
mod clients;
mod compaction;
mod crash_points;
mod demo;
mod disk_full;
mod durability;
mod fixtures;
mod formats;
mod moving;
mod operating;
mod plugin_modes;
mod plugins;
mod stores;
mod tools;
#[path = "../../../host/plugin/tests/it/wat.rs"]
mod wat;
