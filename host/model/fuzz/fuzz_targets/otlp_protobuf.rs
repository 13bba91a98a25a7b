//! Coverage-guided fuzzing of otlp protobuf; the target and what must hold live in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_model::fuzzing::otlp_protobuf(data));
