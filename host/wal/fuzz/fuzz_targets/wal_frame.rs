#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cadenza_wal::fuzzing::wal_frame(data));
