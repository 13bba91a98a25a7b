//! The first section: all that indexing needs.
//!
//! ```text
//! traces varint, 16 bytes each; columns: trace ordinal; span ids, 8 bytes each; parent reference column,
//! 8 bytes for each external parent; columns: start, duration, kind, wire bytes; odd parents: count
//! varint, columns row and code
//! ```
//!
//! A parent in the same frame, near enough, is a distance in rows: one byte instead of eight.

use super::pack::{Input, put_column, put_varint};
use crate::error::Malformed;
use crate::replay::FrameIds;
use cadenza_model::{Code, SpanId, Spans, TraceId};

/// Parent references: none, an id in the list of external ones, or a distance in rows.
const PARENT_NONE: u64 = 0;
const PARENT_EXTERNAL: u64 = 1;
const PARENT_NEAR: u64 = 2;
/// References fit one byte.
const REFERENCE_MAX: u64 = u8::MAX as u64;
/// Slots per trace and per span in the lookup tables.
const SLOTS_PER_ROW: usize = 2;
/// Trace slots looked at before an id is listed again: colliding ids cannot make it quadratic.
const PROBES_MAX: usize = 16;

/// Reused memory.
#[derive(Debug, Default)]
pub(crate) struct IdsScratch {
    slots: Vec<u32>,
    traces: Vec<TraceId>,
    trace_of: Vec<u32>,
    refs: Vec<u8>,
    external: Vec<u64>,
    durations: Vec<u64>,
}

fn zigzag(distance: i64) -> u64 {
    ((distance << 1) ^ (distance >> 63)) as u64
}

fn unzigzag(code: u64) -> i64 {
    (code >> 1) as i64 ^ -((code & 1) as i64)
}

/// Spreads the bits of an id: ids may be counters.
fn mix(id: u64) -> usize {
    let wide = u128::from(id) * 0x9e37_79b9_7f4a_7c15_u128;
    ((wide >> 64) as u64 ^ wide as u64) as usize
}

impl IdsScratch {
    fn clear_slots(&mut self, rows: usize) -> usize {
        let slots = (rows * SLOTS_PER_ROW).next_power_of_two().max(16);
        self.slots.clear();
        self.slots.resize(slots, 0);
        slots - 1
    }

    /// Distinct trace ids in order of appearance. An id may stand twice if its neighbourhood is crowded.
    fn find_traces(&mut self, spans: &Spans) {
        let mask = self.clear_slots(spans.len());
        self.traces.clear();
        self.trace_of.clear();
        'rows: for (row, id) in spans.trace_id.iter().enumerate() {
            if row > 0 && spans.trace_id[row - 1] == *id {
                self.trace_of.push(self.trace_of[row - 1]);
                continue;
            }
            let (low, high) = (u128::from_be_bytes(id.0) as u64, (u128::from_be_bytes(id.0) >> 64) as u64);
            let mut at = mix(low ^ high.rotate_left(32)) & mask;
            let mut free = None;
            for _ in 0..PROBES_MAX {
                let slot = self.slots[at];
                if slot == 0 {
                    free = Some(at);
                    break;
                }
                if self.traces[slot as usize - 1] == *id {
                    self.trace_of.push(slot - 1);
                    continue 'rows;
                }
                at = (at + 1) & mask;
            }
            self.trace_of.push(self.traces.len() as u32);
            self.traces.push(*id);
            if let Some(free) = free {
                self.slots[free] = self.traces.len() as u32;
            }
        }
    }

    /// One reference per row. The table forgets on collision: a forgotten parent is merely written out.
    fn find_parents(&mut self, spans: &Spans) {
        let mask = self.clear_slots(spans.len());
        for (row, id) in spans.span_id.iter().enumerate() {
            self.slots[mix(id.0) & mask] = row as u32 + 1;
        }
        self.refs.clear();
        self.external.clear();
        for (row, parent) in spans.parent_id.iter().enumerate() {
            if *parent == SpanId::NONE {
                self.refs.push(PARENT_NONE as u8);
                continue;
            }
            let slot = self.slots[mix(parent.0) & mask];
            if slot != 0 && spans.span_id[slot as usize - 1] == *parent {
                let reference = PARENT_NEAR + zigzag(i64::from(slot) - 1 - row as i64);
                if reference <= REFERENCE_MAX {
                    self.refs.push(reference as u8);
                    continue;
                }
            }
            self.refs.push(PARENT_EXTERNAL as u8);
            self.external.push(parent.0);
        }
    }
}

fn put_raw_ids(out: &mut Vec<u8>, ids: impl ExactSizeIterator<Item = u64>) {
    let start = out.len();
    out.resize(start + ids.len() * 8, 0);
    for (to, id) in out[start..].chunks_exact_mut(8).zip(ids) {
        to.copy_from_slice(&id.to_be_bytes());
    }
}

/// Appends the section.
pub(crate) fn put_ids(out: &mut Vec<u8>, spans: &Spans, scratch: &mut IdsScratch) {
    scratch.find_traces(spans);
    scratch.find_parents(spans);
    put_varint(out, scratch.traces.len() as u64);
    for id in &scratch.traces {
        out.extend_from_slice(&id.0);
    }
    put_column(out, &scratch.trace_of);
    put_raw_ids(out, spans.span_id.iter().map(|id| id.0));
    put_column(out, &scratch.refs);
    put_raw_ids(out, scratch.external.iter().copied());
    put_column(out, &spans.start_ns);
    scratch.durations.clear();
    // Wrapping: an end before its start comes back all the same.
    let durations = spans.end_ns.iter().zip(&spans.start_ns).map(|(end, start)| end.wrapping_sub(*start));
    scratch.durations.extend(durations);
    put_column(out, &scratch.durations);
    put_column(out, &spans.kind);
    put_column(out, &spans.wire_bytes);
    put_varint(out, spans.odd_parents.len() as u64);
    put_pairs(out, &spans.odd_parents);
}

fn put_pairs(out: &mut Vec<u8>, pairs: &[(u32, Code)]) {
    if pairs.is_empty() {
        return;
    }
    put_column(out, &pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    put_column(out, &pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
}

fn raw_ids(input: &mut Input<'_>, count: usize, to: &mut Vec<SpanId>) -> Result<(), Malformed> {
    let bytes = input.take(count.checked_mul(8).ok_or(Malformed("column is too long"))?)?;
    to.extend(bytes.chunks_exact(8).map(|id| SpanId(id.iter().fold(0, |sum, &b| sum << 8 | u64::from(b)))));
    Ok(())
}

/// Reads the section of a frame of `rows` spans; codes of odd parents must be below `raw_codes`.
pub(crate) fn ids(
    mut input: Input<'_>,
    rows: usize,
    raw_codes: usize,
    to: &mut FrameIds,
) -> Result<(), Malformed> {
    to.clear();
    let traces = input.count(rows)?;
    let ids = input.take(traces * 16)?;
    to.traces.extend(ids.as_chunks::<16>().0.iter().map(|id| TraceId(*id)));
    to.trace_of = input.codes(rows, traces)?;
    raw_ids(&mut input, rows, &mut to.span_id)?;
    parents(&mut input, rows, to)?;
    to.start_ns.reserve(rows);
    input.column(rows)?.each(|start| to.start_ns.push(start));
    to.end_ns.reserve(rows);
    let starts = &to.start_ns;
    let ends = &mut to.end_ns;
    input.column(rows)?.each(|duration| ends.push(starts[ends.len()].wrapping_add(duration)));
    to.kind = input.i32s(rows)?;
    to.wire_bytes = input.u32s(rows)?;
    let odd = input.count(rows)?;
    if odd > 0 {
        let at = input.codes(odd, rows)?;
        let codes = input.codes(odd, raw_codes)?;
        to.odd_parents.extend(at.into_iter().zip(codes));
        if !to.odd_parents.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Malformed("odd parents are not in order"));
        }
    }
    input.end()
}

fn parents(input: &mut Input<'_>, rows: usize, to: &mut FrameIds) -> Result<(), Malformed> {
    let refs = input.bytes_column(rows)?;
    let count = refs.iter().filter(|&&reference| u64::from(reference) == PARENT_EXTERNAL).count();
    let mut external = Vec::with_capacity(count);
    raw_ids(input, count, &mut external)?;
    let mut external = external.into_iter();
    to.parent_id.reserve(rows);
    for (row, reference) in refs.into_iter().enumerate() {
        let parent = match u64::from(reference) {
            PARENT_NONE => Some(SpanId::NONE),
            PARENT_EXTERNAL => external.next(),
            near => usize::try_from(row as i64 + unzigzag(near - PARENT_NEAR))
                .ok()
                .and_then(|row| to.span_id.get(row).copied()),
        };
        to.parent_id.push(parent.ok_or(Malformed("parent is out of range"))?);
    }
    Ok(())
}

impl FrameIds {
    /// Empties it, keeping the memory where that is simple.
    fn clear(&mut self) {
        self.traces.clear();
        self.trace_of.clear();
        self.span_id.clear();
        self.parent_id.clear();
        self.start_ns.clear();
        self.end_ns.clear();
        self.kind.clear();
        self.wire_bytes.clear();
        self.odd_parents.clear();
    }
}
