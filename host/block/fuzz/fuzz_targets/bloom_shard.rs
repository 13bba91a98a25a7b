//! Coverage-guided fuzzing of a bloom filter's shard; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_block::fuzzing::bloom_shard(data));
