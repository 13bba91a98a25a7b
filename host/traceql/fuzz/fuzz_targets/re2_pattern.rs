//! Coverage-guided fuzzing of patterns; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_traceql::fuzzing::re2_pattern(data));
