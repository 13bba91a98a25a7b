//! Messages for tests: shorthands, and a generator of every shape OTLP has.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn text(text: &str) -> AnyValue {
    any(Value::StringValue(text.to_owned()))
}

pub(crate) fn pair(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}

pub(crate) fn span(number: u8, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: format!("span {number}"),
        attributes,
        ..Default::default()
    }
}

/// One request with one resource (its `service.name` is `service`) and one scope.
pub(crate) fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource =
        Resource { attributes: vec![pair("service.name", Some(text(service)))], ..Default::default() };
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }
}

pub(crate) fn encoded(service: &str, spans: Vec<Span>) -> Vec<u8> {
    request(service, spans).encode_to_vec()
}

/// A deterministic source of choices (SplitMix64).
pub(crate) struct Gen(pub(crate) u64);

impl Gen {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn list<T>(&mut self, longest: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(longest + 1)).map(|_| item(self)).collect()
    }

    fn string(&mut self) -> String {
        const WORDS: [&str; 9] =
            ["", "a", "service.name", "http.method", "GET", "ünïcode ✓", "\u{0}", "x\ny", "0123456789abcdef"];
        match self.below(12) {
            0 => "long ".repeat(self.below(60)),
            1 => format!("n{}", self.next()),
            word => WORDS[word % WORDS.len()].to_owned(),
        }
    }

    fn bytes(&mut self, usual: usize) -> Vec<u8> {
        let len = match self.below(6) {
            0 => 0,
            1 => self.below(40),
            _ => usual,
        };
        let byte = self.next() as u8;
        vec![if self.one_in(6) { 0 } else { byte }; len]
    }

    fn number(&mut self) -> u64 {
        let bits = self.below(65);
        if bits == 64 { self.next() } else { self.next() & ((1 << bits) - 1) }
    }

    fn value(&mut self, depth: usize) -> AnyValue {
        AnyValue {
            value: Some(match self.below(if depth == 0 { 6 } else { 9 }) {
                0 => return AnyValue { value: None },
                1 | 6 => Value::StringValue(self.string()),
                2 => Value::IntValue(self.number() as i64),
                3 => Value::DoubleValue(f64::from_bits(self.next())),
                4 => Value::BoolValue(self.one_in(2)),
                5 => Value::BytesValue(self.bytes(5)),
                7 => Value::ArrayValue(ArrayValue { values: self.list(4, |g| g.value(depth - 1)) }),
                _ => Value::KvlistValue(KeyValueList { values: self.list(3, |g| g.pair(depth - 1)) }),
            }),
        }
    }

    fn pair(&mut self, depth: usize) -> KeyValue {
        let value = (!self.one_in(12)).then(|| self.value(depth));
        pair(&self.string(), value)
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        self.list(6, |g| g.pair(3))
    }

    fn count(&mut self) -> u32 {
        if self.one_in(3) { self.number() as u32 } else { 0 }
    }

    fn id(&mut self, len: usize) -> Vec<u8> {
        let mut id: Vec<u8> = (0..len).map(|_| self.next() as u8).collect();
        id[0] |= 1;
        id
    }

    fn span(&mut self) -> Span {
        Span {
            trace_id: self.id(16),
            span_id: self.id(8),
            trace_state: self.string(),
            parent_span_id: self.bytes(8),
            flags: self.count(),
            name: self.string(),
            kind: if self.one_in(8) { self.next() as i32 } else { self.below(6) as i32 },
            start_time_unix_nano: self.number(),
            end_time_unix_nano: self.number(),
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            events: self.list(3, |g| Event {
                time_unix_nano: g.number(),
                name: g.string(),
                attributes: g.attributes(),
                dropped_attributes_count: g.count(),
            }),
            dropped_events_count: self.count(),
            links: self.list(2, |g| Link {
                trace_id: g.bytes(16),
                span_id: g.bytes(8),
                trace_state: g.string(),
                attributes: g.attributes(),
                dropped_attributes_count: g.count(),
                flags: g.count(),
            }),
            dropped_links_count: self.count(),
            status: (!self.one_in(3)).then(|| Status {
                message: self.string(),
                code: if self.one_in(8) { self.next() as i32 } else { self.below(3) as i32 },
            }),
        }
    }

    fn scope_spans(&mut self) -> ScopeSpans {
        ScopeSpans {
            scope: (!self.one_in(4)).then(|| InstrumentationScope {
                name: self.string(),
                version: self.string(),
                attributes: self.list(2, |g| g.pair(1)),
                dropped_attributes_count: self.count(),
            }),
            spans: self.list(5, Self::span),
            schema_url: self.string(),
        }
    }

    pub(crate) fn request(&mut self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest {
            resource_spans: self.list(4, |g| ResourceSpans {
                resource: (!g.one_in(5)).then(|| Resource {
                    attributes: g.list(3, |g| g.pair(1)),
                    dropped_attributes_count: g.count(),
                    ..Default::default()
                }),
                scope_spans: g.list(3, Self::scope_spans),
                schema_url: g.string(),
            }),
        }
    }

    /// The same message differently put: fields in another order, singular ones sent twice or in parts.
    /// What it then means is for a decoder to say.
    pub(crate) fn scrambled(&mut self, message: &[u8], depth: usize) -> Vec<u8> {
        let Some(mut fields) = fields_of(message) else { return message.to_vec() };
        for field in &mut fields {
            if depth > 0
                && let Some(at) = field.content
                && self.one_in(3)
            {
                let content = self.scrambled(&field.bytes[at..], depth - 1);
                field.bytes.truncate(at);
                field.bytes.truncate(field.key_len);
                varint(&mut field.bytes, content.len() as u64);
                field.bytes.extend_from_slice(&content);
            }
        }
        match self.below(4) {
            0 => fields.reverse(),
            1 if !fields.is_empty() => {
                let again = fields[self.below(fields.len())].clone();
                fields.insert(self.below(fields.len() + 1), again);
            }
            2 if fields.len() > 1 => {
                let (a, b) = (self.below(fields.len()), self.below(fields.len()));
                fields.swap(a, b);
            }
            _ => {}
        }
        fields.into_iter().flat_map(|field| field.bytes).collect()
    }
}

#[derive(Clone)]
struct Field {
    bytes: Vec<u8>,
    key_len: usize,
    /// Where the content of a length-delimited field starts.
    content: Option<usize>,
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The fields of a message, if it looks like one.
fn fields_of(message: &[u8]) -> Option<Vec<Field>> {
    let read = |at: &mut usize| {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *message.get(*at)?;
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    };
    let (mut fields, mut at) = (Vec::new(), 0);
    while at < message.len() {
        let start = at;
        let key = read(&mut at)?;
        let key_len = at - start;
        let mut content = None;
        at += match key & 7 {
            0 => {
                read(&mut at)?;
                0
            }
            1 => 8,
            2 => {
                let len = read(&mut at)? as usize;
                content = Some(at - start);
                len
            }
            5 => 4,
            _ => return None,
        };
        fields.push(Field { bytes: message.get(start..at)?.to_vec(), key_len, content });
    }
    Some(fields)
}
