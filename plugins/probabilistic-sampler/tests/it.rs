//! The decisions of a real Collector 0.155 over its own recorded requests, and configurations that make no sense.

use cadenza_plugin_probabilistic_sampler::ProbabilisticSampler;
use cadenza_plugin_sdk::testing::{self, Data, Value};
use std::collections::HashMap;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/otelcol-0.155");

fn read(case: &str, file: &str) -> String {
    let path = format!("{FIXTURES}/{case}/{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check(case: &str) {
    let yaml: serde_json::Value = serde_norway::from_str(&read(case, "processors.yaml")).unwrap();
    let mut data = Data::default();
    for line in read(case, "input.jsonl").lines() {
        data.otlp(&serde_json::from_str(line).unwrap());
    }
    let kept = testing::decide::<ProbabilisticSampler>(&yaml["probabilistic_sampler"].to_string(), &mut data);
    let hex = |id: [u8; 8]| id.map(|byte| format!("{byte:02x}")).concat();
    let ours: HashMap<String, (bool, &str)> = data
        .spans
        .iter()
        .zip(&kept)
        .map(|(span, kept)| (hex(span.span_id), (*kept, span.trace_state.as_str())))
        .collect();
    let mut compared = 0;
    for line in read(case, "decisions.csv").lines().skip(1) {
        // A tracestate may hold commas: it is quoted then.
        let (id, rest) = line.split_once(',').unwrap();
        let (kept, rest) = rest.split_once(',').unwrap();
        let state = rest.rsplit_once(',').unwrap().0.trim_matches('"');
        let (our_kept, our_state) = ours[id];
        assert_eq!(our_kept, kept == "1", "{case}: span {id}");
        if our_kept {
            assert_eq!(our_state, state, "{case}: tracestate of span {id}");
        }
        compared += 1;
    }
    assert_eq!(compared, ours.len(), "{case}");
}

#[test]
fn decisions_and_tracestates_are_the_collectors() {
    let names =
        std::fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let cases: Vec<String> = names.filter(|name| name.starts_with("sampler-")).collect();
    assert!(cases.len() >= 6, "{cases:?}");
    cases.iter().for_each(|case| check(case));
}

#[test]
fn zero_percent_keeps_only_what_priority_says() {
    let mut data = Data::default();
    data.span("a", []);
    data.span("b", [("sampling.priority", Value::from(1_i64))]).trace_state = "x=1,ot=th:zz".to_owned();
    data.span("c", [("sampling.priority", Value::from("2.5"))]);
    assert_eq!(testing::decide::<ProbabilisticSampler>("{}", &mut data), [false, true, true]);
    assert_eq!(data.spans[1].trace_state, "ot=th:0,x=1");
}

#[test]
fn a_hundred_percent_keeps_all_but_spans_without_a_trace_id() {
    let mut data = Data::default();
    data.span("a", []);
    data.span("b", []).trace_id = [0; 16];
    let config = r#"{"sampling_percentage":100,"mode":"equalizing"}"#;
    assert_eq!(testing::decide::<ProbabilisticSampler>(config, &mut data), [true, false]);
    assert_eq!(data.spans[0].trace_state, "ot=th:0");
}

#[test]
fn errors_name_their_place() {
    let refused = |config: &str, expect: &str| {
        let errors = testing::configure::<ProbabilisticSampler>(config).err().expect(config);
        assert_eq!(errors.to_string(), expect, "{config}");
    };
    refused(r#"{"sampling_percentage":-1}"#, "/sampling_percentage: must be a number from 0");
    refused(r#"{"sampling_percentage":1e-20}"#, "/sampling_percentage: is less than one in 2^56");
    refused(r#"{"sampling_precision":15}"#, "/sampling_precision: must be 1 to 14 hex digits");
    refused(
        r#"{"mode":"random"}"#,
        "/mode: unknown variant `random`, expected one of ``, `hash_seed`, `proportional`, `equalizing`",
    );
    refused(
        r#"{"attribute_source":"span"}"#,
        "/attribute_source: unknown variant `span`, expected one of ``, `traceID`, `record`",
    );
}
