//! Dropping rows in place, and what no row uses any more.

use super::{Attrs, Columns, Events, Links};
use crate::{AttrType, Code};
use std::ops::Range;

/// Moves the values at `rows` (ascending) to the front and cuts off the rest.
fn keep<T: Copy>(column: &mut Vec<T>, rows: &[u32]) {
    for (to, &from) in rows.iter().enumerate() {
        column[to] = column[from as usize];
    }
    column.truncate(rows.len());
}

/// All children of `rows`, and new ends for these owners.
fn keep_children(ends: &mut Vec<u32>, rows: &[u32], of: impl Fn(usize) -> Range<usize>) -> Vec<u32> {
    let mut children = Vec::new();
    let mut new_ends = Vec::with_capacity(rows.len());
    for &row in rows {
        children.extend(of(row as usize).map(|child| child as u32));
        new_ends.push(children.len() as u32);
    }
    *ends = new_ends;
    children
}

fn keep_owners(attrs: &mut Attrs, rows: &[u32]) {
    let old = std::mem::take(&mut attrs.ends);
    let children = keep_children(&mut attrs.ends, rows, |row| super::children(&old, row));
    keep(&mut attrs.key, &children);
    keep(&mut attrs.ty, &children);
    keep(&mut attrs.val, &children);
}

fn keep_events(events: &mut Events, rows: &[u32]) {
    keep(&mut events.time_ns, rows);
    keep(&mut events.name, rows);
    keep(&mut events.dropped_attributes, rows);
}

fn keep_links(links: &mut Links, rows: &[u32]) {
    keep(&mut links.trace_id, rows);
    keep(&mut links.span_id, rows);
    keep(&mut links.trace_state, rows);
    keep(&mut links.flags, rows);
    keep(&mut links.dropped_attributes, rows);
    links.odd_ids.retain_mut(|odd| match rows.binary_search(&odd.0) {
        Ok(at) => {
            odd.0 = at as u32;
            true
        }
        Err(_) => false,
    });
}

/// Keeps the spans `rows` (ascending) with their children.
pub(super) fn keep_rows(columns: &mut Columns, rows: &[u32]) {
    let spans = &mut columns.spans;
    let old = std::mem::take(&mut spans.event_ends);
    let events = keep_children(&mut spans.event_ends, rows, |row| super::children(&old, row));
    let old = std::mem::take(&mut spans.link_ends);
    let links = keep_children(&mut spans.link_ends, rows, |row| super::children(&old, row));
    macro_rules! keep_each {
        ($($column:ident),*) => { $(keep(&mut spans.$column, rows);)* };
    }
    keep_each!(
        trace_id,
        span_id,
        parent_id,
        start_ns,
        end_ns,
        kind,
        status,
        flags,
        name,
        message,
        trace_state
    );
    keep_each!(dropped_attributes, dropped_events, dropped_links, scope, presence, wire_bytes);
    spans.odd_parents.retain_mut(|odd| match rows.binary_search(&odd.0) {
        Ok(at) => {
            odd.0 = at as u32;
            true
        }
        Err(_) => false,
    });
    keep_owners(&mut columns.span_attrs, rows);
    keep_owners(&mut columns.event_attrs, &events);
    keep_owners(&mut columns.link_attrs, &links);
    keep_events(&mut columns.events, &events);
    keep_links(&mut columns.links, &links);
}

fn rows_marked(used: &[bool]) -> Vec<u32> {
    (0..used.len() as u32).filter(|&row| used[row as usize]).collect()
}

/// Replaces each row number in `column` by its position in `kept`.
fn renumber(column: &mut [u32], kept: &[u32], rows: usize) {
    let mut new = vec![0; rows];
    for (to, &from) in kept.iter().enumerate() {
        new[from as usize] = to as u32;
    }
    for row in column {
        *row = new[*row as usize];
    }
}

/// Values of attributes as indexes into one list of all texts and, behind them, everything raw: without a
/// branch on the type. What is no code counts as code 0, which is always in use.
struct Lanes {
    base: [usize; AttrType::COUNT],
    mask: [u64; AttrType::COUNT],
}

impl Lanes {
    fn new(values: usize) -> Self {
        let mut lanes = Self { base: [0; AttrType::COUNT], mask: [0; AttrType::COUNT] };
        lanes.mask[AttrType::Str as usize] = u64::MAX;
        for ty in [AttrType::Array, AttrType::Map, AttrType::Bytes] {
            lanes.base[ty as usize] = values;
            lanes.mask[ty as usize] = u64::MAX;
        }
        lanes
    }

    #[inline]
    fn index(&self, ty: AttrType, val: u64) -> usize {
        self.base[ty as usize] + (val & self.mask[ty as usize]) as usize
    }
}

impl Columns {
    /// Drops resources, scopes and dictionary entries that no span uses, in place and in order: what was
    /// edited away must not reach the log. Call it after the last edit and before writing; it costs a
    /// pass over the codes, and no more when everything is in use.
    pub fn compact(&mut self) {
        self.wire.reset();
        self.compact_owners();
        let values = self.values.len();
        let lanes = Lanes::new(values);
        let mut names_used = vec![false; self.names.len()];
        let mut used = vec![false; values + self.raw.len()];
        self.each_plain_code(|dict, code| match dict {
            Which::Names => names_used[*code as usize] = true,
            Which::Values => used[*code as usize] = true,
            Which::Raw => used[values + *code as usize] = true,
        });
        for attrs in self.attr_sets() {
            attrs.key.iter().for_each(|&code| names_used[code as usize] = true);
            for (&ty, &val) in attrs.ty.iter().zip(&attrs.val) {
                used[lanes.index(ty, val)] = true;
            }
        }
        names_used[0] = true;
        used[0] = true;
        used[values] = true;
        let all = |marks: &[bool]| marks.iter().fold(true, |all, &mark| all & mark);
        if !all(&names_used) {
            let mut map = Vec::new();
            self.names.retain(&names_used, &mut map);
            self.each_plain_code(|dict, code| {
                if let Which::Names = dict {
                    *code = map[*code as usize];
                }
            });
            for attrs in self.attr_sets() {
                attrs.key.iter_mut().for_each(|code| *code = map[*code as usize]);
            }
        }
        if !all(&used) {
            self.compact_values(&lanes, &used);
        }
    }

    /// The part of [`Columns::compact`] that is about values: `used` has texts, then everything raw.
    fn compact_values(&mut self, lanes: &Lanes, used: &[bool]) {
        let (values, raw) = used.split_at(self.values.len());
        let (mut map, mut raw_map) = (Vec::new(), Vec::new());
        self.values.retain(values, &mut map);
        self.raw.retain(raw, &mut raw_map);
        map.extend_from_slice(&raw_map);
        self.each_plain_code(|dict, code| match dict {
            Which::Names => {}
            Which::Values => *code = map[*code as usize],
            Which::Raw => *code = map[values.len() + *code as usize],
        });
        for attrs in self.attr_sets() {
            for (&ty, val) in attrs.ty.iter().zip(&mut attrs.val) {
                let mask = lanes.mask[ty as usize];
                *val = u64::from(map[lanes.index(ty, *val)]) & mask | *val & !mask;
            }
        }
    }

    fn attr_sets(&mut self) -> [&mut Attrs; 5] {
        [
            &mut self.span_attrs,
            &mut self.event_attrs,
            &mut self.link_attrs,
            &mut self.scope_attrs,
            &mut self.resource_attrs,
        ]
    }

    fn compact_owners(&mut self) {
        let mut used = vec![false; self.scopes.name.len()];
        for &scope in &self.spans.scope {
            used[scope as usize] = true;
        }
        let scopes = rows_marked(&used);
        if scopes.len() < used.len() {
            renumber(&mut self.spans.scope, &scopes, used.len());
            let table = &mut self.scopes;
            keep(&mut table.resource, &scopes);
            keep(&mut table.name, &scopes);
            keep(&mut table.version, &scopes);
            keep(&mut table.schema_url, &scopes);
            keep(&mut table.dropped_attributes, &scopes);
            keep(&mut table.presence, &scopes);
            keep_owners(&mut self.scope_attrs, &scopes);
        }
        let mut used = vec![false; self.resources.schema_url.len()];
        for &resource in &self.scopes.resource {
            used[resource as usize] = true;
        }
        let resources = rows_marked(&used);
        if resources.len() < used.len() {
            renumber(&mut self.scopes.resource, &resources, used.len());
            keep(&mut self.resources.schema_url, &resources);
            keep(&mut self.resources.dropped_attributes, &resources);
            keep(&mut self.resources.presence, &resources);
            keep_owners(&mut self.resource_attrs, &resources);
        }
    }

    /// Visits every code in use but those of attributes.
    fn each_plain_code(&mut self, mut visit: impl FnMut(Which, &mut Code)) {
        let names = [
            &mut self.spans.name,
            &mut self.events.name,
            &mut self.scopes.name,
            &mut self.scopes.version,
            &mut self.scopes.schema_url,
            &mut self.resources.schema_url,
        ];
        names.into_iter().flatten().for_each(|code| visit(Which::Names, code));
        let values = [&mut self.spans.message, &mut self.spans.trace_state, &mut self.links.trace_state];
        values.into_iter().flatten().for_each(|code| visit(Which::Values, code));
        self.spans.odd_parents.iter_mut().for_each(|odd| visit(Which::Raw, &mut odd.1));
        for (_, trace, span) in &mut self.links.odd_ids {
            visit(Which::Raw, trace);
            visit(Which::Raw, span);
        }
    }
}

/// One of the three dictionaries.
#[derive(Clone, Copy)]
enum Which {
    Names,
    Values,
    Raw,
}
