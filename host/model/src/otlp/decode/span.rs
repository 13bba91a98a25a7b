//! `Span` with its events, links and status.

use super::{Decoder, Interner, Result, SECOND, SPAN_DEPTH, THIRD, replace};
use crate::columns::presence;
use crate::otlp::any_value::FIRST;
use crate::otlp::wire::{FIXED32, FIXED64, LEN, Message, Reader, VARINT, key};
use crate::{Columns, SpanId, TraceId};

const SPAN: Message = Message { name: "Span", fields: 0x1_fffe };
const EVENT: Message = Message { name: "Span.Event", fields: 0b1_1110 };
const LINK: Message = Message { name: "Span.Link", fields: 0b111_1110 };
const STATUS: Message = Message { name: "Status", fields: 0b1100 };

const PARENT: u32 = key(4, LEN);
const NAME: u32 = key(5, LEN);
const KIND: u32 = key(6, VARINT);
const START: u32 = key(7, FIXED64);
const END: u32 = key(8, FIXED64);
const ATTRIBUTES: u32 = key(9, LEN);
const DROPPED_ATTRIBUTES: u32 = key(10, VARINT);
const EVENTS: u32 = key(11, LEN);
const DROPPED_EVENTS: u32 = key(12, VARINT);
const LINKS: u32 = key(13, LEN);
const DROPPED_LINKS: u32 = key(14, VARINT);
const SPAN_STATUS: u32 = key(15, LEN);
const FLAGS: u32 = key(16, FIXED32);

const EVENT_TIME: u32 = key(1, FIXED64);
const EVENT_DROPPED: u32 = key(4, VARINT);

const LINK_ATTRIBUTES: u32 = key(4, LEN);
const LINK_DROPPED: u32 = key(5, VARINT);
const LINK_FLAGS: u32 = key(6, FIXED32);

const STATUS_CODE: u32 = key(3, VARINT);

/// The scalar fields of a span while it is being read.
#[derive(Default)]
struct Scalars<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    message: &'a [u8],
    start_ns: u64,
    end_ns: u64,
    kind: i32,
    status: i32,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    presence: u8,
}

impl<'a> Decoder<'_, 'a> {
    pub(super) fn span(&mut self, message: &'a [u8]) -> Result<()> {
        let columns = &mut *self.columns;
        let mut interner =
            Interner { names: &mut columns.names, values: &mut columns.values, raw: &mut columns.raw };
        let mut span = Scalars::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTES => interner.attr(&mut columns.span_attrs, reader.bytes()?, SPAN_DEPTH + 1)?,
                FIRST => span.trace_id = reader.bytes()?,
                SECOND => span.span_id = reader.bytes()?,
                THIRD => replace(&mut span.trace_state, reader.bytes()?)?,
                PARENT => span.parent_id = reader.bytes()?,
                NAME => replace(&mut span.name, reader.bytes()?)?,
                KIND => span.kind = reader.varint()? as i32,
                START => span.start_ns = reader.fixed64()?,
                END => span.end_ns = reader.fixed64()?,
                DROPPED_ATTRIBUTES => span.dropped_attributes = reader.varint()? as u32,
                EVENTS => {
                    let event = reader.bytes()?;
                    let (events, attrs) = (&mut columns.events, &mut columns.event_attrs);
                    read_event(events, attrs, &mut interner, event)?;
                }
                DROPPED_EVENTS => span.dropped_events = reader.varint()? as u32,
                LINKS => {
                    let link = reader.bytes()?;
                    let (links, attrs) = (&mut columns.links, &mut columns.link_attrs);
                    read_link(links, attrs, &mut interner, link)?;
                }
                DROPPED_LINKS => span.dropped_links = reader.varint()? as u32,
                SPAN_STATUS => read_status(&mut span, reader.bytes()?)?,
                FLAGS => span.flags = reader.fixed32()?,
                other => reader.unknown(other, &SPAN, SPAN_DEPTH)?,
            }
        }
        let (trace_id, span_id) = self.ids(span.trace_id, span.span_id)?;
        push_span(self.columns, &span, trace_id, span_id, message.len() as u32);
        Ok(())
    }
}

/// Ends a span whose attributes, events and links are in. Its scope follows with the ScopeSpans.
fn push_span(columns: &mut Columns, span: &Scalars<'_>, trace_id: TraceId, span_id: SpanId, wire_bytes: u32) {
    let spans = &mut columns.spans;
    let parent_id = match <[u8; 8]>::try_from(span.parent_id) {
        Ok(id) => SpanId(u64::from_be_bytes(id)),
        Err(_) => {
            if !span.parent_id.is_empty() {
                spans.odd_parents.push((spans.trace_id.len() as u32, columns.raw.intern(span.parent_id)));
            }
            SpanId::NONE
        }
    };
    spans.trace_id.push(trace_id);
    spans.span_id.push(span_id);
    spans.parent_id.push(parent_id);
    spans.start_ns.push(span.start_ns);
    spans.end_ns.push(span.end_ns);
    spans.kind.push(span.kind);
    spans.status.push(span.status);
    spans.flags.push(span.flags);
    spans.name.push(columns.names.intern(span.name));
    spans.message.push(columns.values.intern(span.message));
    spans.trace_state.push(columns.values.intern(span.trace_state));
    spans.dropped_attributes.push(span.dropped_attributes);
    spans.dropped_events.push(span.dropped_events);
    spans.dropped_links.push(span.dropped_links);
    spans.event_ends.push(columns.events.time_ns.len() as u32);
    spans.link_ends.push(columns.links.flags.len() as u32);
    spans.presence.push(span.presence);
    spans.wire_bytes.push(wire_bytes);
    columns.span_attrs.end_owner();
}

fn read_status<'a>(span: &mut Scalars<'a>, message: &'a [u8]) -> Result<()> {
    span.presence |= presence::STATUS;
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            SECOND => replace(&mut span.message, reader.bytes()?)?,
            STATUS_CODE => span.status = reader.varint()? as i32,
            other => reader.unknown(other, &STATUS, SPAN_DEPTH + 1)?,
        }
    }
    Ok(())
}

fn read_event(
    events: &mut crate::Events,
    attrs: &mut crate::Attrs,
    interner: &mut Interner<'_>,
    message: &[u8],
) -> Result<()> {
    let (mut time_ns, mut name, mut dropped): (u64, &[u8], u32) = (0, &[], 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            EVENT_TIME => time_ns = reader.fixed64()?,
            SECOND => replace(&mut name, reader.bytes()?)?,
            THIRD => interner.attr(attrs, reader.bytes()?, SPAN_DEPTH + 2)?,
            EVENT_DROPPED => dropped = reader.varint()? as u32,
            other => reader.unknown(other, &EVENT, SPAN_DEPTH + 1)?,
        }
    }
    events.time_ns.push(time_ns);
    events.name.push(interner.names.intern(name));
    events.dropped_attributes.push(dropped);
    attrs.end_owner();
    Ok(())
}

fn read_link(
    links: &mut crate::Links,
    attrs: &mut crate::Attrs,
    interner: &mut Interner<'_>,
    message: &[u8],
) -> Result<()> {
    let (mut trace_id, mut span_id, mut state): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut dropped, mut flags) = (0, 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            FIRST => trace_id = reader.bytes()?,
            SECOND => span_id = reader.bytes()?,
            THIRD => replace(&mut state, reader.bytes()?)?,
            LINK_ATTRIBUTES => interner.attr(attrs, reader.bytes()?, SPAN_DEPTH + 2)?,
            LINK_DROPPED => dropped = reader.varint()? as u32,
            LINK_FLAGS => flags = reader.fixed32()?,
            other => reader.unknown(other, &LINK, SPAN_DEPTH + 1)?,
        }
    }
    let trace = <[u8; 16]>::try_from(trace_id);
    let span = <[u8; 8]>::try_from(span_id);
    if (trace.is_err() && !trace_id.is_empty()) || (span.is_err() && !span_id.is_empty()) {
        let row = links.flags.len() as u32;
        links.odd_ids.push((row, interner.raw.intern(trace_id), interner.raw.intern(span_id)));
    }
    links.trace_id.push(trace.map(TraceId).unwrap_or_default());
    links.span_id.push(span.map_or(SpanId::NONE, |id| SpanId(u64::from_be_bytes(id))));
    links.trace_state.push(interner.values.intern(state));
    links.flags.push(flags);
    links.dropped_attributes.push(dropped);
    attrs.end_owner();
    Ok(())
}
