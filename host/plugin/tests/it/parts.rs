//! What belongs together stays together, whatever a batch is made of.

use crate::chained::chain_of;
use cadenza_ingest::chain::Chain as _;
use cadenza_model::{Columns, ValueRef, otlp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use std::collections::BTreeMap;
use std::ops::Range;

/// Appends a request: so many runs of a process, each a trace of a root and its steps, in turn as a client that runs
/// several at once would send them.
fn request(columns: &mut Columns, number: u8, runs: u8, steps: u64, name_bytes: usize) -> Range<usize> {
    let span = |run: u8, step: u64| Span {
        trace_id: u128::from_be_bytes([number + 1, run + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            .to_be_bytes()
            .to_vec(),
        span_id: (step + 1).to_be_bytes().to_vec(),
        parent_span_id: if step == 0 { Vec::new() } else { 1_u64.to_be_bytes().to_vec() },
        name: format!("{number}/{run}/{step}/{}", "x".repeat(name_bytes)),
        start_time_unix_nano: step + 1,
        ..Span::default()
    };
    let spans = (0..=steps).flat_map(|step| (0..runs).map(move |run| (run, step)));
    let spans = spans.map(|(run, step)| span(run, step)).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    otlp::decode(&body, columns).expect("good OTLP").rows
}

/// `step.index` by trace and span.
fn steps(columns: &Columns) -> BTreeMap<([u8; 16], u64), i64> {
    let attrs = &columns.span_attrs;
    let index = |row: usize| {
        let at = attrs.of(row).find(|&at| columns.key(attrs, at) == "step.index")?;
        match columns.value(attrs, at) {
            ValueRef::Int(index) => Some(index),
            other => panic!("{other:?}"),
        }
    };
    let spans = &columns.spans;
    let found =
        (0..spans.len()).filter_map(|row| Some(((spans.trace_id[row].0, spans.span_id[row].0), index(row)?)));
    found.collect()
}

#[test]
fn a_guest_sees_whole_requests_or_whole_traces_in_parts_of_bounded_spans_and_bytes() {
    // Five requests of 300 spans; one of 2,000 in traces of 200; two of 400 spans with 5 KiB each to show.
    for (requests, runs, steps_each, name_bytes, calls_min) in
        [(5, 1, 299, 0, 5), (1, 10, 199, 0, 5), (2, 4, 99, 5 << 10, 4), (1, 1, 600, 0, 2), (3, 1, 100, 0, 1)]
    {
        let (chain, seen) = chain_of("process-enricher", "{}");
        let mut columns = Columns::new();
        let rows: Vec<_> =
            (0..requests).map(|number| request(&mut columns, number, runs, steps_each, name_bytes)).collect();
        let done = chain.run(&mut columns, &rows).expect("taken");
        assert!(done.verdicts.is_empty() && done.reasons.is_empty(), "{done:?}");
        let seen = seen.lock().expect("no panic while noting").clone();
        let of = format!("{requests} requests of {runs} runs: {seen:?}");
        assert!(seen.len() >= calls_min && seen.len() <= calls_min + 2, "{of}");
        assert!(seen.iter().all(|&(spans, bytes)| spans <= 512 && bytes <= 1 << 20), "{of}");
        assert_eq!(seen.iter().map(|(spans, _)| *spans as usize).sum::<usize>(), columns.spans.len(), "{of}");
        if steps_each < 512 {
            let found = steps(&columns);
            assert_eq!(found.len() as u64, u64::from(requests) * u64::from(runs) * steps_each, "{of}");
            assert!(found.iter().all(|((_, span), index)| *index == *span as i64 - 2), "{of}");
        }
    }
}

#[test]
fn a_span_that_shows_more_than_a_part_may_goes_alone() {
    let (chain, seen) = chain_of("process-enricher", "{}");
    let mut columns = Columns::new();
    let rows = [
        request(&mut columns, 0, 1, 20, 0),
        request(&mut columns, 1, 1, 0, 2 << 20),
        request(&mut columns, 2, 1, 20, 0),
    ];
    chain.run(&mut columns, &rows).expect("taken");
    let seen = seen.lock().expect("no panic while noting").clone();
    for &(spans, bytes) in &seen {
        assert!(spans == 1 || bytes <= 1 << 20, "{seen:?}");
    }
    assert_eq!(seen.iter().map(|(spans, _)| spans).sum::<u32>(), 43, "{seen:?}");
    assert!(steps(&columns).len() >= 38, "others are cut from their siblings at most");
}
