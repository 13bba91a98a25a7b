//! Random plans and batches.

use crate::model::scope_of;
use crate::values::text_value;
use cadenza_env::{Random, SeededRandom};
use cadenza_transform::plan::*;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};

const KEYS: [&str; 6] = ["a", "b", "a.x", "a.y", "c", "num"];
const TEXTS: [&str; 9] =
    ["", "x", "y", "ann@example.com", "id 1234567 z", "42", "4.5", "true", "u@v.org u@w.org"];

pub(crate) struct Make<'a>(pub(crate) &'a SeededRandom);

impl Make<'_> {
    pub(crate) fn below(&self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    pub(crate) fn one<T: Clone>(&self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    pub(crate) fn text(&self) -> String {
        self.one(&TEXTS).to_owned()
    }

    pub(crate) fn value(&self) -> Option<AnyValue> {
        let value = match self.below(14) {
            0 => Value::IntValue(self.one(&[0, 1, -7, 42])),
            1 => Value::DoubleValue(self.one(&[0.5, 2.0, -1.25])),
            2 => Value::BoolValue(self.below(2) == 0),
            3 => Value::BytesValue(self.one(&[b"\xff\x00".to_vec(), Vec::new()])),
            4 => {
                let text = AnyValue { value: Some(Value::StringValue("ann@example.com".to_owned())) };
                let number = AnyValue { value: Some(Value::IntValue(self.one(&[1, 1234567]))) };
                Value::ArrayValue(ArrayValue { values: vec![text, number] })
            }
            5 => {
                let pair =
                    KeyValue { key: "k".to_owned(), value: text_value(self.text()), ..Default::default() };
                Value::KvlistValue(KeyValueList { values: vec![pair] })
            }
            6 => return None,
            7 => return Some(AnyValue { value: None }),
            _ => Value::StringValue(self.text()),
        };
        Some(AnyValue { value: Some(value) })
    }

    pub(crate) fn attrs(&self, max: usize) -> Vec<KeyValue> {
        (0..self.below(max + 1))
            .map(|_| KeyValue { key: self.one(&KEYS).to_owned(), value: self.value(), ..Default::default() })
            .collect()
    }

    pub(crate) fn batch(&self) -> Vec<ResourceSpans> {
        let mut id = 0u64;
        let mut unique = 0;
        (0..1 + self.below(3))
            .map(|_| {
                unique += 1;
                // Equal resources and scopes become one when they are decoded.
                let tag = |n: usize| KeyValue {
                    key: "tag".to_owned(),
                    value: text_value(format!("t{n}")),
                    ..Default::default()
                };
                let mut attributes = self.attrs(4);
                attributes.push(tag(unique));
                let scopes = 1 + self.below(2);
                let scope_spans = (0..scopes)
                    .map(|n| {
                        let mut attributes = self.attrs(2);
                        attributes.push(tag(n));
                        let spans = (0..1 + self.below(4)).map(|_| {
                            id += 1;
                            self.span(id)
                        });
                        ScopeSpans {
                            scope: Some(InstrumentationScope {
                                name: self.one(&["lib", "ann@example.com"]).to_owned(),
                                version: self.one(&["", "1"]).to_owned(),
                                attributes,
                                ..Default::default()
                            }),
                            spans: spans.collect(),
                            schema_url: self.schema_url(),
                        }
                    })
                    .collect();
                ResourceSpans {
                    resource: Some(Resource { attributes, ..Default::default() }),
                    scope_spans,
                    schema_url: self.schema_url(),
                }
            })
            .collect()
    }

    fn schema_url(&self) -> String {
        self.one(&["", "https://example.com/1234567"]).to_owned()
    }

    pub(crate) fn span(&self, id: u64) -> Span {
        let event = |_| Event {
            name: self.one(&["e1", "e 1234567"]).to_owned(),
            attributes: self.attrs(3),
            ..Default::default()
        };
        let link = |_| Link {
            trace_id: vec![3; 16],
            span_id: vec![4; 8],
            trace_state: self.text(),
            attributes: self.attrs(2),
            ..Default::default()
        };
        Span {
            trace_id: vec![1; 16],
            span_id: id.to_be_bytes().to_vec(),
            trace_state: self.text(),
            name: self.one(&["n1", "n2", "n3 u@v.org"]).to_owned(),
            attributes: self.attrs(6),
            events: (0..self.below(3)).map(event).collect(),
            links: (0..self.below(2)).map(link).collect(),
            status: Some(Status { message: self.text(), code: 2 }),
            ..Default::default()
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.one(&[
            Scope::Span,
            Scope::Span,
            Scope::Span,
            Scope::Event,
            Scope::Event,
            Scope::Link,
            Scope::Resource,
            Scope::Instrumentation,
        ])
    }

    pub(crate) fn key(&self) -> String {
        self.one(&["a", "b", "a.x", "c", "num", "new", "gone"]).to_owned()
    }

    pub(crate) fn selector(&self) -> KeySelector {
        match self.below(8) {
            0 => KeySelector::Prefix("a.".to_owned()),
            1 => KeySelector::Glob("?.*".to_owned()),
            2 => KeySelector::Pattern("^(a|num)$".to_owned()),
            3 => KeySelector::Any,
            _ => KeySelector::Exact(self.key()),
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place { scope: self.scope(), key: self.selector() }
    }

    pub(crate) fn literal(&self) -> Literal {
        match self.below(5) {
            0 => Literal::Int(5),
            1 => Literal::Double(1.5),
            2 => Literal::Boolean(true),
            3 => Literal::Json(r#"{"arrayValue":{"values":[{"stringValue":"q"}]}}"#.to_owned()),
            _ => Literal::Str(self.text()),
        }
    }

    pub(crate) fn assignment(&self) -> Assignment {
        let value = match self.below(4) {
            0 => Source::Attribute(self.key()),
            1 => Source::ResourceAttribute(self.key()),
            _ => Source::Literal(self.literal()),
        };
        Assignment { scope: self.scope(), key: self.key(), value }
    }

    pub(crate) fn patterns(&self, max: usize) -> Vec<Pattern> {
        (0..1 + self.below(max))
            .map(|_| match self.below(4) {
                0 => Pattern::WellKnown(WellKnown::Digits),
                1 => Pattern::WellKnown(WellKnown::Email),
                2 => Pattern::Expression("[0-9]+".to_owned()),
                _ => Pattern::Expression("[a-z]+@".to_owned()),
            })
            .collect()
    }

    pub(crate) fn op(&self) -> NativeOp {
        match self.below(14) {
            0 => NativeOp::Insert(self.assignment()),
            1 => NativeOp::Update(self.assignment()),
            2 => NativeOp::Upsert(self.assignment()),
            3 => NativeOp::Delete(self.place()),
            4 => NativeOp::Replace(Replacement { place: self.place(), value: self.literal() }),
            5 => NativeOp::KeepOnly(KeepList {
                scope: self.scope(),
                keys: vec![
                    KeySelector::Exact("tag".to_owned()),
                    self.selector(),
                    KeySelector::Prefix("a".to_owned()),
                ],
            }),
            6 => NativeOp::Hash(Hashing { place: self.place(), kind: HashKind::Keyed64 }),
            7 => NativeOp::Convert(Conversion {
                place: self.place(),
                to: self.one(&[ValueType::Str, ValueType::Int, ValueType::Double, ValueType::Boolean]),
            }),
            8 => NativeOp::Extract(Extraction {
                scope: self.scope(),
                key: self.key(),
                pattern: "(?P<new>[a-z]+)@(?P<host>[a-z]+)?".to_owned(),
            }),
            9 | 10 => NativeOp::Mask(Mask {
                place: match self.below(14) {
                    0 => MaskPlace::SpanName,
                    1 => MaskPlace::StatusMessage,
                    2 => MaskPlace::EventName,
                    3 => MaskPlace::ScopeName,
                    4 => MaskPlace::TraceState,
                    5 => MaskPlace::LinkTraceState,
                    6 => MaskPlace::ScopeVersion,
                    7 => MaskPlace::ResourceSchemaUrl,
                    8 => MaskPlace::ScopeSchemaUrl,
                    _ => MaskPlace::Attribute(self.place()),
                },
                patterns: self.patterns(2),
                unless: if self.below(3) == 0 { self.patterns(1) } else { Vec::new() },
                substitute: if self.below(2) == 0 {
                    Substitute::Template("<${0}>".to_owned())
                } else {
                    Substitute::Hash(HashKind::Keyed64)
                },
                all_types: self.below(2) == 0,
            }),
            11 => NativeOp::Note(Notice {
                place: self.place(),
                matching: if self.below(2) == 0 { self.patterns(2) } else { Vec::new() },
                all_types: self.below(2) == 0,
            }),
            _ => NativeOp::Report(Report {
                scope: self.scope(),
                tally: self.below(2) as u32,
                keys: Some("r.keys".to_owned()),
                separator: ",".to_owned(),
                count: (self.below(2) == 0).then(|| "r.count".to_owned()),
            }),
        }
    }

    pub(crate) fn step(&self) -> Step {
        let mut step = Step::new(self.op());
        // A template on a well-known mask knows no groups but the match.
        if let NativeOp::Mask(mask) = &mut step.op
            && matches!(mask.substitute, Substitute::Template(_))
            && self.below(2) == 0
        {
            mask.substitute = Substitute::Template("****".to_owned());
        }
        let conditions: &[&str] = match scope_of(&step.op).unwrap_or(Scope::Span) {
            Scope::Resource | Scope::Instrumentation => &["{ resource.a = \"x\" }"],
            Scope::Span | Scope::Event | Scope::Link => {
                &["{ resource.a = \"x\" }", "{ span.b = \"x\" }", "{ name =~ \"n[12]\" }"]
            }
        };
        if self.below(4) == 0 {
            step.when = Some(self.one(conditions).to_owned());
            step.negate = self.below(2) == 0;
        }
        if self.below(2) == 0 {
            step.tally = Some(self.below(2) as u32);
        }
        if self.below(4) == 0 {
            step.skip_tallies = vec![self.below(2) as u32];
        }
        step
    }

    pub(crate) fn field(&self) -> Field {
        if self.below(6) == 0 {
            let intrinsic = self.one(&[
                Intrinsic::Name,
                Intrinsic::StatusMessage,
                Intrinsic::EventName,
                Intrinsic::ScopeName,
                Intrinsic::ScopeVersion,
                Intrinsic::TraceState,
                Intrinsic::LinkTraceState,
            ]);
            let edits = CellEdits { update: true, ..CellEdits::default() };
            return Field::Intrinsic(IntrinsicField { intrinsic, edits });
        }
        let place = self.place();
        let rows = matches!(place.scope, Scope::Event | Scope::Link);
        Field::Attribute(AttributeField {
            edits: if self.below(5) == 0 {
                CellEdits::default()
            } else {
                CellEdits { update: true, delete: true, drop_row: rows && self.below(3) == 0 }
            },
            place,
            value_type: self.one(&[
                ValueType::Str,
                ValueType::Str,
                ValueType::Int,
                ValueType::Double,
                ValueType::Boolean,
                ValueType::Bytes,
                ValueType::Text,
                ValueType::Presence,
            ]),
            only_if: (self.below(4) == 0).then(|| "[0-9a]".to_owned()),
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        let target = |scope, key: &str| Target { scope, key: key.to_owned() };
        let mut steps: Vec<Step> = (0..self.below(7)).map(|_| self.step()).collect();
        if self.below(2) == 0 {
            let mut guest = Step::new(NativeOp::Guest);
            guest.skip_tallies = if self.below(2) == 0 { vec![0] } else { Vec::new() };
            guest.tally = Some(1);
            steps.insert(self.below(steps.len() + 1), guest);
        }
        Plan {
            steps,
            fields: (0..self.below(5)).map(|_| self.field()).collect(),
            targets: vec![
                target(Scope::Span, "a"),
                target(Scope::Span, "new"),
                target(Scope::Event, "a"),
                target(Scope::Event, "fresh"),
                target(Scope::Link, "c"),
                target(Scope::Instrumentation, "b"),
                target(Scope::Resource, "a"),
            ],
            tables: Scope::ALL.to_vec(),
            hmac_secret: None,
        }
    }
}
