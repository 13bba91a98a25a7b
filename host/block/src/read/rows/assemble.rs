//! Rows back into columns: the nesting is walked once, all leaves in step.

use super::attrs::{AttrCursor, Dicts};
use super::cursor::Cursor;
use super::leaf_rows::LeafRows;
use super::own::OwnCursor;
use super::{Nested, ServiceCount, TraceInfo, TraceRows};
use crate::read::ReadError;
use crate::read::projection::{Keys, Projection};
use crate::schema::{Column, Leaf, List, Owner, Schema};
use cadenza_model::{Attrs, Columns, SpanId, TraceId, presence};
use std::collections::{BTreeSet, HashMap};

/// Everything that is read of some rows, with a position in each leaf.
pub(crate) struct Assembler<'s> {
    plain: Plain<'s>,
    /// By [`Owner`], as are the columns of their own.
    attrs: [AttrCursor<'s>; Owner::ALL.len()],
    own: [Vec<OwnCursor<'s>>; Owner::ALL.len()],
}

macro_rules! plain {
    ($($field:ident: $column:expr,)*) => {
        /// Leaves that are one number or string per entry.
        struct Plain<'s> {
            $($field: Cursor<'s>,)*
        }

        impl<'s> Plain<'s> {
            fn new(mut take: impl FnMut(Column) -> Cursor<'s>) -> Self {
                Self { $($field: take($column),)* }
            }

            fn all(&mut self) -> impl Iterator<Item = &mut Cursor<'s>> {
                [$(&mut self.$field,)*].into_iter()
            }
        }
    };
}

plain! {
    trace_id: Column::TraceId,
    trace_start: Column::TraceStart,
    trace_end: Column::TraceEnd,
    trace_duration: Column::TraceDuration,
    root_service: Column::RootServiceName,
    root_name: Column::RootSpanName,
    stats_service: Column::StatsService,
    stats_spans: Column::StatsSpanCount,
    stats_errors: Column::StatsErrorCount,
    resource_dropped: Column::DroppedAttributes(Owner::Resource),
    scope_name: Column::ScopeName,
    scope_version: Column::ScopeVersion,
    scope_dropped: Column::DroppedAttributes(Owner::Scope),
    span_id: Column::SpanId,
    parent_span_id: Column::ParentSpanId,
    start: Column::SpanStart,
    duration: Column::SpanDuration,
    name: Column::SpanName,
    kind: Column::Kind,
    status: Column::StatusCode,
    message: Column::StatusMessage,
    trace_state: Column::TraceState,
    dropped: Column::DroppedAttributes(Owner::Span),
    dropped_events: Column::DroppedEvents,
    dropped_links: Column::DroppedLinks,
    nested_left: Column::NestedSetLeft,
    nested_right: Column::NestedSetRight,
    nested_parent: Column::ParentId,
    event_time: Column::EventTime,
    event_name: Column::EventName,
    event_dropped: Column::DroppedAttributes(Owner::Event),
    link_trace_id: Column::LinkTraceId,
    link_span_id: Column::LinkSpanId,
    link_state: Column::LinkTraceState,
    link_dropped: Column::DroppedAttributes(Owner::Link),
}

impl<'s> Assembler<'s> {
    pub(crate) fn new(schema: &'s Schema, projection: &Projection, leaves: Vec<LeafRows<'s>>) -> Self {
        let mut cursors: HashMap<Column, Cursor<'s>> =
            leaves.into_iter().map(|rows| (rows.leaf.column, Cursor::new(rows))).collect();
        let mut take = |column| cursors.remove(&column).unwrap_or_default();
        let own = Owner::ALL
            .map(|owner| schema.own(owner).iter().map(|own| OwnCursor::new(own, take(own.column))).collect());
        let attrs = Owner::ALL.map(|owner| {
            let keys = projection.keys(owner).cloned().unwrap_or(Keys::Some(BTreeSet::new()));
            AttrCursor::new(owner, keys, &mut take)
        });
        let plain = Plain::new(take);
        debug_assert!(cursors.is_empty(), "read for nothing: {:?}", cursors.keys());
        Self { plain, attrs, own }
    }

    /// Appends the next row.
    pub(crate) fn row(&mut self, out: &mut TraceRows) -> Result<(), ReadError> {
        let info = self.info();
        self.spans(info.trace_id, out)?;
        out.infos.push(info);
        out.trace_ends.push(out.columns.spans.len() as u32);
        self.plain.all().try_for_each(Cursor::end_row)?;
        self.own.iter_mut().flatten().try_for_each(|own| own.cursor().end_row())?;
        self.attrs.iter_mut().try_for_each(AttrCursor::end_row)
    }

    fn info(&mut self) -> TraceInfo {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut info = TraceInfo {
            trace_id: trace_id(self.plain.trace_id.bytes()).unwrap_or_default(),
            start_ns: self.plain.trace_start.int() as u64,
            end_ns: self.plain.trace_end.int() as u64,
            duration_ns: self.plain.trace_duration.int() as u64,
            root_service_name: text(self.plain.root_service.bytes()),
            root_name: text(self.plain.root_name.bytes()),
            services: Vec::new(),
        };
        while self.plain.stats_service.more_in_row() {
            let exists = self.plain.stats_service.def() == 1;
            let name = text(self.plain.stats_service.bytes());
            let spans = self.plain.stats_spans.int() as u32;
            let errors = self.plain.stats_errors.int() as u32;
            if exists {
                info.services.push(ServiceCount { name, spans, errors });
            }
        }
        info
    }

    /// The span id leaf is always read and shows the nesting.
    fn spans(&mut self, trace: TraceId, out: &mut TraceRows) -> Result<(), ReadError> {
        let (resources, scopes) = (List::Resource.depth(), List::Scope.depth());
        while self.plain.span_id.more_in_row() {
            let (rep, def) = (self.plain.span_id.rep(), self.plain.span_id.def());
            if rep <= resources {
                self.resource(&mut out.columns, def >= resources);
            }
            if rep <= scopes {
                self.scope(&mut out.columns, def >= scopes);
            }
            if def >= List::Span.depth() {
                self.span(trace, &mut out.columns, &mut out.nested)?;
            } else {
                self.no_span();
            }
        }
        Ok(())
    }

    fn resource(&mut self, columns: &mut Columns, exists: bool) {
        let dropped = self.plain.resource_dropped.int() as u32;
        if exists {
            columns.resources.schema_url.push(0);
            columns.resources.dropped_attributes.push(dropped);
            columns.resources.presence.push(presence::MESSAGE);
        }
        self.attributes(Owner::Resource, exists, columns);
    }

    fn scope(&mut self, columns: &mut Columns, exists: bool) {
        let dropped = self.plain.scope_dropped.int() as u32;
        let name = self.plain.scope_name.code(&mut columns.names).unwrap_or(0);
        let version = self.plain.scope_version.code(&mut columns.names).unwrap_or(0);
        if exists {
            columns.scopes.resource.push(columns.resources.presence.len().saturating_sub(1) as u32);
            columns.scopes.name.push(name);
            columns.scopes.version.push(version);
            columns.scopes.schema_url.push(0);
            columns.scopes.dropped_attributes.push(dropped);
            columns.scopes.presence.push(presence::MESSAGE);
        }
        self.attributes(Owner::Scope, exists, columns);
    }

    fn span(&mut self, trace: TraceId, columns: &mut Columns, nested: &mut Nested) -> Result<(), ReadError> {
        let row = columns.spans.len() as u32;
        let start = self.plain.start.int() as u64;
        let duration = self.plain.duration.int() as u64;
        let scope = columns.scopes.presence.len().checked_sub(1);
        let scope = scope.ok_or_else(|| misnested(Column::SpanId))?;
        let spans = &mut columns.spans;
        spans.trace_id.push(trace);
        spans.span_id.push(span_id(self.plain.span_id.bytes()).unwrap_or_else(|odd| odd));
        let parent = self.plain.parent_span_id.bytes();
        spans.parent_id.push(span_id(parent).unwrap_or(SpanId::NONE));
        if span_id(parent).is_err() {
            let code = columns.raw.intern(parent);
            spans.odd_parents.push((row, code));
        }
        spans.start_ns.push(start);
        spans.end_ns.push(start.wrapping_add(duration));
        spans.kind.push(self.plain.kind.int() as i32);
        spans.status.push(self.plain.status.int() as i32);
        spans.flags.push(0);
        spans.name.push(self.plain.name.code(&mut columns.names).unwrap_or(0));
        spans.message.push(self.plain.message.code(&mut columns.values).unwrap_or(0));
        spans.trace_state.push(self.plain.trace_state.code(&mut columns.values).unwrap_or(0));
        spans.dropped_attributes.push(self.plain.dropped.int() as u32);
        spans.dropped_events.push(self.plain.dropped_events.int() as u32);
        spans.dropped_links.push(self.plain.dropped_links.int() as u32);
        spans.scope.push(scope as u32);
        spans.presence.push(presence::STATUS);
        spans.wire_bytes.push(0);
        nested.left.push(self.plain.nested_left.int() as i32);
        nested.right.push(self.plain.nested_right.int() as i32);
        nested.parent.push(self.plain.nested_parent.int() as i32);
        self.attributes(Owner::Span, true, columns);
        self.events(start, columns);
        self.links(columns);
        columns.spans.event_ends.push(columns.events.time_ns.len() as u32);
        columns.spans.link_ends.push(columns.links.flags.len() as u32);
        Ok(())
    }

    /// Passes the entry of a list of spans without elements.
    fn no_span(&mut self) {
        let in_spans = |leaf: &Leaf| {
            let mut list = Some(leaf.list);
            while let Some(at) = list.filter(|at| *at != List::Span) {
                list = at.parent();
            }
            list.is_some()
        };
        self.plain.all().filter(|cursor| cursor.leaf().is_some_and(in_spans)).for_each(|cursor| {
            cursor.step();
        });
        for owner in [Owner::Span, Owner::Event, Owner::Link] {
            self.own[owner as usize].iter_mut().for_each(|own| {
                own.cursor().step();
            });
            self.attrs[owner as usize].skip_placeholder();
        }
    }

    /// Generic attributes, then the columns of their own, as Tempo puts them back.
    fn attributes(&mut self, owner: Owner, exists: bool, columns: &mut Columns) {
        let Columns { span_attrs, event_attrs, link_attrs, scope_attrs, resource_attrs, .. } = columns;
        let out: &mut Attrs = match owner {
            Owner::Resource => resource_attrs,
            Owner::Scope => scope_attrs,
            Owner::Span => span_attrs,
            Owner::Event => event_attrs,
            Owner::Link => link_attrs,
        };
        let mut dicts =
            Dicts { names: &mut columns.names, values: &mut columns.values, raw: &mut columns.raw };
        let attrs = &mut self.attrs[owner as usize];
        if exists {
            attrs.owner(out, &mut dicts);
        } else {
            attrs.skip_placeholder();
        }
        for own in &mut self.own[owner as usize] {
            own.owner(owner, exists, out, &mut dicts);
        }
        if exists {
            out.end_owner();
        }
    }

    fn events(&mut self, span_start: u64, columns: &mut Columns) {
        let depth = List::Event.depth();
        if !self.plain.event_time.is_read() {
            return;
        }
        loop {
            let exists = self.plain.event_time.def() >= depth;
            let offset = self.plain.event_time.int() as u64;
            let name = self.plain.event_name.code(&mut columns.names).unwrap_or(0);
            let dropped = self.plain.event_dropped.int() as u32;
            if exists {
                columns.events.time_ns.push(span_start.wrapping_add(offset));
                columns.events.name.push(name);
                columns.events.dropped_attributes.push(dropped);
            }
            self.attributes(Owner::Event, exists, columns);
            if self.plain.event_time.rep() != depth {
                return;
            }
        }
    }

    fn links(&mut self, columns: &mut Columns) {
        let depth = List::Link.depth();
        if !self.plain.link_span_id.is_read() {
            return;
        }
        loop {
            let exists = self.plain.link_span_id.def() >= depth;
            self.link(exists, columns);
            self.attributes(Owner::Link, exists, columns);
            if self.plain.link_span_id.rep() != depth {
                return;
            }
        }
    }

    fn link(&mut self, exists: bool, columns: &mut Columns) {
        let row = columns.links.flags.len() as u32;
        let trace = self.plain.link_trace_id.bytes();
        let span = self.plain.link_span_id.bytes();
        let (trace_parsed, span_parsed) = (trace_id(trace), span_id(span));
        if exists && (trace_parsed.is_err() || span_parsed.is_err()) {
            let (trace_code, span_code) = (columns.raw.intern(trace), columns.raw.intern(span));
            columns.links.odd_ids.push((row, trace_code, span_code));
        }
        let state = self.plain.link_state.code(&mut columns.values).unwrap_or(0);
        let dropped = self.plain.link_dropped.int() as u32;
        if !exists {
            return;
        }
        columns.links.trace_id.push(trace_parsed.unwrap_or_default());
        columns.links.span_id.push(span_parsed.unwrap_or(SpanId::NONE));
        columns.links.trace_state.push(state);
        columns.links.flags.push(0);
        columns.links.dropped_attributes.push(dropped);
    }
}

fn misnested(column: Column) -> ReadError {
    ReadError::Shape { leaf: format!("{column:?}"), what: "has a span outside of a scope" }
}

/// Sixteen bytes, or none at all.
fn trace_id(bytes: &[u8]) -> Result<TraceId, TraceId> {
    match (bytes.is_empty(), <[u8; 16]>::try_from(bytes)) {
        (_, Ok(id)) => Ok(TraceId(id)),
        (true, _) => Ok(TraceId::default()),
        _ => Err(TraceId::default()),
    }
}

/// Eight bytes, or none at all; else the id that the first eight bytes make.
fn span_id(bytes: &[u8]) -> Result<SpanId, SpanId> {
    let first = bytes.iter().take(8).fold(0, |id, &byte| id << 8 | u64::from(byte));
    if matches!(bytes.len(), 0 | 8) { Ok(SpanId(first)) } else { Err(SpanId(first)) }
}
