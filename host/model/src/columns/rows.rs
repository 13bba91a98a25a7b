//! Clearing, cutting back and reading columns row by row.

use super::{Attrs, Columns, Events, Links, Resources, Scopes, Spans};
use crate::{AttrType, Dict, ValueRef};

/// The work every table needs on all of its plain columns.
macro_rules! plain_columns {
    ($table:ident: $first:ident $(, $column:ident)*) => {
        impl $table {
            pub(crate) fn truncate_plain(&mut self, rows: usize) {
                self.$first.truncate(rows);
                $(self.$column.truncate(rows);)*
            }

            pub(crate) fn memory_plain(&self) -> usize {
                fn held<T>(column: &Vec<T>) -> usize {
                    column.capacity() * size_of::<T>()
                }
                held(&self.$first) $(+ held(&self.$column))*
            }

            /// True if all plain columns have as many rows as the first.
            pub(crate) fn is_rectangular(&self) -> bool {
                let rows = self.$first.len();
                true $(&& self.$column.len() == rows)*
            }
        }
    };
}

plain_columns!(
    Spans: trace_id, span_id, parent_id, start_ns, end_ns, kind, status, flags, name, message, trace_state,
    dropped_attributes, dropped_events, dropped_links, scope, event_ends, link_ends, presence, wire_bytes
);
plain_columns!(Attrs: key, ty, val);
plain_columns!(Events: time_ns, name, dropped_attributes);
plain_columns!(Links: trace_id, span_id, trace_state, flags, dropped_attributes);
plain_columns!(Scopes: name, resource, version, schema_url, dropped_attributes, presence);
plain_columns!(Resources: schema_url, dropped_attributes, presence);

/// A state of [`Columns`] to go back to; see [`Columns::savepoint`].
#[derive(Debug, Clone, Copy)]
pub struct Savepoint {
    spans: usize,
    events: usize,
    links: usize,
    scopes: usize,
    resources: usize,
    names: usize,
    values: usize,
    raw: usize,
    wire: crate::otlp::WireMark,
}

impl Attrs {
    /// Keeps the lists of the first `owners`.
    pub(crate) fn truncate(&mut self, owners: usize) {
        self.ends.truncate(owners);
        self.truncate_plain(self.ends.last().map_or(0, |&end| end as usize));
    }

    /// Ends the list of the next owner.
    #[inline]
    pub fn end_owner(&mut self) {
        self.ends.push(self.key.len() as u32);
    }

    /// Appends an attribute to the list being filled.
    #[inline]
    pub fn push(&mut self, key: crate::Code, ty: AttrType, val: u64) {
        self.key.push(key);
        self.ty.push(ty);
        self.val.push(val);
    }
}

impl Columns {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties everything and keeps the memory, for the next batch.
    pub fn reset(&mut self) {
        self.truncate_rows(0, 0, 0, 0, 0);
        self.names.reset();
        self.values.reset();
        self.raw.reset();
        self.wire.reset();
    }

    /// Remembers the present state for [`Columns::rollback`].
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            spans: self.spans.len(),
            events: self.events.time_ns.len(),
            links: self.links.flags.len(),
            scopes: self.scopes.name.len(),
            resources: self.resources.schema_url.len(),
            names: self.names.len(),
            values: self.values.len(),
            raw: self.raw.len(),
            wire: self.wire.mark(),
        }
    }

    /// Forgets everything appended since `to`. Nothing else may have been changed in between.
    pub fn rollback(&mut self, to: Savepoint) {
        self.truncate_rows(to.spans, to.events, to.links, to.scopes, to.resources);
        self.names.truncate(to.names);
        self.values.truncate(to.values);
        self.raw.truncate(to.raw);
        self.wire.rollback(to.wire);
    }

    fn truncate_rows(&mut self, spans: usize, events: usize, links: usize, scopes: usize, resources: usize) {
        self.spans.truncate_plain(spans);
        self.spans
            .odd_parents
            .truncate(self.spans.odd_parents.partition_point(|odd| (odd.0 as usize) < spans));
        self.span_attrs.truncate(spans);
        self.events.truncate_plain(events);
        self.event_attrs.truncate(events);
        self.links.truncate_plain(links);
        self.links.odd_ids.truncate(self.links.odd_ids.partition_point(|odd| (odd.0 as usize) < links));
        self.link_attrs.truncate(links);
        self.scopes.truncate_plain(scopes);
        self.scope_attrs.truncate(scopes);
        self.resources.truncate_plain(resources);
        self.resource_attrs.truncate(resources);
    }

    /// Bytes of memory held, spare capacity included.
    pub fn memory_bytes(&self) -> usize {
        let attrs = |attrs: &Attrs| attrs.memory_plain() + attrs.ends.capacity() * 4;
        self.spans.memory_plain()
            + self.spans.odd_parents.capacity() * 8
            + self.events.memory_plain()
            + self.links.memory_plain()
            + self.links.odd_ids.capacity() * 12
            + self.scopes.memory_plain()
            + self.resources.memory_plain()
            + attrs(&self.span_attrs)
            + attrs(&self.event_attrs)
            + attrs(&self.link_attrs)
            + attrs(&self.scope_attrs)
            + attrs(&self.resource_attrs)
            + [&self.names, &self.values, &self.raw].into_iter().map(Dict::memory_bytes).sum::<usize>()
            + self.wire.memory_bytes()
    }

    /// The key of attribute `index` of one of this batch's sets.
    #[inline]
    pub fn key(&self, attrs: &Attrs, index: usize) -> &str {
        self.names.str(attrs.key[index])
    }

    /// The value of attribute `index` of one of this batch's sets.
    #[inline]
    pub fn value(&self, attrs: &Attrs, index: usize) -> ValueRef<'_> {
        let val = attrs.val[index];
        match attrs.ty[index] {
            AttrType::Absent => ValueRef::Absent,
            AttrType::Empty => ValueRef::Empty,
            AttrType::Str => ValueRef::Str(self.values.str(val as u32)),
            AttrType::Int => ValueRef::Int(val as i64),
            AttrType::Double => ValueRef::Double(f64::from_bits(val)),
            AttrType::Bool => ValueRef::Bool(val != 0),
            AttrType::Array => ValueRef::Array(self.raw.get(val as u32)),
            AttrType::Map => ValueRef::Map(self.raw.get(val as u32)),
            AttrType::Bytes => ValueRef::Bytes(self.raw.get(val as u32)),
        }
    }

    /// Row of the resource of span `row`.
    #[inline]
    pub fn resource_of(&self, row: usize) -> usize {
        self.scopes.resource[self.spans.scope[row] as usize] as usize
    }

    /// The service of span `row`; see [`Columns::resource_service_name`].
    pub fn service_name(&self, row: usize) -> Option<&str> {
        self.resource_service_name(self.resource_of(row))
    }

    /// The service of resource `resource`: the last `service.name` that is a string. One of another type is
    /// an attribute like any other, as in a block's column.
    pub fn resource_service_name(&self, resource: usize) -> Option<&str> {
        let at = self.resource_service_at(resource)?;
        Some(self.values.str(self.resource_attrs.val[at] as u32))
    }

    /// The attribute of resource `resource` that names its service.
    pub fn resource_service_at(&self, resource: usize) -> Option<usize> {
        let attrs = &self.resource_attrs;
        let names =
            |&i: &usize| attrs.ty[i] == AttrType::Str && self.names.get(attrs.key[i]) == b"service.name";
        attrs.of(resource).rev().find(names)
    }
}
