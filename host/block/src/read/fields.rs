//! Which leaves hold a field.

use super::filter::{AttrScope, Intrinsic};
use crate::schema::{Column, Owner};

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
