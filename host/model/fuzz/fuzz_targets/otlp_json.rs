#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_model::fuzzing::otlp_json(data));
