//! Plans as a guest may return them: refused with a reason, or carried out.

use super::{REQUEST, Reader};
use crate::plan::{
    Assignment, AttributeField, CellEdits, Conversion, Extraction, Field, HashKind, Hashing, Intrinsic,
    IntrinsicField, KeepList, KeySelector, Kind, Literal, Mask, MaskPlace, NativeOp, Notice, Pattern, Place,
    Plan, Replacement, Report, Scope, Source, Step, Substitute, Target, ValueType, WellKnown,
};
use crate::{Compiled, Edit, Part, Programs, Secrets, Session};
use cadenza_model::{Columns, otlp};
use std::sync::Arc;

/// Texts that mean something where they stand; one in eight is another.
const KEYS: [&str; 8] = ["a", "b", "c.d", "c.", "f", "new", "a", "g"];
const PATTERNS: [&str; 4] = ["(?P<x>v)(\\d)", "[a-c]+", "^r", "v."];
const TEMPLATES: [&str; 4] = ["", "x", "$0", "****"];
const CONDITIONS: [&str; 4] = [
    "{ span.a = \"v1\" || name =~ \"n.*\" }",
    "{ resource.a = \"r1\" }",
    "{ span.b > 3 }",
    "{ status = error && event:name = \"e1\" }",
];
const JSON: [&str; 2] = ["{\"intValue\":\"3\"}", "{\"arrayValue\":{\"values\":[{\"stringValue\":\"v1\"}]}}"];
const SECRETS: [&str; 1] = ["hmac"];
/// Steps, fields, targets: enough for them to meet.
const PER_LIST: u8 = 6;

const INTRINSICS: [Intrinsic; 20] = [
    Intrinsic::TraceId,
    Intrinsic::SpanId,
    Intrinsic::ParentSpanId,
    Intrinsic::TraceState,
    Intrinsic::TraceFlags,
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::StatusCode,
    Intrinsic::StatusMessage,
    Intrinsic::StartUnixNano,
    Intrinsic::DurationNano,
    Intrinsic::EventCount,
    Intrinsic::LinkCount,
    Intrinsic::ScopeName,
    Intrinsic::ScopeVersion,
    Intrinsic::EventName,
    Intrinsic::EventTimeUnixNano,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
    Intrinsic::LinkTraceState,
];
const TYPES: [ValueType; 8] = [
    ValueType::Str,
    ValueType::Int,
    ValueType::Double,
    ValueType::Boolean,
    ValueType::Bytes,
    ValueType::Text,
    ValueType::Json,
    ValueType::Presence,
];
const HASHES: [HashKind; 7] = [
    HashKind::Md5,
    HashKind::Sha1,
    HashKind::Sha256,
    HashKind::Sha3,
    HashKind::HmacSha256,
    HashKind::HmacSha512,
    HashKind::Keyed64,
];
const KNOWN: [WellKnown; 5] =
    [WellKnown::CardNumber, WellKnown::Email, WellKnown::Digits, WellKnown::Ipv4, WellKnown::Credentials];

impl Reader<'_> {
    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    fn few<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % PER_LIST).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Option<T> {
        self.is().then(|| one(self))
    }

    fn is(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn text(&mut self, known: &[&str]) -> String {
        let at = self.byte();
        if at < 224 {
            return known[usize::from(at) % known.len()].to_owned();
        }
        let len = usize::from(self.byte() % 24);
        String::from_utf8_lossy(self.take(len)).into_owned()
    }

    fn tally(&mut self) -> u32 {
        // One more than there are.
        u32::from(self.byte() % 17)
    }

    fn scope(&mut self) -> Scope {
        self.one_of(&Scope::ALL)
    }

    fn key(&mut self) -> KeySelector {
        match self.byte() % 6 {
            0 | 1 => KeySelector::Exact(self.text(&KEYS)),
            2 => KeySelector::Prefix(self.text(&KEYS)),
            3 => KeySelector::Glob(self.text(&["*", "c.?", "a"])),
            4 => KeySelector::Pattern(self.text(&PATTERNS)),
            _ => KeySelector::Any,
        }
    }

    fn place(&mut self) -> Place {
        Place { scope: self.scope(), key: self.key() }
    }

    fn literal(&mut self) -> Literal {
        match self.byte() % 5 {
            0 => Literal::Str(self.text(&TEMPLATES)),
            1 => Literal::Int(self.number().into()),
            2 => Literal::Double(self.number().into()),
            3 => Literal::Boolean(self.is()),
            _ => Literal::Json(self.text(&JSON)),
        }
    }

    fn assignment(&mut self) -> Assignment {
        let (scope, key) = (self.scope(), self.text(&KEYS));
        let value = match self.byte() % 3 {
            0 => Source::Literal(self.literal()),
            1 => Source::Attribute(self.text(&KEYS)),
            _ => Source::ResourceAttribute(self.text(&KEYS)),
        };
        Assignment { scope, key, value }
    }

    fn pattern(&mut self) -> Pattern {
        if self.is() {
            Pattern::WellKnown(self.one_of(&KNOWN))
        } else {
            Pattern::Expression(self.text(&PATTERNS))
        }
    }

    fn mask(&mut self) -> Mask {
        let place = match self.byte() % 10 {
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
        };
        let (patterns, unless) = (self.few(Self::pattern), self.few(Self::pattern));
        let substitute = match self.is() {
            true => Substitute::Hash(self.one_of(&HASHES)),
            false => Substitute::Template(self.text(&TEMPLATES)),
        };
        Mask { place, patterns, unless, substitute, all_types: self.is() }
    }

    fn op(&mut self) -> NativeOp {
        match self.byte() % 13 {
            0 => NativeOp::Insert(self.assignment()),
            1 => NativeOp::Update(self.assignment()),
            2 => NativeOp::Upsert(self.assignment()),
            3 => NativeOp::Delete(self.place()),
            4 => NativeOp::Replace(Replacement { place: self.place(), value: self.literal() }),
            5 => NativeOp::KeepOnly(KeepList { scope: self.scope(), keys: self.few(Self::key) }),
            6 => NativeOp::Hash(Hashing { place: self.place(), kind: self.one_of(&HASHES) }),
            7 => NativeOp::Convert(Conversion { place: self.place(), to: self.one_of(&TYPES) }),
            8 => {
                let (scope, key) = (self.scope(), self.text(&KEYS));
                NativeOp::Extract(Extraction { scope, key, pattern: self.text(&PATTERNS) })
            }
            9 => NativeOp::Mask(self.mask()),
            10 => {
                let (place, matching) = (self.place(), self.few(Self::pattern));
                NativeOp::Note(Notice { place, matching, all_types: self.is() })
            }
            11 => NativeOp::Report(Report {
                scope: self.scope(),
                tally: self.tally(),
                keys: self.maybe(|reader| reader.text(&KEYS)),
                separator: self.text(&TEMPLATES),
                count: self.maybe(|reader| reader.text(&KEYS)),
            }),
            _ => NativeOp::Guest,
        }
    }

    fn step(&mut self) -> Step {
        Step {
            when: self.maybe(|reader| reader.text(&CONDITIONS)),
            negate: self.byte() % 8 == 1,
            skip_tallies: self.few(Self::tally),
            tally: self.maybe(Self::tally),
            op: self.op(),
        }
    }

    /// Mostly what may be granted.
    fn edits(&mut self, most: CellEdits) -> CellEdits {
        let any = self.byte() % 8 == 1;
        let mut may = |allowed| self.is() && (allowed || any);
        CellEdits { update: may(most.update), delete: may(most.delete), drop_row: may(most.drop_row) }
    }

    fn field(&mut self) -> Field {
        if self.is() {
            let intrinsic = self.one_of(&INTRINSICS);
            let most = CellEdits { update: intrinsic.is_text(), ..CellEdits::default() };
            return Field::Intrinsic(IntrinsicField { intrinsic, edits: self.edits(most) });
        }
        let (place, value_type) = (self.place(), self.one_of(&TYPES));
        let drop_row = matches!(place.scope, Scope::Event | Scope::Link);
        let edits = self.edits(CellEdits { update: true, delete: true, drop_row });
        let only_if = self.maybe(|reader| reader.text(&PATTERNS));
        Field::Attribute(AttributeField { place, value_type, only_if, edits })
    }

    fn plan(&mut self) -> Plan {
        Plan {
            steps: self.few(Self::step),
            fields: self.few(Self::field),
            targets: self.few(|reader| Target { scope: reader.scope(), key: reader.text(&KEYS) }),
            tables: self.few(Self::scope),
            hmac_secret: self.maybe(|reader| reader.text(&SECRETS)),
        }
    }
}

/// Compiles the plan that `data` says, and if it is one, takes a small batch through it, edits of a guest included.
///
/// # Panics
/// When columns come out inconsistent, or otherwise the second time.
pub fn plans(data: &[u8]) {
    let first = outcome(data);
    assert_eq!(first, outcome(data), "the same plan and batch come to the same");
}

fn outcome(data: &[u8]) -> Option<String> {
    let mut reader = Reader { bytes: data };
    let kind = reader.one_of(&[Kind::Scrubber, Kind::Scrubber, Kind::Enricher, Kind::HeadSampler]);
    let secrets = Secrets { host: &[7; 32], named: &|name| (name == "hmac").then(|| b"key".to_vec()) };
    let compiled = Compiled::new(&reader.plan(), kind, &secrets).ok()?;
    let calls_guest = compiled.calls_guest();
    let programs = Programs::new(vec![Arc::new(compiled)]);
    let mut columns = Columns::new();
    otlp::decode_json(REQUEST.as_bytes(), &mut columns).expect("a valid request");
    let mut session = Session::new();
    session.begin(&programs, &columns);
    // A batch that outgrows its limit is given up.
    session.run(&programs, 0, Part::Before, &mut columns).ok()?;
    if calls_guest {
        let batch = session.project(&programs, 0, &columns);
        let edits: Vec<Edit> = (0..reader.byte() % 8).map(|_| reader.edit()).collect();
        // Refused edits change nothing: the steps behind go on.
        session.apply(&programs, 0, &batch, &edits, &mut columns).ok();
        session.recycle(0, batch);
    }
    session.run(&programs, 0, Part::After, &mut columns).ok()?;
    session.finish(&mut columns, None);
    columns.check().expect("consistent columns after a plan");
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    Some(format!("{:?}", otlp::to_resource_spans(&columns, &rows)))
}
