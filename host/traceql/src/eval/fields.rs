//! Reading fields of a span.

use super::TraceView;
use super::bind::Bound;
use super::compile::items_of;
use super::program::Items;
use super::value::Val;
use crate::ast::{Attribute, Field, Intrinsic, Kind, Scope, Status};
use cadenza_model::{Attrs, Columns, SpanId, TraceId};
use std::ops::Range;

/// Where a field is read: a span and, for fields of events or links, one of them.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub(super) trace: &'t TraceView<'t>,
    /// Position in the trace's rows.
    pub(super) position: usize,
    /// Row of the span.
    pub(super) row: usize,
    /// Row of the event or link.
    pub(super) item: Option<usize>,
}

impl<'t> At<'t> {
    pub(super) fn new(trace: &'t TraceView<'t>, position: usize) -> Self {
        Self { trace, position, row: trace.rows[position] as usize, item: None }
    }
}

/// End minus start, never negative: a clock that ran backwards says nothing about length.
fn span_duration(start_ns: u64, end_ns: u64) -> Val<'static> {
    Val::Duration(i64::try_from(end_ns.saturating_sub(start_ns)).unwrap_or(i64::MAX))
}

fn attribute<'a>(columns: &'a Columns, attrs: &Attrs, index: Option<usize>) -> Val<'a> {
    index.map_or(Val::Nil, |i| Val::of(columns.value(attrs, i)))
}

impl<'a> Bound<'a> {
    /// The value of a field; for fields of events and links, of the current one.
    #[inline]
    pub(super) fn read<'t>(&self, slot: usize, at: At<'t>) -> Val<'t>
    where
        'a: 't,
    {
        let spec = &self.program.slots[slot];
        let value = match &spec.field {
            Field::Attribute(attribute) => self.read_attribute(slot, attribute, at),
            Field::Intrinsic(intrinsic) => self.read_intrinsic(*intrinsic, at),
        };
        if spec.default_empty && value.is_nil() { Val::Str("") } else { value }
    }

    fn read_attribute<'t>(&self, slot: usize, attribute: &Attribute, at: At<'t>) -> Val<'t>
    where
        'a: 't,
    {
        match (attribute.scope, at.item) {
            (Scope::Span, _) => self.of_span(slot, at.row),
            (Scope::Resource, _) => self.of_resource(slot, self.columns.resource_of(at.row)),
            (Scope::None, _) => match self.of_span(slot, at.row) {
                Val::Nil => self.of_resource(slot, self.columns.resource_of(at.row)),
                value => value,
            },
            (Scope::Instrumentation, _) => self.of_scope(slot, self.columns.spans.scope[at.row] as usize),
            (Scope::Event, Some(item)) => self.in_list(slot, &self.columns.event_attrs, item),
            (Scope::Link, Some(item)) => self.in_list(slot, &self.columns.link_attrs, item),
            (Scope::Event | Scope::Link, None) => Val::Nil,
        }
    }

    fn in_list(&self, slot: usize, attrs: &'a Attrs, owner: usize) -> Val<'a> {
        attribute(self.columns, attrs, self.keys[slot].find(attrs, owner))
    }

    pub(super) fn of_span(&self, slot: usize, row: usize) -> Val<'a> {
        self.in_list(slot, &self.columns.span_attrs, row)
    }

    pub(super) fn of_resource(&self, slot: usize, resource: usize) -> Val<'a> {
        let attrs = &self.columns.resource_attrs;
        let found = self.keys[slot].find(attrs, resource);
        match &self.program.slots[slot].field {
            Field::Attribute(a) if &*a.name == "service.name" => {
                // An empty name is none: blocks have one column for both.
                match attribute(self.columns, attrs, self.columns.resource_service_at(resource).or(found)) {
                    Val::Str("") => Val::Nil,
                    value => value,
                }
            }
            _ => attribute(self.columns, attrs, found),
        }
    }

    pub(super) fn of_scope(&self, slot: usize, scope: usize) -> Val<'a> {
        self.in_list(slot, &self.columns.scope_attrs, scope)
    }

    fn read_intrinsic<'t>(&self, intrinsic: Intrinsic, at: At<'t>) -> Val<'t>
    where
        'a: 't,
    {
        use Intrinsic as I;
        let columns = self.columns;
        let spans = &columns.spans;
        let scope = || spans.scope[at.row] as usize;
        match intrinsic {
            I::Duration => span_duration(spans.start_ns[at.row], spans.end_ns[at.row]),
            I::Name => Val::Str(columns.names.str(spans.name[at.row])),
            I::Status => Val::Status(Status(spans.status[at.row])),
            I::StatusMessage => Val::Str(columns.values.str(spans.message[at.row])),
            I::Kind => Val::Kind(Kind(spans.kind[at.row])),
            I::SpanId => Val::SpanId(spans.span_id[at.row]),
            I::ParentId => known(spans.parent_id[at.row]),
            I::TraceDuration => span_duration(at.trace.info.start_ns, at.trace.info.end_ns),
            I::RootName => Val::Str(at.trace.info.root_name),
            I::RootServiceName => Val::Str(at.trace.info.root_service),
            I::TraceId => Val::TraceId(spans.trace_id[at.row]),
            I::NestedSetLeft | I::NestedSetRight | I::NestedSetParent | I::ChildCount => {
                Val::Int(tree_number(intrinsic, at))
            }
            I::InstrumentationName => Val::Str(columns.names.str(columns.scopes.name[scope()])),
            I::InstrumentationVersion => Val::Str(columns.names.str(columns.scopes.version[scope()])),
            I::EventName => at.item.map_or(Val::Nil, |e| Val::Str(columns.names.str(columns.events.name[e]))),
            I::EventTimeSinceStart => at.item.map_or(Val::Nil, |e| {
                let since = i128::from(columns.events.time_ns[e]) - i128::from(spans.start_ns[at.row]);
                Val::Duration(since.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
            }),
            I::LinkTraceId => match at.item.map(|l| columns.links.trace_id[l]) {
                Some(id) if id != TraceId::default() => Val::TraceId(id),
                _ => Val::Nil,
            },
            I::LinkSpanId => at.item.map_or(Val::Nil, |l| known(columns.links.span_id[l])),
            // Refused when compiled.
            I::Parent => Val::Nil,
        }
    }

    /// Rows of the events or links of a span.
    pub(super) fn items(&self, items: Items, row: usize) -> Range<usize> {
        match items {
            Items::Events => self.columns.spans.events(row),
            Items::Links => self.columns.spans.links(row),
        }
    }

    /// What a field belongs to, if a span has several of it.
    pub(super) fn items_of_slot(&self, slot: usize) -> Option<Items> {
        match items_of(&self.program.slots[slot].field) {
            (true, _) => Some(Items::Events),
            (_, true) => Some(Items::Links),
            _ => None,
        }
    }
}

fn known(id: SpanId) -> Val<'static> {
    if id == SpanId::NONE { Val::Nil } else { Val::SpanId(id) }
}

fn tree_number(intrinsic: Intrinsic, at: At<'_>) -> i64 {
    let Some(tree) = at.trace.tree else { return 0 };
    let numbers = match intrinsic {
        Intrinsic::NestedSetLeft => &tree.left,
        Intrinsic::NestedSetRight => &tree.right,
        Intrinsic::NestedSetParent => &tree.parent_left,
        _ => &tree.child_count,
    };
    numbers.get(at.position).copied().unwrap_or_default().into()
}
