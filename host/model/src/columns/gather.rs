//! Appending chosen rows of one batch to another, and dropping rows in place.

use super::{Attrs, Columns, Savepoint};
use crate::error::Full;
use crate::{AttrType, Code, Dict};
use std::collections::HashMap;

/// A code or row that has not been carried over yet.
const UNMAPPED: u32 = u32::MAX;

/// Scratch of [`Columns::append_rows_with`]: which code or row of the source became which one here.
///
/// One serves any number of sources appended to the same batch: it also remembers the contents of the
/// resources and scopes that are there, so that equal ones of several sources become one.
#[derive(Debug, Default)]
pub struct Remap {
    names: Vec<Code>,
    values: Vec<Code>,
    raw: Vec<Code>,
    scopes: Vec<u32>,
    resources: Vec<u32>,
    /// Content in codes of the destination, to its row.
    resource_rows: HashMap<Vec<u64>, u32>,
    scope_rows: HashMap<Vec<u64>, u32>,
    content: Vec<u64>,
}

/// The dictionaries of one side and the remap tables towards the other.
struct Codes<'a> {
    names: &'a mut Dict,
    values: &'a mut Dict,
    raw: &'a mut Dict,
    from: &'a Columns,
    name_map: &'a mut Vec<Code>,
    value_map: &'a mut Vec<Code>,
    raw_map: &'a mut Vec<Code>,
}

#[inline]
fn carry(map: &mut [Code], to: &mut Dict, from: &Dict, code: Code) -> Code {
    let mapped = map[code as usize];
    if mapped != UNMAPPED {
        return mapped;
    }
    let mapped = to.intern(from.get(code));
    map[code as usize] = mapped;
    mapped
}

impl Codes<'_> {
    #[inline]
    fn name(&mut self, code: Code) -> Code {
        carry(self.name_map, self.names, &self.from.names, code)
    }

    #[inline]
    fn value(&mut self, code: Code) -> Code {
        carry(self.value_map, self.values, &self.from.values, code)
    }

    #[inline]
    fn raw(&mut self, code: Code) -> Code {
        carry(self.raw_map, self.raw, &self.from.raw, code)
    }

    fn attr_value(&mut self, ty: AttrType, val: u64) -> u64 {
        match ty {
            AttrType::Str => u64::from(self.value(val as Code)),
            AttrType::Array | AttrType::Map | AttrType::Bytes => u64::from(self.raw(val as Code)),
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => val,
        }
    }

    /// Appends the list of `owner` in `from` to `to`.
    fn attrs(&mut self, to: &mut Attrs, from: &Attrs, owner: usize) {
        for i in from.of(owner) {
            let key = self.name(from.key[i]);
            let val = self.attr_value(from.ty[i], from.val[i]);
            to.push(key, from.ty[i], val);
        }
        to.end_owner();
    }
}

fn clear(map: &mut Vec<u32>, len: usize) {
    map.clear();
    map.resize(len, UNMAPPED);
}

impl Remap {
    /// Before the first source.
    pub fn new() -> Self {
        Self::default()
    }

    /// Before the first source of another destination; keeps the memory.
    pub fn reset(&mut self) {
        self.resource_rows.clear();
        self.scope_rows.clear();
    }

    fn start(&mut self, src: &Columns) {
        clear(&mut self.names, src.names.len());
        clear(&mut self.values, src.values.len());
        clear(&mut self.raw, src.raw.len());
        clear(&mut self.scopes, src.scopes.name.len());
        clear(&mut self.resources, src.resources.schema_url.len());
    }
}

/// What makes a resource or a scope equal to another: its scalars, then its attributes.
fn content_of(content: &mut Vec<u64>, scalars: &[u32], attrs: &Attrs, owner: usize) {
    content.clear();
    content.extend(scalars.iter().map(|&scalar| u64::from(scalar)));
    for i in attrs.of(owner) {
        content.push(u64::from(attrs.key[i]) << 8 | attrs.ty[i] as u64);
        content.push(attrs.val[i]);
    }
}

impl Columns {
    /// Appends `rows` of `src` in the order given, with their events, links, scopes and resources. Only
    /// dictionary entries that these rows use come along. On error nothing was appended.
    pub fn append_rows(&mut self, src: &Self, rows: &[u32]) -> Result<(), Full> {
        self.append_rows_with(&mut Remap::new(), src, rows)
    }

    /// [`Columns::append_rows`] with scratch space to reuse. Between two calls with one `remap` nothing
    /// but these calls may change `self`; use [`Remap::reset`] when something did.
    pub fn append_rows_with(&mut self, remap: &mut Remap, src: &Self, rows: &[u32]) -> Result<(), Full> {
        let before = self.savepoint();
        remap.start(src);
        self.gather_owners(remap, src, rows);
        self.gather_spans(remap, src, rows);
        self.end_append(before).inspect_err(|_| remap.reset())
    }

    /// Undoes the append since `before` when an offset or a row number outgrew 32 bits.
    pub(crate) fn end_append(&mut self, before: Savepoint) -> Result<(), Full> {
        let Some(what) = self.overflowed() else { return Ok(()) };
        self.rollback(before);
        Err(Full { what })
    }

    /// The part that has outgrown 32-bit offsets.
    fn overflowed(&self) -> Option<&'static str> {
        let too_many = |len: usize| len >= u32::MAX as usize;
        let attrs =
            [&self.span_attrs, &self.event_attrs, &self.link_attrs, &self.scope_attrs, &self.resource_attrs];
        [
            ("bytes of names", self.names.is_full()),
            ("bytes of values", self.values.is_full()),
            ("bytes of arrays and maps", self.raw.is_full()),
            ("spans", too_many(self.spans.len())),
            ("events", too_many(self.events.time_ns.len())),
            ("links", too_many(self.links.flags.len())),
            ("attributes", attrs.iter().any(|attrs| too_many(attrs.key.len()))),
        ]
        .into_iter()
        .find_map(|(what, full)| full.then_some(what))
    }

    /// Carries over the scopes and resources of `rows`, merging those whose equals are here.
    fn gather_owners(&mut self, remap: &mut Remap, src: &Self, rows: &[u32]) {
        for &row in rows {
            let scope = src.spans.scope[row as usize] as usize;
            if remap.scopes[scope] != UNMAPPED {
                continue;
            }
            let resource = src.scopes.resource[scope] as usize;
            if remap.resources[resource] == UNMAPPED {
                remap.resources[resource] = self.gather_resource(remap, src, resource);
            }
            remap.scopes[scope] = self.gather_scope(remap, src, scope, remap.resources[resource]);
        }
    }

    fn gather_resource(&mut self, remap: &mut Remap, src: &Self, row: usize) -> u32 {
        let mut codes = Codes {
            names: &mut self.names,
            values: &mut self.values,
            raw: &mut self.raw,
            from: src,
            name_map: &mut remap.names,
            value_map: &mut remap.values,
            raw_map: &mut remap.raw,
        };
        let new = self.resources.schema_url.len();
        let url = codes.name(src.resources.schema_url[row]);
        codes.attrs(&mut self.resource_attrs, &src.resource_attrs, row);
        let (dropped, presence) = (src.resources.dropped_attributes[row], src.resources.presence[row]);
        content_of(&mut remap.content, &[url, dropped, presence.into()], &self.resource_attrs, new);
        if let Some(&equal) = remap.resource_rows.get(&remap.content) {
            self.resource_attrs.truncate(new);
            return equal;
        }
        remap.resource_rows.insert(remap.content.clone(), new as u32);
        self.resources.schema_url.push(url);
        self.resources.dropped_attributes.push(dropped);
        self.resources.presence.push(presence);
        new as u32
    }

    fn gather_scope(&mut self, remap: &mut Remap, src: &Self, row: usize, resource: u32) -> u32 {
        let mut codes = Codes {
            names: &mut self.names,
            values: &mut self.values,
            raw: &mut self.raw,
            from: src,
            name_map: &mut remap.names,
            value_map: &mut remap.values,
            raw_map: &mut remap.raw,
        };
        let new = self.scopes.name.len();
        let from = &src.scopes;
        let name = codes.name(from.name[row]);
        let version = codes.name(from.version[row]);
        let url = codes.name(from.schema_url[row]);
        codes.attrs(&mut self.scope_attrs, &src.scope_attrs, row);
        let (dropped, presence) = (from.dropped_attributes[row], from.presence[row]);
        let scalars = [resource, name, version, url, dropped, presence.into()];
        content_of(&mut remap.content, &scalars, &self.scope_attrs, new);
        if let Some(&equal) = remap.scope_rows.get(&remap.content) {
            self.scope_attrs.truncate(new);
            return equal;
        }
        remap.scope_rows.insert(remap.content.clone(), new as u32);
        self.scopes.resource.push(resource);
        self.scopes.name.push(name);
        self.scopes.version.push(version);
        self.scopes.schema_url.push(url);
        self.scopes.dropped_attributes.push(dropped);
        self.scopes.presence.push(presence);
        new as u32
    }

    fn gather_spans(&mut self, remap: &mut Remap, src: &Self, rows: &[u32]) {
        let (to, from) = (&mut self.spans, &src.spans);
        let first = to.len();
        macro_rules! copy {
            ($($column:ident),*) => {
                $(to.$column.extend(rows.iter().map(|&row| from.$column[row as usize]));)*
            };
        }
        copy!(trace_id, span_id, parent_id, start_ns, end_ns, kind, status, flags);
        copy!(dropped_attributes, dropped_events, dropped_links, presence, wire_bytes);
        to.scope.extend(rows.iter().map(|&row| remap.scopes[from.scope[row as usize] as usize]));
        let mut codes = Codes {
            names: &mut self.names,
            values: &mut self.values,
            raw: &mut self.raw,
            from: src,
            name_map: &mut remap.names,
            value_map: &mut remap.values,
            raw_map: &mut remap.raw,
        };
        to.name.extend(rows.iter().map(|&row| codes.name(from.name[row as usize])));
        to.message.extend(rows.iter().map(|&row| codes.value(from.message[row as usize])));
        to.trace_state.extend(rows.iter().map(|&row| codes.value(from.trace_state[row as usize])));
        for &row in rows {
            codes.attrs(&mut self.span_attrs, &src.span_attrs, row as usize);
        }
        for (i, &row) in rows.iter().enumerate() {
            for event in from.events(row as usize) {
                self.events.time_ns.push(src.events.time_ns[event]);
                self.events.name.push(codes.name(src.events.name[event]));
                self.events.dropped_attributes.push(src.events.dropped_attributes[event]);
                codes.attrs(&mut self.event_attrs, &src.event_attrs, event);
            }
            to.event_ends.push(self.events.time_ns.len() as u32);
            for link in from.links(row as usize) {
                if let Ok(odd) = src.links.odd_ids.binary_search_by_key(&(link as u32), |odd| odd.0) {
                    let (_, trace, span) = src.links.odd_ids[odd];
                    let row = self.links.flags.len() as u32;
                    self.links.odd_ids.push((row, codes.raw(trace), codes.raw(span)));
                }
                self.links.trace_id.push(src.links.trace_id[link]);
                self.links.span_id.push(src.links.span_id[link]);
                self.links.trace_state.push(codes.value(src.links.trace_state[link]));
                self.links.flags.push(src.links.flags[link]);
                self.links.dropped_attributes.push(src.links.dropped_attributes[link]);
                codes.attrs(&mut self.link_attrs, &src.link_attrs, link);
            }
            to.link_ends.push(self.links.flags.len() as u32);
            if let Ok(odd) = from.odd_parents.binary_search_by_key(&row, |odd| odd.0) {
                let code = codes.raw(from.odd_parents[odd].1);
                to.odd_parents.push(((first + i) as u32, code));
            }
        }
    }

    /// Keeps the spans for which `keep` answers true, in order. Scopes, resources and dictionary entries
    /// stay; [`Columns::compact`] drops those no longer used.
    pub fn retain_rows(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let rows: Vec<u32> = (0..self.spans.len() as u32).filter(|&row| keep(row as usize)).collect();
        if rows.len() == self.spans.len() {
            return;
        }
        super::retain::keep_rows(self, &rows);
    }
}
