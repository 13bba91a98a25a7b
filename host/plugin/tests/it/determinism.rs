//! The same spans come out the same, whatever an instance has seen before them.

use crate::chained::chain;
use cadenza_chains::chain::PluginChain;
use cadenza_env::{Random as _, SeededRandom};
use cadenza_ingest::chain::Chain as _;
use cadenza_model::{Columns, otlp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;
use std::cell::OnceCell;
use std::ops::Range;

/// What the server has built in, with configurations that use as much of each as one can.
const BUILT_IN: [(&str, &str); 4] = [
    (
        "attributes",
        r#"{"actions": [
            {"key": "http.request.header.authorization", "action": "delete"},
            {"key": "url.path", "pattern": "^/(?P<first>[^/]+)/(?P<second>.*)$", "action": "extract"},
            {"key": "user.email", "action": "hash"},
            {"key": "copy", "from_attribute": "step", "action": "upsert"},
            {"key": "step", "action": "convert", "converted_type": "int"}]}"#,
    ),
    (
        "redaction",
        r#"{"allow_all_keys": true, "blocked_values": ["4[0-9]{15}", "[a-z]+@[a-z]+\\.org"],
            "blocked_key_patterns": [".*token.*"], "hash_function": "sha3", "summary": "debug",
            "url_sanitizer": {"enabled": true, "attributes": ["url.path"], "sanitize_span_name": true},
            "db_sanitizer": {"sql": {"enabled": true, "attributes": ["db.statement"]}},
            "also": ["links", "span_names", "status_messages", "event_names", "trace_states"]}"#,
    ),
    ("probabilistic-sampler", r#"{"sampling_percentage": 60, "mode": "proportional"}"#),
    ("process-enricher", "{}"),
];

const KEYS: [&str; 12] = [
    "http.request.header.authorization",
    "url.path",
    "user.email",
    "step",
    "db.statement",
    "api.token",
    "card",
    "sampling.priority",
    "process.pid",
    "process.executable.path",
    "service.name",
    "step.index",
];
const TEXTS: [&str; 10] = [
    "",
    "4111111111111111",
    "ann@example.org and 4222222222222222",
    "/users/42/orders/7f3a",
    "12",
    "Bearer abc",
    "SELECT * FROM t WHERE name = 'ann' AND id = 4",
    "/opt/app/bin/nightly.exe",
    "7.5",
    "step: load",
];

struct Make(SeededRandom);

impl Make {
    fn below(&self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    fn text(&self) -> String {
        match self.below(4) {
            0 => format!("{} {}", TEXTS[self.below(TEXTS.len())], self.below(1000)),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    fn value(&self) -> AnyValue {
        let text = || Value::StringValue(self.text());
        let value = match self.below(9) {
            0 => Value::IntValue(self.below(1 << 20) as i64),
            1 => Value::DoubleValue(self.below(1000) as f64 / 8.0),
            2 => Value::BoolValue(self.below(2) == 0),
            3 => Value::ArrayValue(ArrayValue {
                values: vec![AnyValue { value: Some(text()) }; self.below(3)],
            }),
            4 => Value::BytesValue(self.text().into_bytes()),
            _ => text(),
        };
        AnyValue { value: Some(value) }
    }

    fn attributes(&self, most: usize) -> Vec<KeyValue> {
        let one = |_| KeyValue {
            key: KEYS[self.below(KEYS.len())].to_owned(),
            value: Some(self.value()),
            ..KeyValue::default()
        };
        (0..self.below(most + 1)).map(one).collect()
    }

    fn span(&self) -> Span {
        let id = |n: usize| (n as u64 + 1).to_be_bytes().to_vec();
        let mut trace_id = vec![0; 7];
        trace_id.extend((0..9).map(|byte| if byte < 8 { (self.below(3) * 87) as u8 } else { 1 }));
        let state = ["", "ot=th:8", "ot=rv:fe012345678abc", "vendor=x,ot=th:c;rv:40000000000000"];
        Span {
            trace_id,
            span_id: id(self.below(40)),
            parent_span_id: if self.below(3) == 0 { Vec::new() } else { id(self.below(40)) },
            trace_state: state[self.below(4)].to_owned(),
            name: self.text(),
            start_time_unix_nano: self.below(50) as u64,
            attributes: self.attributes(6),
            events: (0..self.below(3))
                .map(|_| Event { name: self.text(), attributes: self.attributes(2), ..Event::default() })
                .collect(),
            links: (0..self.below(2))
                .map(|_| Link {
                    trace_id: vec![9; 16],
                    span_id: id(3),
                    attributes: self.attributes(2),
                    ..Link::default()
                })
                .collect(),
            status: Some(Status { message: self.text(), code: self.below(3) as i32 }),
            ..Span::default()
        }
    }

    /// A batch of some requests, small ones and some that are cut.
    fn batch(&self) -> (Columns, Vec<Range<usize>>) {
        let mut columns = Columns::new();
        let most = if self.below(12) == 0 { 700 } else { 12 };
        let request = |_| {
            let resource_spans = (0..1 + self.below(2)).map(|_| ResourceSpans {
                resource: Some(Resource { attributes: self.attributes(4), ..Resource::default() }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: self.text(),
                        ..InstrumentationScope::default()
                    }),
                    spans: (0..self.below(most)).map(|_| self.span()).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            });
            let request = ExportTraceServiceRequest { resource_spans: resource_spans.collect() };
            otlp::decode(&request.encode_to_vec(), &mut columns).expect("good OTLP").rows
        };
        let requests = (0..1 + self.below(3)).map(request).collect();
        (columns, requests)
    }
}

/// All that goes on from a batch: spans, dictionaries in their order, verdicts and reasons.
fn outcome(
    chain: &PluginChain,
    (columns, requests): &(Columns, Vec<Range<usize>>),
) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut columns = columns.clone();
    let done = chain.run(&mut columns, requests).map(|done| (done.verdicts, done.reasons, done.edited));
    columns.compact();
    columns.check().expect("columns that hold together");
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    let dictionaries = [&columns.names, &columns.values, &columns.raw].map(|dict| dict.arena().to_vec());
    let spans = ExportTraceServiceRequest { resource_spans: otlp::to_resource_spans(&columns, &rows) };
    (done, spans.encode_to_vec(), dictionaries)
}

thread_local! {
    /// Chains that have seen all batches so far: of each plugin alone, and of all.
    static WARM: OnceCell<Vec<PluginChain>> = const { OnceCell::new() };
}

/// Each plugin alone, and all of them.
fn chains() -> impl Iterator<Item = &'static [(&'static str, &'static str)]> {
    BUILT_IN.iter().map(std::slice::from_ref).chain([BUILT_IN.as_slice()])
}

proptest! {
    // Each case configures eight plugins anew, three times.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_instance_that_has_worked_gives_the_bytes_that_a_fresh_one_gives(seed: u64) {
        let make = Make(SeededRandom::new(seed));
        let batches: Vec<_> = (0..3).map(|_| make.batch()).collect();
        WARM.with(|warm| {
            let warm = warm.get_or_init(|| chains().map(|plugins| chain(plugins).0).collect());
            for (plugins, warm) in chains().zip(warm) {
                for batch in &batches {
                    let first = outcome(&chain(plugins).0, batch);
                    assert_eq!(outcome(warm, batch), first, "{plugins:?} after other batches");
                    assert_eq!(outcome(warm, batch), first, "{plugins:?} after the same batch");
                }
            }
        });
    }
}

#[test]
fn the_batches_have_work_for_every_plugin() {
    let make = Make(SeededRandom::new(1));
    for plugins in chains() {
        let chain = chain(plugins).0;
        let worked = (0..20).any(|_| {
            let (mut columns, requests) = make.batch();
            let before = columns.span_attrs.key.len();
            let done = chain.run(&mut columns, &requests).expect("taken");
            done.edited || !done.verdicts.is_empty() || columns.span_attrs.key.len() != before
        });
        assert!(worked, "{plugins:?}");
    }
}
