//! Coverage-guided fuzzing of a log frame; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_wal::fuzzing::wal_frame(data));
