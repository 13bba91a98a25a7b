//! Decoding loses nothing, and agrees with prost on what a request means.

use crate::messages::Gen;
use cadenza_model::{Columns, Remap, fuzzing, otlp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

pub(crate) fn fixture_requests() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3/input.binpb");
    let file = std::fs::read(path).expect("the fixture");
    let mut rest = &file[..];
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let len = prost::decode_length_delimiter(&mut rest).expect("a length");
        requests.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    requests
}

/// Decodes `request`, checks the columns and gives back what they say.
fn through_columns(request: &[u8]) -> Vec<opentelemetry_proto::tonic::trace::v1::ResourceSpans> {
    let mut columns = Columns::new();
    let decoded = otlp::decode(request, &mut columns).expect("a valid request");
    columns.check().expect("consistent columns");
    assert_eq!(decoded.wire_bytes, request.len());
    let rows: Vec<u32> = decoded.rows.map(|row| row as u32).collect();
    otlp::to_resource_spans(&columns, &rows)
}

#[test]
fn real_requests_come_back_whole() {
    let requests = fixture_requests();
    assert_eq!(requests.len(), 20);
    let mut spans = 0;
    for request in requests {
        let reference = ExportTraceServiceRequest::decode(&request[..]).expect("a valid request");
        let ours = through_columns(&request);
        spans += ours.iter().flat_map(|m| &m.scope_spans).map(|scope| scope.spans.len()).sum::<usize>();
        fuzzing::assert_same(ours, reference.resource_spans);
    }
    assert_eq!(spans, 385);
}

#[test]
fn generated_requests_come_back_whole() {
    for seed in 0..400 {
        let request = Gen(seed).request();
        fuzzing::assert_same(through_columns(&request.encode_to_vec()), request.resource_spans);
    }
}

#[test]
fn scrambled_requests_mean_what_prost_says() {
    for seed in 0..3000 {
        let mut choices = Gen(seed);
        let request = choices.request().encode_to_vec();
        let scrambled = choices.scrambled(&request, 9);
        fuzzing::otlp_protobuf(&scrambled);
        assert!(ExportTraceServiceRequest::decode(&scrambled[..]).is_ok(), "scrambled but valid");
    }
}

#[test]
fn requests_appended_to_one_batch_stay_apart_by_rows() {
    let requests = fixture_requests();
    let mut columns = Columns::new();
    let mut ranges = Vec::new();
    for request in &requests {
        ranges.push(otlp::decode(request, &mut columns).expect("a valid request").rows);
    }
    columns.check().expect("consistent columns");
    for (request, rows) in requests.iter().zip(ranges) {
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let reference = ExportTraceServiceRequest::decode(&request[..]).expect("a valid request");
        fuzzing::assert_same(otlp::to_resource_spans(&columns, &rows), reference.resource_spans);
    }
}

#[test]
fn gathering_and_compacting_loses_nothing() {
    let mut gathered = Columns::new();
    let mut remap = Remap::new();
    let mut expected = Vec::new();
    for seed in 0..60 {
        let mut choices = Gen(seed);
        let mut source = Columns::new();
        otlp::decode(&choices.request().encode_to_vec(), &mut source).expect("a valid request");
        let rows: Vec<u32> = (0..source.spans.len() as u32).rev().filter(|_| !choices.one_in(3)).collect();
        expected.extend(otlp::to_resource_spans(&source, &rows));
        gathered.append_rows_with(&mut remap, &source, &rows).expect("room");
    }
    gathered.check().expect("consistent columns");
    let rows: Vec<u32> = (0..gathered.spans.len() as u32).collect();
    fuzzing::assert_same(otlp::to_resource_spans(&gathered, &rows), expected);

    gathered.retain_rows(|row| row % 3 != 0);
    let kept: Vec<u32> = (0..gathered.spans.len() as u32).collect();
    let before = otlp::to_resource_spans(&gathered, &kept);
    let names = gathered.names.len();
    gathered.compact();
    gathered.check().expect("consistent columns");
    assert!(gathered.names.len() < names, "unused names are gone");
    fuzzing::assert_same(otlp::to_resource_spans(&gathered, &kept), before);
}
