//! Coverage-guided fuzzing of the pages of a column chunk; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_block::fuzzing::block_pages(data));
