//! Rows back into columns: the nesting is walked once, all leaves in step.

use super::attrs::{AttrCursor, Dicts};
use super::cursor::Cursor;
use super::leaf_rows::LeafRows;
use super::{Nested, ServiceCount, TraceInfo, TraceRows};
use crate::meta::BlockMeta;
use crate::read::fields::own_columns;
use crate::read::projection::{Keys, Projection};
use crate::read::{ReadError, source};
use crate::schema::{Column, Fixed, List, Owner};
use cadenza_model::{AttrType, Attrs, Columns, SpanId, TraceId, presence};
use std::collections::{BTreeSet, HashMap};

/// A column of its own for one attribute.
struct Own {
    column: Column,
    key: String,
    cursor: Cursor,
}

/// Everything that is read of some rows, with a position in each leaf.
pub(crate) struct Assembler {
    /// Leaves that are one number or string per entry.
    plain: HashMap<Column, Cursor>,
    attrs: HashMap<Owner, AttrCursor>,
    own: HashMap<Owner, Vec<Own>>,
}

fn is_attr(column: Column) -> bool {
    matches!(
        column,
        Column::AttrKey(_) | Column::AttrIsArray(_) | Column::AttrValue(..) | Column::AttrUnsupported(_)
    )
}

impl Assembler {
    pub(crate) fn new(meta: &BlockMeta, projection: &Projection, leaves: Vec<LeafRows>) -> Self {
        let mut cursors: HashMap<Column, Cursor> =
            leaves.into_iter().map(|rows| (rows.leaf.column, Cursor::new(rows))).collect();
        let mut attrs = HashMap::new();
        let mut own = HashMap::new();
        for owner in Owner::ALL {
            let keys = projection.keys(owner).cloned().unwrap_or(Keys::Some(BTreeSet::new()));
            let mut take = |column| cursors.remove(&column).unwrap_or_default();
            let columns = own_columns(meta, owner).into_iter();
            own.insert(
                owner,
                columns.map(|(column, key)| Own { column, key, cursor: take(column) }).collect(),
            );
            attrs.insert(owner, AttrCursor::new(owner, keys, take));
        }
        debug_assert!(!cursors.keys().any(|column| is_attr(*column)), "attributes are walked in step");
        Self { plain: cursors, attrs, own }
    }

    fn plain(&mut self, column: Column) -> &mut Cursor {
        self.plain.entry(column).or_default()
    }

    /// Appends the next row.
    pub(crate) fn row(&mut self, out: &mut TraceRows) -> Result<(), ReadError> {
        let info = self.info();
        self.spans(info.trace_id, out)?;
        out.infos.push(info);
        out.trace_ends.push(out.columns.spans.len() as u32);
        self.plain.values_mut().try_for_each(Cursor::end_row)?;
        self.own.values_mut().flatten().try_for_each(|own| own.cursor.end_row())?;
        self.attrs.values_mut().try_for_each(AttrCursor::end_row)
    }

    fn info(&mut self) -> TraceInfo {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut info = TraceInfo {
            trace_id: trace_id(self.plain(Column::TraceId).bytes()).unwrap_or_default(),
            start_ns: self.plain(Column::TraceStart).int() as u64,
            end_ns: self.plain(Column::TraceEnd).int() as u64,
            duration_ns: self.plain(Column::TraceDuration).int() as u64,
            root_service_name: text(self.plain(Column::RootServiceName).bytes()),
            root_name: text(self.plain(Column::RootSpanName).bytes()),
            services: Vec::new(),
        };
        while self.plain(Column::StatsService).more_in_row() {
            let exists = self.plain(Column::StatsService).def() == 1;
            let name = text(self.plain(Column::StatsService).bytes());
            let spans = self.plain(Column::StatsSpanCount).int() as u32;
            let errors = self.plain(Column::StatsErrorCount).int() as u32;
            if exists {
                info.services.push(ServiceCount { name, spans, errors });
            }
        }
        info
    }

    /// The span id leaf is always read and shows the nesting.
    fn spans(&mut self, trace: TraceId, out: &mut TraceRows) -> Result<(), ReadError> {
        let (resources, scopes) = (List::Resource.depth(), List::Scope.depth());
        while self.plain(Column::SpanId).more_in_row() {
            let (rep, def) = (self.plain(Column::SpanId).rep(), self.plain(Column::SpanId).def());
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
        let dropped = self.plain(Column::DroppedAttributes(Owner::Resource)).int() as u32;
        if exists {
            columns.resources.schema_url.push(0);
            columns.resources.dropped_attributes.push(dropped);
            columns.resources.presence.push(presence::MESSAGE);
        }
        self.attributes(Owner::Resource, exists, columns);
    }

    fn scope(&mut self, columns: &mut Columns, exists: bool) {
        let dropped = self.plain(Column::DroppedAttributes(Owner::Scope)).int() as u32;
        let name = self.plain(Column::ScopeName).code(&mut columns.names).unwrap_or(0);
        let version = self.plain(Column::ScopeVersion).code(&mut columns.names).unwrap_or(0);
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
        let start = self.plain(Column::SpanStart).int() as u64;
        let duration = self.plain(Column::SpanDuration).int() as u64;
        let scope = columns.scopes.presence.len().checked_sub(1);
        let scope = scope.ok_or_else(|| misnested(Column::SpanId))?;
        let spans = &mut columns.spans;
        spans.trace_id.push(trace);
        spans.span_id.push(span_id(self.plain(Column::SpanId).bytes()).unwrap_or_else(|odd| odd));
        let parent = self.plain(Column::ParentSpanId).bytes();
        spans.parent_id.push(span_id(parent).unwrap_or(SpanId::NONE));
        if span_id(parent).is_err() {
            let code = columns.raw.intern(parent);
            spans.odd_parents.push((row, code));
        }
        spans.start_ns.push(start);
        spans.end_ns.push(start.wrapping_add(duration));
        spans.kind.push(self.plain(Column::Kind).int() as i32);
        spans.status.push(self.plain(Column::StatusCode).int() as i32);
        spans.flags.push(0);
        spans.name.push(self.plain(Column::SpanName).code(&mut columns.names).unwrap_or(0));
        spans.message.push(self.plain(Column::StatusMessage).code(&mut columns.values).unwrap_or(0));
        spans.trace_state.push(self.plain(Column::TraceState).code(&mut columns.values).unwrap_or(0));
        spans.dropped_attributes.push(self.plain(Column::DroppedAttributes(Owner::Span)).int() as u32);
        spans.dropped_events.push(self.plain(Column::DroppedEvents).int() as u32);
        spans.dropped_links.push(self.plain(Column::DroppedLinks).int() as u32);
        spans.scope.push(scope as u32);
        spans.presence.push(presence::STATUS);
        spans.wire_bytes.push(0);
        nested.left.push(self.plain(Column::NestedSetLeft).int() as i32);
        nested.right.push(self.plain(Column::NestedSetRight).int() as i32);
        nested.parent.push(self.plain(Column::ParentId).int() as i32);
        self.attributes(Owner::Span, true, columns);
        self.events(start, columns);
        self.links(columns);
        columns.spans.event_ends.push(columns.events.time_ns.len() as u32);
        columns.spans.link_ends.push(columns.links.flags.len() as u32);
        Ok(())
    }

    /// Passes the entry of a list of spans without elements.
    fn no_span(&mut self) {
        let in_spans = |column: &Column| {
            source::leaf(*column).is_ok_and(|leaf| {
                let mut list = Some(leaf.list);
                while let Some(at) = list.filter(|at| *at != List::Span) {
                    list = at.parent();
                }
                list.is_some()
            })
        };
        self.plain.iter_mut().filter(|(column, _)| in_spans(column)).for_each(|(_, cursor)| {
            cursor.step();
        });
        for owner in [Owner::Span, Owner::Event, Owner::Link] {
            self.own.get_mut(&owner).into_iter().flatten().for_each(|own| {
                own.cursor.step();
            });
            if let Some(attrs) = self.attrs.get_mut(&owner) {
                attrs.skip_placeholder();
            }
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
        if let Some(attrs) = self.attrs.get_mut(&owner) {
            if exists {
                attrs.owner(out, &mut dicts);
            } else {
                attrs.skip_placeholder();
            }
        }
        for own in self.own.get_mut(&owner).into_iter().flatten() {
            let Some(value) = own.cursor.step().filter(|_| exists) else { continue };
            if own.column == Column::Fixed(Fixed::HttpStatusCode) {
                let number = own.cursor.int_at(value).unwrap_or(0);
                out.push(dicts.names.intern(own.key.as_bytes()), AttrType::Int, number as u64);
                continue;
            }
            let code = own.cursor.code_at(value, dicts.values);
            // The service name has no "absent": Tempo stores it as empty.
            if code != 0 || own.column != Column::ServiceName {
                out.push(dicts.names.intern(own.key.as_bytes()), AttrType::Str, u64::from(code));
            }
        }
        if exists {
            out.end_owner();
        }
    }

    fn events(&mut self, span_start: u64, columns: &mut Columns) {
        let depth = List::Event.depth();
        if !self.plain(Column::EventTime).is_read() {
            return;
        }
        loop {
            let exists = self.plain(Column::EventTime).def() >= depth;
            let offset = self.plain(Column::EventTime).int() as u64;
            let name = self.plain(Column::EventName).code(&mut columns.names).unwrap_or(0);
            let dropped = self.plain(Column::DroppedAttributes(Owner::Event)).int() as u32;
            if exists {
                columns.events.time_ns.push(span_start.wrapping_add(offset));
                columns.events.name.push(name);
                columns.events.dropped_attributes.push(dropped);
            }
            self.attributes(Owner::Event, exists, columns);
            if self.plain(Column::EventTime).rep() != depth {
                return;
            }
        }
    }

    fn links(&mut self, columns: &mut Columns) {
        let depth = List::Link.depth();
        if !self.plain(Column::LinkSpanId).is_read() {
            return;
        }
        loop {
            let exists = self.plain(Column::LinkSpanId).def() >= depth;
            self.link(exists, columns);
            self.attributes(Owner::Link, exists, columns);
            if self.plain(Column::LinkSpanId).rep() != depth {
                return;
            }
        }
    }

    fn link(&mut self, exists: bool, columns: &mut Columns) {
        let row = columns.links.flags.len() as u32;
        let trace = self.plain(Column::LinkTraceId).bytes();
        let (trace_parsed, trace_code) = (trace_id(trace), columns.raw.intern(trace));
        let span = self.plain(Column::LinkSpanId).bytes();
        let (span_parsed, span_code) = (span_id(span), columns.raw.intern(span));
        let state = self.plain(Column::LinkTraceState).code(&mut columns.values).unwrap_or(0);
        let dropped = self.plain(Column::DroppedAttributes(Owner::Link)).int() as u32;
        if !exists {
            return;
        }
        if trace_parsed.is_err() || span_parsed.is_err() {
            columns.links.odd_ids.push((row, trace_code, span_code));
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
