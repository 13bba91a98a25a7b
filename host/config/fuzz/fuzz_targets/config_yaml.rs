#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_config::fuzzing::config_yaml(data));
