//! Coverage-guided fuzzing of plans; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_transform::fuzzing::plans(data));
