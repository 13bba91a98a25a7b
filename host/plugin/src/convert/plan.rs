//! Plans of guests in plain types. Nothing of them is checked here.

use crate::bindings::cadenza::plugin::{native, types as wit};
use crate::bindings::exports::cadenza::plugin::lifecycle;
use cadenza_transform::plan::{
    Assignment, AttributeField, CellEdits, Conversion, Extraction, Field, HashKind, Hashing, Intrinsic,
    IntrinsicField, KeepList, KeySelector, Literal, Mask, MaskPlace, NativeOp, Notice, Pattern, Place, Plan,
    Replacement, Report, Scope, Source, Step, Substitute, Target, ValueType, WellKnown,
};

/// A plan as a guest gave it.
pub(crate) fn plan(plan: lifecycle::Plan) -> Plan {
    let target = |target: wit::Target| Target { scope: scope(target.scope), key: target.key };
    Plan {
        steps: plan.steps.into_iter().map(step).collect(),
        fields: plan.fields.into_iter().map(field).collect(),
        targets: plan.targets.into_iter().map(target).collect(),
        tables: plan.tables.into_iter().map(scope).collect(),
        hmac_secret: plan.hmac_secret,
    }
}

fn scope(scope: wit::Scope) -> Scope {
    match scope {
        wit::Scope::Resource => Scope::Resource,
        wit::Scope::Instrumentation => Scope::Instrumentation,
        wit::Scope::Span => Scope::Span,
        wit::Scope::Event => Scope::Event,
        wit::Scope::Link => Scope::Link,
    }
}

fn selector(selector: wit::KeySelector) -> KeySelector {
    match selector {
        wit::KeySelector::Exact(key) => KeySelector::Exact(key),
        wit::KeySelector::Prefix(prefix) => KeySelector::Prefix(prefix),
        wit::KeySelector::Glob(glob) => KeySelector::Glob(glob),
        wit::KeySelector::Pattern(pattern) => KeySelector::Pattern(pattern),
        wit::KeySelector::Any => KeySelector::Any,
    }
}

fn place(place: wit::Place) -> Place {
    Place { scope: scope(place.scope), key: selector(place.key) }
}

fn value_type(value_type: wit::ValueType) -> ValueType {
    match value_type {
        wit::ValueType::Str => ValueType::Str,
        wit::ValueType::Int => ValueType::Int,
        wit::ValueType::Double => ValueType::Double,
        wit::ValueType::Boolean => ValueType::Boolean,
        wit::ValueType::Bytes => ValueType::Bytes,
        wit::ValueType::Text => ValueType::Text,
        wit::ValueType::Json => ValueType::Json,
        wit::ValueType::Presence => ValueType::Presence,
    }
}

fn edits(edits: wit::CellEdits) -> CellEdits {
    CellEdits {
        update: edits.contains(wit::CellEdits::UPDATE),
        delete: edits.contains(wit::CellEdits::DELETE),
        drop_row: edits.contains(wit::CellEdits::DROP_ROW),
    }
}

fn field(field: wit::Field) -> Field {
    match field {
        wit::Field::Attribute(field) => Field::Attribute(AttributeField {
            place: place(field.place),
            value_type: value_type(field.value_type),
            only_if: field.only_if,
            edits: edits(field.edits),
        }),
        wit::Field::Intrinsic(field) => Field::Intrinsic(IntrinsicField {
            intrinsic: intrinsic(field.intrinsic),
            edits: edits(field.edits),
        }),
    }
}

fn intrinsic(intrinsic: wit::Intrinsic) -> Intrinsic {
    use wit::Intrinsic as W;
    match intrinsic {
        W::TraceId => Intrinsic::TraceId,
        W::SpanId => Intrinsic::SpanId,
        W::ParentSpanId => Intrinsic::ParentSpanId,
        W::TraceState => Intrinsic::TraceState,
        W::TraceFlags => Intrinsic::TraceFlags,
        W::Name => Intrinsic::Name,
        W::Kind => Intrinsic::Kind,
        W::StatusCode => Intrinsic::StatusCode,
        W::StatusMessage => Intrinsic::StatusMessage,
        W::StartUnixNano => Intrinsic::StartUnixNano,
        W::DurationNano => Intrinsic::DurationNano,
        W::EventCount => Intrinsic::EventCount,
        W::LinkCount => Intrinsic::LinkCount,
        W::ScopeName => Intrinsic::ScopeName,
        W::ScopeVersion => Intrinsic::ScopeVersion,
        W::EventName => Intrinsic::EventName,
        W::EventTimeUnixNano => Intrinsic::EventTimeUnixNano,
        W::LinkTraceId => Intrinsic::LinkTraceId,
        W::LinkSpanId => Intrinsic::LinkSpanId,
        W::LinkTraceState => Intrinsic::LinkTraceState,
    }
}

fn literal(literal: native::Literal) -> Literal {
    match literal {
        native::Literal::Str(text) => Literal::Str(text),
        native::Literal::Int(number) => Literal::Int(number),
        native::Literal::Double(number) => Literal::Double(number),
        native::Literal::Boolean(set) => Literal::Boolean(set),
        native::Literal::Json(json) => Literal::Json(json),
    }
}

fn assignment(assignment: native::Assignment) -> Assignment {
    Assignment {
        scope: scope(assignment.scope),
        key: assignment.key,
        value: match assignment.value {
            native::Source::Literal(value) => Source::Literal(literal(value)),
            native::Source::Attribute(key) => Source::Attribute(key),
            native::Source::ResourceAttribute(key) => Source::ResourceAttribute(key),
        },
    }
}

fn hash_kind(kind: native::HashKind) -> HashKind {
    match kind {
        native::HashKind::Md5 => HashKind::Md5,
        native::HashKind::Sha1 => HashKind::Sha1,
        native::HashKind::Sha256 => HashKind::Sha256,
        native::HashKind::Sha3 => HashKind::Sha3,
        native::HashKind::HmacSha256 => HashKind::HmacSha256,
        native::HashKind::HmacSha512 => HashKind::HmacSha512,
        native::HashKind::Keyed64 => HashKind::Keyed64,
    }
}

fn pattern(pattern: native::Pattern) -> Pattern {
    match pattern {
        native::Pattern::Expression(text) => Pattern::Expression(text),
        native::Pattern::WellKnown(known) => Pattern::WellKnown(match known {
            native::WellKnown::CardNumber => WellKnown::CardNumber,
            native::WellKnown::Email => WellKnown::Email,
            native::WellKnown::Digits => WellKnown::Digits,
            native::WellKnown::Ipv4 => WellKnown::Ipv4,
            native::WellKnown::Credentials => WellKnown::Credentials,
        }),
    }
}

fn mask(mask: native::Mask) -> Mask {
    Mask {
        place: match mask.place {
            native::MaskPlace::Attribute(at) => MaskPlace::Attribute(place(at)),
            native::MaskPlace::SpanName => MaskPlace::SpanName,
            native::MaskPlace::StatusMessage => MaskPlace::StatusMessage,
            native::MaskPlace::EventName => MaskPlace::EventName,
            native::MaskPlace::ScopeName => MaskPlace::ScopeName,
            native::MaskPlace::TraceState => MaskPlace::TraceState,
            native::MaskPlace::LinkTraceState => MaskPlace::LinkTraceState,
            native::MaskPlace::ScopeVersion => MaskPlace::ScopeVersion,
            native::MaskPlace::ResourceSchemaUrl => MaskPlace::ResourceSchemaUrl,
            native::MaskPlace::ScopeSchemaUrl => MaskPlace::ScopeSchemaUrl,
        },
        patterns: mask.patterns.into_iter().map(pattern).collect(),
        unless: mask.unless.into_iter().map(pattern).collect(),
        substitute: match mask.substitute {
            native::Substitute::Template(text) => Substitute::Template(text),
            native::Substitute::Hash(kind) => Substitute::Hash(hash_kind(kind)),
        },
        all_types: mask.all_types,
    }
}

fn step(step: native::Step) -> Step {
    Step {
        when: step.when,
        negate: step.negate,
        skip_tallies: step.skip_tallies,
        tally: step.tally,
        op: op(step.op),
    }
}

fn op(op: native::NativeOp) -> NativeOp {
    use native::NativeOp as W;
    match op {
        W::Insert(to) => NativeOp::Insert(assignment(to)),
        W::Update(to) => NativeOp::Update(assignment(to)),
        W::Upsert(to) => NativeOp::Upsert(assignment(to)),
        W::Delete(at) => NativeOp::Delete(place(at)),
        W::Replace(by) => NativeOp::Replace(Replacement { place: place(by.place), value: literal(by.value) }),
        W::KeepOnly(list) => NativeOp::KeepOnly(KeepList {
            scope: scope(list.scope),
            keys: list.keys.into_iter().map(selector).collect(),
        }),
        W::Hash(hashing) => {
            NativeOp::Hash(Hashing { place: place(hashing.place), kind: hash_kind(hashing.kind) })
        }
        W::Convert(to) => NativeOp::Convert(Conversion { place: place(to.place), to: value_type(to.to) }),
        W::Extract(from) => {
            NativeOp::Extract(Extraction { scope: scope(from.scope), key: from.key, pattern: from.pattern })
        }
        W::Mask(what) => NativeOp::Mask(mask(what)),
        W::Note(notice) => NativeOp::Note(Notice {
            place: place(notice.place),
            matching: notice.matching.into_iter().map(pattern).collect(),
            all_types: notice.all_types,
        }),
        W::Report(report) => NativeOp::Report(Report {
            scope: scope(report.scope),
            tally: report.tally,
            keys: report.keys,
            separator: report.separator,
            count: report.count,
        }),
        W::Guest => NativeOp::Guest,
    }
}
