//! Random requests, and the spans in them as plain structs.

use cadenza_env::{Random, SeededRandom};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// Where time starts, in seconds.
pub(crate) const START_S: u64 = 1_700_000_000;

/// Seeded choices.
pub(crate) struct Dice(SeededRandom);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(1)))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// True in `percent` of all cases.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Keys that occur in every scope, some with columns of their own in blocks.
pub(crate) const KEYS: [&str; 8] =
    ["a", "b", "c d", "http.status_code", "http.method", "k8s.pod.name", "url.path", "service.name"];
/// Those that blocks of this test have columns of their own for.
pub(crate) const OWN_KEYS: [&str; 4] = ["http.status_code", "http.method", "k8s.pod.name", "url.path"];
pub(crate) const TEXTS: [&str; 7] = ["x", "y", "xy", "1", "true", "", "error"];
pub(crate) const NAMES: [&str; 4] = ["get", "put", "x", ""];
pub(crate) const SERVICES: [&str; 3] = ["shop", "db", "x"];

/// One span with everything around it.
#[derive(Debug, Clone)]
pub(crate) struct Full {
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) scope: InstrumentationScope,
    pub(crate) span: Span,
}

pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

fn scalar(dice: &Dice) -> Value {
    match dice.below(8) {
        0..=2 => Value::StringValue(dice.pick(&TEXTS).to_owned()),
        3 | 4 => Value::IntValue([1, 2, 200, -3][dice.below(4) as usize]),
        5 => Value::DoubleValue([1.0, 2.5, -0.5, 200.0][dice.below(4) as usize]),
        _ => Value::BoolValue(dice.chance(60)),
    }
}

fn value(dice: &Dice) -> AnyValue {
    let any = |value| AnyValue { value: Some(value) };
    let array = |values: Vec<AnyValue>| any(Value::ArrayValue(ArrayValue { values }));
    match dice.below(20) {
        0..=13 => any(scalar(dice)),
        14 | 15 => array((0..1 + dice.below(3)).map(|_| text(dice.pick(&TEXTS))).collect()),
        16 => array((0..1 + dice.below(3)).map(|_| any(Value::IntValue(dice.below(3) as i64))).collect()),
        17 => match dice.below(3) {
            0 => array(Vec::new()),
            1 => array(vec![any(Value::IntValue(1)), text("x")]),
            _ => array(vec![array(vec![any(Value::IntValue(1))])]),
        },
        18 => match dice.below(3) {
            0 => any(Value::KvlistValue(KeyValueList { values: vec![pair("a", text("x"))] })),
            1 => any(Value::BytesValue(vec![1, 2])),
            _ => AnyValue { value: None },
        },
        _ => array(vec![any(Value::BoolValue(true)), any(Value::BoolValue(dice.chance(50)))]),
    }
}

/// In a column of its own in vParquet5 an empty array is lost and an array of one is its element: such are not
/// asked for.
fn lasting(key: &str, mut value: AnyValue) -> AnyValue {
    if OWN_KEYS.contains(&key)
        && let Some(Value::ArrayValue(array)) = &mut value.value
    {
        let last = array.values.last().cloned().unwrap_or_else(|| text("x"));
        array.values.resize(array.values.len().max(2), last);
    }
    value
}

pub(crate) fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn attributes(dice: &Dice, most: u64, resource: bool) -> Vec<KeyValue> {
    let mut list: Vec<KeyValue> = Vec::new();
    for _ in 0..dice.below(most + 1) {
        let key = dice.pick(&KEYS[..if resource { 7 } else { 8 }]);
        if !list.iter().any(|have| have.key == key) {
            list.push(pair(key, lasting(key, value(dice))));
        }
    }
    if dice.chance(5) {
        // A key that repeats: the last one counts.
        list.push(pair("a", text(dice.pick(&TEXTS))));
    }
    list
}

fn resource(dice: &Dice) -> Vec<KeyValue> {
    let mut list = attributes(dice, 3, true);
    match dice.below(12) {
        0 => {}
        1 => list.push(pair("service.name", AnyValue { value: Some(Value::IntValue(5)) })),
        3 => list.push(pair("service.name", text(""))),
        2 => {
            list.push(pair("service.name", text(dice.pick(&SERVICES))));
            list.push(pair("service.name", AnyValue { value: Some(Value::BoolValue(true)) }));
        }
        _ => list.push(pair("service.name", text(dice.pick(&SERVICES)))),
    }
    list
}

fn scope(dice: &Dice) -> InstrumentationScope {
    InstrumentationScope {
        name: dice.pick(&["lib", "x", ""]).to_owned(),
        version: dice.pick(&["1", "x", ""]).to_owned(),
        attributes: if dice.chance(30) { attributes(dice, 2, false) } else { Vec::new() },
        dropped_attributes_count: 0,
    }
}

/// The trace ids of a world: some with leading zeros.
pub(crate) fn trace_id(number: u64) -> Vec<u8> {
    let mut id = vec![0; 16];
    id[15] = number as u8;
    id[if number.is_multiple_of(3) { 8 } else { 0 }] = 1 + (number % 5) as u8;
    id
}

fn event(dice: &Dice, start: u64) -> Event {
    Event {
        time_unix_nano: start + dice.below(4) * 10,
        name: dice.pick(&["log", "exception", ""]).to_owned(),
        attributes: attributes(dice, 2, false),
        dropped_attributes_count: 0,
    }
}

fn link(dice: &Dice, trace: u64, traces: u64) -> Link {
    let mut attributes = attributes(dice, 1, false);
    if dice.chance(60) {
        attributes.push(pair("opentracing.ref_type", text(dice.pick(&["child_of", "follows_from"]))));
    }
    Link {
        trace_id: trace_id(if dice.chance(50) { trace } else { dice.below(traces) }),
        span_id: (1 + dice.below(9)).to_be_bytes().to_vec(),
        trace_state: String::new(),
        attributes,
        dropped_attributes_count: 0,
        flags: 0,
    }
}

/// A span whose id may be shared by one of another kind; start times of equal ids differ.
fn span(dice: &Dice, trace: u64, traces: u64, number: u64) -> Span {
    let id = match dice.below(40) {
        0 => 1,
        1..=4 => (number - 1).max(1),
        _ => number,
    };
    let start = (START_S + trace * 3) * 1_000_000_000 + dice.below(6) * 1_000_000_000 + number;
    let parent = match dice.below(10) {
        0 | 1 => 0,
        2 => 40,
        3 => id,
        _ => 1 + dice.below(number.max(2)),
    };
    let parent = if number == 1 && dice.chance(80) { 0 } else { parent };
    let length = match dice.below(5) {
        0 => 0,
        1 => 100,
        _ => dice.below(4) * 500_000_000,
    };
    Span {
        trace_id: trace_id(trace),
        span_id: (id << if trace.is_multiple_of(2) { 56 } else { 0 }).to_be_bytes().to_vec(),
        parent_span_id: match parent {
            0 => Vec::new(),
            parent => (parent << if trace.is_multiple_of(2) { 56 } else { 0 }).to_be_bytes().to_vec(),
        },
        trace_state: if dice.chance(10) { "k=v".to_owned() } else { String::new() },
        flags: 0,
        name: dice.pick(&NAMES).to_owned(),
        kind: dice.below(6) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: if dice.chance(4) { start - 5 } else { start + length },
        attributes: attributes(dice, 4, false),
        dropped_attributes_count: 0,
        events: (0..dice.below(5).saturating_sub(2)).map(|_| event(dice, start)).collect(),
        dropped_events_count: 0,
        links: (0..dice.below(5).saturating_sub(3)).map(|_| link(dice, trace, traces)).collect(),
        dropped_links_count: 0,
        status: Some(Status {
            code: dice.below(3) as i32,
            message: dice.pick(&["", "x", "boom"]).to_owned(),
        }),
    }
}

/// All spans of a world, in order of sending. (Span id, kind) is unique in a trace.
pub(crate) fn spans(dice: &Dice) -> Vec<Full> {
    let traces = 2 + dice.below(8);
    let resources: Vec<_> = (0..1 + dice.below(4)).map(|_| resource(dice)).collect();
    let scopes: Vec<_> = (0..1 + dice.below(3)).map(|_| scope(dice)).collect();
    let mut out: Vec<Full> = Vec::new();
    for trace in 0..traces {
        let mut seen = Vec::new();
        for number in 1..=1 + dice.below(9) {
            let span = span(dice, trace, traces, number);
            let identity = (span.span_id.clone(), span.kind);
            if !seen.contains(&identity) {
                seen.push(identity);
                let resource = resources[dice.below(resources.len() as u64) as usize].clone();
                let scope = scopes[dice.below(scopes.len() as u64) as usize].clone();
                out.push(Full { resource, scope, span });
            }
        }
    }
    for at in (1..out.len()).rev() {
        out.swap(at, dice.below(at as u64 + 1) as usize);
    }
    out
}

/// A request with these spans: of equal neighbours, resources and scopes are now and then spelled once.
pub(crate) fn request(dice: &Dice, spans: &[Full]) -> ExportTraceServiceRequest {
    let mut request = ExportTraceServiceRequest::default();
    for full in spans {
        let resource = Resource { attributes: full.resource.clone(), ..Resource::default() };
        let same = |last: &&mut ResourceSpans| last.resource.as_ref() == Some(&resource);
        let shared = dice.chance(70);
        let group = match request.resource_spans.last_mut().filter(same) {
            Some(_) if shared => request.resource_spans.last_mut(),
            _ => {
                let resource = Some(resource);
                request.resource_spans.push(ResourceSpans { resource, ..ResourceSpans::default() });
                request.resource_spans.last_mut()
            }
        };
        let scopes = &mut group.expect("just made").scope_spans;
        match scopes.last_mut() {
            Some(last) if last.scope.as_ref() == Some(&full.scope) => last.spans.push(full.span.clone()),
            _ => scopes.push(ScopeSpans {
                scope: Some(full.scope.clone()),
                spans: vec![full.span.clone()],
                schema_url: String::new(),
            }),
        }
    }
    request
}
