//! Do the parts of a batch fit together?

use super::{Attrs, Columns};
use crate::error::Broken;
use crate::{AttrType, Code, Dict};

fn require(holds: bool, what: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { what }) }
}

/// `ends` has `owners` ascending entries of which the last is `children`.
fn nests(ends: &[u32], owners: usize, children: usize) -> bool {
    ends.len() == owners && ends.is_sorted() && ends.last().map_or(0, |&end| end as usize) == children
}

fn within(codes: &[Code], len: usize) -> bool {
    codes.iter().all(|&code| (code as usize) < len)
}

impl Columns {
    /// Checks every offset, code and row number, and the UTF-8 of `names` and `values`. Reading columns
    /// that pass cannot go out of bounds.
    pub fn check(&self) -> Result<(), Broken> {
        require(self.names.is_utf8_from(0), "a name is not utf-8")?;
        require(self.values.is_utf8_from(0), "a value is not utf-8")?;
        require(
            !(self.names.is_full() || self.values.is_full() || self.raw.is_full()),
            "a dictionary is full",
        )?;
        self.check_spans()?;
        self.check_children()?;
        let resources = self.resources.schema_url.len();
        let scopes = self.scopes.name.len();
        require(self.scopes.is_rectangular(), "columns of scopes differ in length")?;
        require(within(&self.scopes.resource, resources), "a scope names no resource")?;
        for codes in [&self.scopes.name, &self.scopes.version, &self.scopes.schema_url] {
            require(within(codes, self.names.len()), "a code of a scope is out of range")?;
        }
        require(self.resources.is_rectangular(), "columns of resources differ in length")?;
        require(within(&self.resources.schema_url, self.names.len()), "a schema url code is out of range")?;
        self.check_attrs(&self.scope_attrs, scopes)?;
        self.check_attrs(&self.resource_attrs, resources)
    }

    fn check_spans(&self) -> Result<(), Broken> {
        let spans = &self.spans;
        let rows = spans.len();
        require(spans.is_rectangular(), "columns of spans differ in length")?;
        require(within(&spans.name, self.names.len()), "a span name code is out of range")?;
        require(within(&spans.message, self.values.len()), "a status message code is out of range")?;
        require(within(&spans.trace_state, self.values.len()), "a trace state code is out of range")?;
        require(within(&spans.scope, self.scopes.name.len()), "a span names no scope")?;
        require(nests(&spans.event_ends, rows, self.events.time_ns.len()), "events do not nest in spans")?;
        require(nests(&spans.link_ends, rows, self.links.flags.len()), "links do not nest in spans")?;
        let odd = &spans.odd_parents;
        require(odd.is_sorted_by(|a, b| a.0 < b.0), "odd parents are not in order")?;
        let fits = |&(row, code): &(u32, Code)| (row as usize) < rows && (code as usize) < self.raw.len();
        require(odd.iter().all(fits), "an odd parent is out of range")?;
        self.check_attrs(&self.span_attrs, rows)
    }

    fn check_children(&self) -> Result<(), Broken> {
        let events = self.events.time_ns.len();
        require(self.events.is_rectangular(), "columns of events differ in length")?;
        require(within(&self.events.name, self.names.len()), "an event name code is out of range")?;
        self.check_attrs(&self.event_attrs, events)?;
        let links = self.links.flags.len();
        require(self.links.is_rectangular(), "columns of links differ in length")?;
        require(within(&self.links.trace_state, self.values.len()), "a link's trace state is out of range")?;
        let odd = &self.links.odd_ids;
        require(odd.is_sorted_by(|a, b| a.0 < b.0), "odd link ids are not in order")?;
        let raw = self.raw.len();
        let fits = |&(row, trace, span): &(u32, Code, Code)| {
            (row as usize) < links && (trace as usize) < raw && (span as usize) < raw
        };
        require(odd.iter().all(fits), "an odd link id is out of range")?;
        self.check_attrs(&self.link_attrs, links)
    }

    fn check_attrs(&self, attrs: &Attrs, owners: usize) -> Result<(), Broken> {
        require(attrs.is_rectangular(), "columns of attributes differ in length")?;
        require(nests(&attrs.ends, owners, attrs.key.len()), "attributes do not nest in their owners")?;
        require(within(&attrs.key, self.names.len()), "a key code is out of range")?;
        let fits = |dict: &Dict, val: u64| val < dict.len() as u64;
        let valid = attrs.ty.iter().zip(&attrs.val).all(|(ty, &val)| match ty {
            AttrType::Str => fits(&self.values, val),
            AttrType::Array | AttrType::Map | AttrType::Bytes => fits(&self.raw, val),
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => true,
        });
        require(valid, "a value code is out of range")
    }
}
