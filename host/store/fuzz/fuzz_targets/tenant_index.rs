//! Coverage-guided fuzzing of the tenant index; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_store::fuzzing::tenant_index(data));
