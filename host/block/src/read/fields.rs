//! Which leaves hold a field.

use super::filter::{AttrScope, Intrinsic};
use crate::meta::{BlockMeta, DedicatedScope, spares};
use crate::schema::{Column, Fixed, Owner};

/// The leaf of an intrinsic.
pub(crate) fn column_of(intrinsic: Intrinsic) -> Column {
    match intrinsic {
        Intrinsic::TraceId => Column::TraceId,
        Intrinsic::TraceDuration => Column::TraceDuration,
        Intrinsic::RootName => Column::RootSpanName,
        Intrinsic::RootServiceName => Column::RootServiceName,
        Intrinsic::SpanId => Column::SpanId,
        Intrinsic::ParentSpanId => Column::ParentSpanId,
        Intrinsic::Name => Column::SpanName,
        Intrinsic::Kind => Column::Kind,
        Intrinsic::Status => Column::StatusCode,
        Intrinsic::StatusMessage => Column::StatusMessage,
        Intrinsic::Duration => Column::SpanDuration,
        Intrinsic::NestedSetLeft => Column::NestedSetLeft,
        Intrinsic::NestedSetRight => Column::NestedSetRight,
        Intrinsic::NestedSetParent => Column::ParentId,
        Intrinsic::EventName => Column::EventName,
        Intrinsic::EventTimeSinceStart => Column::EventTime,
        Intrinsic::LinkTraceId => Column::LinkTraceId,
        Intrinsic::LinkSpanId => Column::LinkSpanId,
        Intrinsic::InstrumentationName => Column::ScopeName,
        Intrinsic::InstrumentationVersion => Column::ScopeVersion,
    }
}

/// The owners that an attribute scope means.
pub(crate) fn owners(scope: AttrScope) -> &'static [Owner] {
    match scope {
        AttrScope::Any => &[Owner::Span, Owner::Resource],
        AttrScope::Resource => &[Owner::Resource],
        AttrScope::Instrumentation => &[Owner::Scope],
        AttrScope::Span => &[Owner::Span],
        AttrScope::Event => &[Owner::Event],
        AttrScope::Link => &[Owner::Link],
    }
}

/// The columns of their own of an owner's attributes with their keys, in the order in which Tempo puts
/// them back: spares in meta order, then the service name, then the fixed ones.
pub(crate) fn own_columns(meta: &BlockMeta, owner: Owner) -> Vec<(Column, String)> {
    let mut out = Vec::new();
    let scope = match owner {
        Owner::Resource => DedicatedScope::Resource,
        Owner::Span => DedicatedScope::Span,
        Owner::Scope | Owner::Event | Owner::Link => return out,
    };
    let spare = |(i, name): (u8, &str)| (Column::Spare(owner, i), name.to_owned());
    out.extend(spares(&meta.dedicated_columns, scope).map(spare));
    if owner == Owner::Resource {
        out.push((Column::ServiceName, "service.name".to_owned()));
    }
    let fixed = Fixed::ALL.into_iter().filter(|fixed| fixed.owner() == owner);
    out.extend(fixed.map(|fixed| (Column::Fixed(fixed), fixed.attribute().to_owned())));
    out
}

/// Those of [`own_columns`] that hold `key`.
pub(crate) fn own_columns_of(meta: &BlockMeta, owner: Owner, key: &str) -> Vec<Column> {
    own_columns(meta, owner).into_iter().filter(|(_, name)| name == key).map(|(column, _)| column).collect()
}
