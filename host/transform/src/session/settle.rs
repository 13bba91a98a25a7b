//! Putting attributes, events and links in their places.

use super::work::{DEAD, attrs_mut};
use super::{Session, Work};
use crate::plan::Scope;
use cadenza_model::{AttrType, Attrs, Code, Columns, SpanId, TraceId};

impl Session {
    /// Puts new attributes behind the others of their rows and closes the gaps of removed ones. What was
    /// found or projected before is void afterwards.
    pub fn settle(&mut self, columns: &mut Columns) {
        let mut moved = false;
        for scope in Scope::ALL {
            let work = &mut self.tables[scope as usize];
            let list = attrs_mut(columns, scope);
            if work.has_dead || list.key.len() > work.main {
                rebuild(work, list, &mut self.spare);
                work.moved(list.key.len());
                moved = true;
            }
        }
        for scope in [Scope::Event, Scope::Link] {
            let dropped = std::mem::take(&mut self.tables[scope as usize].dropped);
            if !dropped.is_empty() {
                let work = &mut self.tables[scope as usize];
                work.drop_rows(super::attrs(columns, scope), &dropped);
                drop_children(columns, scope, &dropped);
                work.moved(super::attrs(columns, scope).key.len());
                self.ancestors.clear();
                self.stale = true;
                moved = true;
            }
        }
        self.layout += u64::from(moved);
    }
}

impl Work {
    /// Rows are going: those behind them get other numbers on the tallies.
    fn drop_rows(&mut self, attrs: &Attrs, dropped: &[bool]) {
        let mut new = Vec::with_capacity(dropped.len());
        let mut rows = 0;
        for &dropped in dropped {
            new.push((!dropped).then_some(rows));
            rows += u32::from(!dropped);
        }
        for tally in &mut self.tallies {
            tally.retain_mut(|(row, _)| {
                let kept = new[*row as usize];
                *row = kept.unwrap_or(0);
                kept.is_some()
            });
        }
        if !self.marks.is_empty() {
            self.marks.resize(attrs.key.len(), 0);
            let gone = (0..attrs.owners()).flat_map(|row| attrs.of(row).map(move |_| dropped[row]));
            let gone: Vec<bool> = gone.collect();
            keep(&mut self.marks, &gone);
        }
    }
}

/// Buffers for rebuilding tables.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    codes: Vec<Code>,
    types: Vec<AttrType>,
    values: Vec<u64>,
    marks: Vec<u16>,
    /// Rows of new ones, and where they are.
    new: Vec<(u32, u32)>,
}

/// Rebuilds the lists of a table: what lives, in order, then what is new, row by row.
fn rebuild(work: &mut Work, attrs: &mut Attrs, spare: &mut Spare) {
    let main = work.main;
    let Spare { codes, types, values, marks, new } = spare;
    // By row, and by age within a row.
    new.clear();
    for (i, &row) in work.new_rows.iter().enumerate() {
        let at = main + i;
        if attrs.key[at] != DEAD {
            new.push((row, at as u32));
        }
    }
    new.sort_by_key(|&(row, _)| row);
    if !work.marks.is_empty() {
        work.marks.resize(attrs.key.len(), 0);
        rebuild_marks(&mut work.marks, marks, attrs, new);
    }
    let len = attrs.key.len();
    codes.resize(len, 0);
    types.resize(len, AttrType::Absent);
    values.resize(len, 0);
    let (mut to, mut start) = (0, 0);
    let mut new = new.iter().peekable();
    for (row, row_end) in attrs.ends.iter_mut().enumerate() {
        let end = *row_end as usize;
        let old = attrs.key[start..end].iter().zip(&attrs.ty[start..end]).zip(&attrs.val[start..end]);
        for ((&key, &ty), &val) in old {
            // The next one takes the place of a dead one: cheaper than a branch that nobody can foresee.
            codes[to] = key;
            types[to] = ty;
            values[to] = val;
            to += usize::from(key != DEAD);
        }
        while let Some(&(_, at)) = new.next_if(|new| new.0 as usize == row) {
            let at = at as usize;
            codes[to] = attrs.key[at];
            types[to] = attrs.ty[at];
            values[to] = attrs.val[at];
            to += 1;
        }
        *row_end = to as u32;
        start = end;
    }
    codes.truncate(to);
    types.truncate(to);
    values.truncate(to);
    std::mem::swap(&mut attrs.key, codes);
    std::mem::swap(&mut attrs.ty, types);
    std::mem::swap(&mut attrs.val, values);
}

/// Tallies move with their attributes.
fn rebuild_marks(marks: &mut Vec<u16>, out: &mut Vec<u16>, attrs: &Attrs, new: &[(u32, u32)]) {
    out.clear();
    let mut new = new.iter().peekable();
    for row in 0..attrs.owners() {
        out.extend(attrs.of(row).filter(|&at| attrs.key[at] != DEAD).map(|at| marks[at]));
        while let Some(&(_, at)) = new.next_if(|new| new.0 as usize == row) {
            out.push(marks[at as usize]);
        }
    }
    std::mem::swap(marks, out);
}

fn keep<T: Copy>(column: &mut Vec<T>, dropped: &[bool]) {
    let mut gone = dropped.iter();
    column.retain(|_| !gone.next().copied().unwrap_or(false));
}

fn keep_attrs(attrs: &mut Attrs, dropped: &[bool]) {
    let (mut write, mut start) = (0, 0);
    let mut rows = 0;
    for (row, &dropped) in dropped.iter().enumerate() {
        let end = attrs.ends[row] as usize;
        if !dropped {
            attrs.key.copy_within(start..end, write);
            attrs.ty.copy_within(start..end, write);
            attrs.val.copy_within(start..end, write);
            write += end - start;
            attrs.ends[rows] = write as u32;
            rows += 1;
        }
        start = end;
    }
    attrs.ends.truncate(rows);
    attrs.key.truncate(write);
    attrs.ty.truncate(write);
    attrs.val.truncate(write);
}

fn keep_ends(ends: &mut [u32], dropped: &[bool]) {
    let (mut gone, mut row) = (0, 0);
    for end in ends {
        while row < *end as usize {
            gone += u32::from(dropped[row]);
            row += 1;
        }
        *end -= gone;
    }
}

/// Removes events or links.
fn drop_children(columns: &mut Columns, scope: Scope, dropped: &[bool]) {
    let event = scope == Scope::Event;
    let spans = &mut columns.spans;
    let ends = if event { &mut spans.event_ends } else { &mut spans.link_ends };
    keep_ends(ends, dropped);
    if event {
        keep::<u64>(&mut columns.events.time_ns, dropped);
        keep::<Code>(&mut columns.events.name, dropped);
        keep::<u32>(&mut columns.events.dropped_attributes, dropped);
        keep_attrs(&mut columns.event_attrs, dropped);
        return;
    }
    let links = &mut columns.links;
    keep::<TraceId>(&mut links.trace_id, dropped);
    keep::<SpanId>(&mut links.span_id, dropped);
    keep::<Code>(&mut links.trace_state, dropped);
    keep::<u32>(&mut links.flags, dropped);
    keep::<u32>(&mut links.dropped_attributes, dropped);
    links.odd_ids.retain(|odd| !dropped[odd.0 as usize]);
    let mut gone = 0;
    let mut row = 0;
    for odd in &mut links.odd_ids {
        while row < odd.0 as usize {
            gone += u32::from(dropped[row]);
            row += 1;
        }
        odd.0 -= gone;
    }
    keep_attrs(&mut columns.link_attrs, dropped);
}
