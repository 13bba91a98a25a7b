//! Coverage-guided fuzzing of component bytes; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_plugin::fuzzing::component_bytes(data));
