//! Putting a trace together span by span.

use crate::GeneratedTrace;
use cadenza_env::Random;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span, status};

/// A trace being built.
pub(crate) struct Trace<'a> {
    random: &'a dyn Random,
    trace_id: [u8; 16],
    start_ns: u64,
    spans: Vec<(usize, Span)>,
}

/// An attribute value in short.
pub(crate) enum V<'a> {
    S(&'a str),
    I(i64),
    F(f64),
    B(bool),
}

impl<'a> Trace<'a> {
    pub(crate) fn new(random: &'a dyn Random, start_ns: u64) -> Self {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&random.next_u64().to_be_bytes());
        trace_id[8..].copy_from_slice(&random.next_u64().to_be_bytes());
        Self { random, trace_id, start_ns, spans: Vec::new() }
    }

    /// Start of the trace, nanoseconds since the epoch.
    pub(crate) fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// One of the choices.
    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Lower-case hex of 64 random bits.
    pub(crate) fn token(&self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    /// A duration around `typical_us`: mostly within a factor of two, once in fifty ten times as long.
    pub(crate) fn duration_ns(&self, typical_us: u64) -> u64 {
        let base = typical_us * 500 + self.below(typical_us * 1000 + 1);
        if self.once_in(50) { base * 10 } else { base }
    }

    /// Adds a span and returns its id and its place for [`Trace::span_mut`].
    pub(crate) fn span(
        &mut self,
        service: usize,
        parent: u64,
        name: &str,
        kind: span::SpanKind,
        start_ns: u64,
        duration_ns: u64,
    ) -> (u64, usize) {
        let id = self.random.next_u64().max(1);
        let span = Span {
            trace_id: self.trace_id.to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: start_ns,
            end_time_unix_nano: start_ns + duration_ns,
            flags: 0x101,
            ..Span::default()
        };
        self.spans.push((service, span));
        (id, self.spans.len() - 1)
    }

    /// Place of the span added last.
    pub(crate) fn last_place(&self) -> usize {
        self.spans.len() - 1
    }

    /// The span at `place`.
    pub(crate) fn span_mut(&mut self, place: usize) -> &mut Span {
        &mut self.spans[place].1
    }

    /// Adds attributes to the span at `place`.
    pub(crate) fn attributes(&mut self, place: usize, attributes: &[(&str, V<'_>)]) {
        self.span_mut(place).attributes.extend(attributes.iter().map(|(key, value)| key_value(key, value)));
    }

    /// Marks the span at `place` as failed, with an exception event.
    pub(crate) fn fail(&mut self, place: usize, message: &str) {
        let span = self.span_mut(place);
        span.status = Some(Status { message: message.to_owned(), code: status::StatusCode::Error.into() });
        span.events.push(span::Event {
            time_unix_nano: span.end_time_unix_nano.saturating_sub(1000),
            name: "exception".to_owned(),
            attributes: vec![
                key_value("exception.type", &V::S("java.util.concurrent.TimeoutException")),
                key_value("exception.message", &V::S(message)),
            ],
            dropped_attributes_count: 0,
        });
    }

    pub(crate) fn finish(mut self, title: String) -> GeneratedTrace {
        self.spans.sort_by_key(|(_, span)| span.end_time_unix_nano);
        GeneratedTrace { trace_id: self.trace_id, title, spans: self.spans }
    }
}

pub(crate) fn key_value(key: &str, value: &V<'_>) -> KeyValue {
    let value = match *value {
        V::S(text) => Value::StringValue(text.to_owned()),
        V::I(number) => Value::IntValue(number),
        V::F(number) => Value::DoubleValue(number),
        V::B(flag) => Value::BoolValue(flag),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
