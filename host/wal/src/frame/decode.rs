//! A frame as columns.

use super::attrs::{Limits, attrs};
use super::header::FrameHeader;
use super::pack::Input;
use super::{
    EVENTS, IDS, KEYS, NAMES, RESOURCES, ROWS_MAX, SECTIONS, SPAN_ATTRS, VALUES, dicts, ids, tables,
};
use crate::error::Malformed;
use crate::replay::FrameIds;
use cadenza_model::Columns;

/// Raw sections at hand; the others are not wanted.
pub(crate) type Parts<'a> = [Option<&'a [u8]>; SECTIONS];

/// Unpacks the sections at hand. Codes are checked against the dictionaries at hand.
pub(crate) fn unpack(header: &FrameHeader, parts: &Parts<'_>) -> Result<Columns, Malformed> {
    let mut to = Columns::new();
    let mut limits = Limits { names: ROWS_MAX + 1, values: ROWS_MAX + 1, raw: ROWS_MAX + 1 };
    if let Some(bytes) = parts[KEYS] {
        to.names = dicts::names(Input::new(bytes))?;
        limits.names = to.names.len();
    }
    if let Some(bytes) = parts[VALUES] {
        let mut input = Input::new(bytes);
        to.values = dicts::utf8(dicts::values(&mut input)?)?;
        to.raw = dicts::values(&mut input)?;
        input.end()?;
        limits.values = to.values.len();
        limits.raw = to.raw.len();
    }
    let rows = header.rows;
    if let Some(bytes) = parts[IDS] {
        let mut found = FrameIds::default();
        ids::ids(Input::new(bytes), rows, limits.raw, &mut found)?;
        let spans = &mut to.spans;
        spans.trace_id = found.trace_of.iter().map(|&trace| found.traces[trace as usize]).collect();
        spans.span_id = found.span_id;
        spans.parent_id = found.parent_id;
        spans.start_ns = found.start_ns;
        spans.end_ns = found.end_ns;
        spans.kind = found.kind;
        spans.wire_bytes = found.wire_bytes;
        spans.odd_parents = found.odd_parents;
    }
    if let Some(bytes) = parts[RESOURCES] {
        tables::resources(Input::new(bytes), rows, &limits, &mut to)?;
    }
    if let Some(bytes) = parts[NAMES] {
        tables::names(Input::new(bytes), rows, &limits, &mut to)?;
    }
    if let Some(bytes) = parts[SPAN_ATTRS] {
        let mut input = Input::new(bytes);
        to.span_attrs = attrs(&mut input, rows, &limits)?;
        input.end()?;
    }
    if let Some(bytes) = parts[EVENTS] {
        tables::events(Input::new(bytes), rows, &limits, &mut to)?;
    }
    Ok(to)
}

/// Unpacks the first section only.
pub(crate) fn unpack_ids(header: &FrameHeader, bytes: &[u8], to: &mut FrameIds) -> Result<(), Malformed> {
    ids::ids(Input::new(bytes), header.rows, ROWS_MAX + 1, to)
}
