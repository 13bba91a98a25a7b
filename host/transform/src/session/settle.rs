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
    dead: Vec<u32>,
    /// Where new ones go and where they are.
    new: Vec<(u32, u32)>,
    rows: Vec<u32>,
}

/// One column of attributes being rebuilt: stretches of what stays, new ones between them.
fn rebuild_column<T: Copy>(
    column: &mut Vec<T>,
    out: &mut Vec<T>,
    main: usize,
    dead: &[u32],
    new: &[(u32, u32)],
) {
    out.clear();
    out.reserve(column.len());
    let mut from = 0;
    let mut dead = dead.iter().map(|&at| at as usize).peekable();
    let mut copy_until = |out: &mut Vec<T>, until: usize| {
        while let Some(gap) = dead.next_if(|&gap| gap < until) {
            out.extend_from_slice(&column[from..gap]);
            from = gap + 1;
        }
        out.extend_from_slice(&column[from..until]);
        from = until;
    };
    for &(until, at) in new {
        copy_until(out, until as usize);
        out.push(column[at as usize]);
    }
    copy_until(out, main);
    std::mem::swap(column, out);
}

/// Where the removed attributes are.
fn put_dead(dead: &mut Vec<u32>, keys: &[Code]) {
    /// Looked at together: most stretches have none.
    const STRETCH: usize = 32;
    dead.clear();
    for (i, stretch) in keys.chunks(STRETCH).enumerate() {
        if stretch.iter().fold(false, |any, &key| any | (key == DEAD)) {
            let hits = stretch.iter().enumerate().filter(|(_, key)| **key == DEAD);
            dead.extend(hits.map(|(at, _)| (i * STRETCH + at) as u32));
        }
    }
}

/// Rebuilds the lists of a table.
fn rebuild(work: &mut Work, attrs: &mut Attrs, spare: &mut Spare) {
    let main = work.main;
    let Spare { codes, types, values, marks, dead, new, rows } = spare;
    put_dead(dead, &attrs.key[..main]);
    // By row, and by age within a row.
    new.clear();
    for (i, &row) in work.new_rows.iter().enumerate() {
        let at = main + i;
        if attrs.key[at] != DEAD {
            new.push((row, at as u32));
        }
    }
    new.sort_by_key(|&(row, _)| row);
    rows.clear();
    rows.extend(new.iter().map(|&(row, _)| row));
    for entry in &mut *new {
        entry.0 = attrs.ends[entry.0 as usize];
    }
    rebuild_column(&mut attrs.key, codes, main, dead, new);
    rebuild_column(&mut attrs.ty, types, main, dead, new);
    rebuild_column(&mut attrs.val, values, main, dead, new);
    if !work.marks.is_empty() {
        work.marks.resize(main + work.new_rows.len(), 0);
        rebuild_column(&mut work.marks, marks, main, dead, new);
    }
    let (mut gone, mut come) = (0, 0);
    for (row, end) in attrs.ends.iter_mut().enumerate() {
        while dead.get(gone).is_some_and(|&at| at < *end) {
            gone += 1;
        }
        while rows.get(come).is_some_and(|&new| new as usize <= row) {
            come += 1;
        }
        *end = *end - gone as u32 + come as u32;
    }
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
