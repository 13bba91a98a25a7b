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

/// Which entries of the three dictionaries some row uses.
struct Used {
    names: Vec<bool>,
    values: Vec<bool>,
    raw: Vec<bool>,
}

impl Columns {
    /// Drops resources, scopes and dictionary entries that no span uses, in place and in order: what was
    /// edited away must not reach the log. Call it after the last edit and before writing; it costs a
    /// pass over the codes, and no more when everything is in use.
    pub fn compact(&mut self) {
        self.wire.reset();
        self.compact_owners();
        let mut used = Used {
            names: vec![false; self.names.len()],
            values: vec![false; self.values.len()],
            raw: vec![false; self.raw.len()],
        };
        self.each_code(|dict, code| {
            let used = match dict {
                Which::Names => &mut used.names,
                Which::Values => &mut used.values,
                Which::Raw => &mut used.raw,
            };
            used[*code as usize] = true;
        });
        used.names[0] = true;
        used.values[0] = true;
        used.raw[0] = true;
        if [&used.names, &used.values, &used.raw].into_iter().all(|marks| marks.iter().all(|&mark| mark)) {
            return;
        }
        let (mut names, mut values, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        self.names.retain(&used.names, &mut names);
        self.values.retain(&used.values, &mut values);
        self.raw.retain(&used.raw, &mut raw);
        self.each_code(|dict, code| {
            let map = match dict {
                Which::Names => &names,
                Which::Values => &values,
                Which::Raw => &raw,
            };
            *code = map[*code as usize];
        });
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

    /// Visits every code in use.
    fn each_code(&mut self, mut visit: impl FnMut(Which, &mut Code)) {
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
        let sets = [
            &mut self.span_attrs,
            &mut self.event_attrs,
            &mut self.link_attrs,
            &mut self.scope_attrs,
            &mut self.resource_attrs,
        ];
        for attrs in sets {
            attrs.key.iter_mut().for_each(|code| visit(Which::Names, code));
            for (ty, val) in attrs.ty.iter().zip(&mut attrs.val) {
                let dict = match ty {
                    AttrType::Str => Which::Values,
                    AttrType::Array | AttrType::Map | AttrType::Bytes => Which::Raw,
                    AttrType::Absent
                    | AttrType::Empty
                    | AttrType::Int
                    | AttrType::Double
                    | AttrType::Bool => continue,
                };
                let mut code = *val as Code;
                visit(dict, &mut code);
                *val = u64::from(code);
            }
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
