//! Coverage-guided fuzzing of meta.json; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_block::fuzzing::meta_json(data));
