//! Coverage-guided fuzzing of traceql parse; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_traceql::fuzzing::traceql_parse(data));
