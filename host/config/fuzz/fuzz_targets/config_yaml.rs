//! Coverage-guided fuzzing of config yaml; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_config::fuzzing::config_yaml(data));
