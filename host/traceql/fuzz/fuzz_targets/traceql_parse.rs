#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_traceql::fuzzing::traceql_parse(data));
