//! Frames: nothing lost, nothing written that should not be, no bytes that hurt.

use crate::support::{assert_same, batch, compacted, traffic, wild};
use cadenza_model::{Columns, TenantId};
use cadenza_wal::measure::{FrameEncoder, decode_unchecked};
use proptest::prelude::*;

fn round_trip(encoder: &mut FrameEncoder, columns: &Columns) -> Vec<u8> {
    let mut frame = Vec::new();
    let tenant = TenantId::parse("team-a").expect("a tenant");
    encoder.encode(&tenant, &[7; 32], columns, &mut frame).expect("fits");
    let back = decode_unchecked(&frame).expect("decodes");
    back.check().expect("consistent");
    assert_same(&compacted(columns), &back);
    frame
}

#[test]
fn realistic_requests_come_back_unchanged() {
    let mut encoder = FrameEncoder::default();
    for spans in [1, 10, 400] {
        for columns in traffic(1, 20, spans) {
            round_trip(&mut encoder, &columns);
        }
    }
    round_trip(&mut encoder, &Columns::new());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn anything_the_model_holds_comes_back(seed: u64, rows in 0..120usize) {
        round_trip(&mut FrameEncoder::default(), &wild(seed, rows));
    }
}

#[test]
fn what_no_span_refers_to_is_not_written() {
    let secret = b"4111-1111-1111-1111";
    let mut columns = wild(3, 40);
    columns.values.push(secret);
    columns.names.push(secret);
    columns.raw.push(secret);
    let mut frame = Vec::new();
    let mut encoder = FrameEncoder::default();
    encoder.encode(&TenantId::single(), &[0; 32], &columns, &mut frame).expect("fits");
    let back = decode_unchecked(&frame).expect("decodes");
    for dict in [&back.names, &back.values, &back.raw] {
        assert_eq!(dict.codes_of(secret).count(), 0);
    }
}

#[test]
fn the_same_batch_is_the_same_bytes() {
    let columns = wild(9, 50);
    let frames: Vec<_> = (0..3).map(|_| round_trip(&mut FrameEncoder::default(), &columns)).collect();
    assert!(frames.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn frames_of_realistic_requests_are_small() {
    // The bars of the format; the bench has the figures.
    for (spans, bytes_max) in [(400, 78), (10, 200)] {
        let (mut bytes, mut rows) = (0, 0);
        let mut encoder = FrameEncoder::default();
        for columns in traffic(1, 4000 / spans, spans) {
            let mut frame = Vec::new();
            encoder.encode(&TenantId::single(), &[0; 32], &columns, &mut frame).expect("fits");
            bytes += frame.len();
            rows += columns.spans.len();
        }
        assert!(bytes <= bytes_max * rows, "{} bytes a span at {spans} spans", bytes as f64 / rows as f64);
    }
}

/// Where the seeds of the fuzzer lie.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/wal_frame");

#[test]
fn any_bytes_decode_or_are_refused() {
    cadenza_mutate::replay_and_mutate(CORPUS, cadenza_wal::fuzzing::wal_frame);
}

#[test]
#[ignore = "writes the seeds of the fuzzer anew"]
fn write_corpus() {
    std::fs::create_dir_all(CORPUS).expect("the corpus folder can be made");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(format!("{CORPUS}/{name}"), bytes).expect("a seed can be written");
    };
    let mut encoder = FrameEncoder::default();
    let mut frame = |columns: &Columns| {
        let mut frame = Vec::new();
        let batch = batch("team-a", columns.clone());
        encoder.encode(batch.tenant(), &[7; 32], columns, &mut frame).expect("fits");
        frame
    };
    write("empty", &frame(&Columns::new()));
    write("small", &frame(&traffic(1, 1, 5)[0]));
    write("large", &frame(&traffic(1, 1, 80)[0]));
    write("wild", &frame(&wild(5, 12)));
    write("wild-large", &frame(&wild(6, 120)));
}
