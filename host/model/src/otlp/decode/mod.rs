//! `ExportTraceServiceRequest`: one pass from wire bytes to columns.
//!
//! Accepts what prost accepts, fields in any order and repeated singular messages included, with these
//! differences: ids are checked; the string indices of the profiles signal and entity references count
//! as unknown fields. ScopeSpans and ResourceSpans without a span leave nothing behind.

mod attrs;
mod ids;
mod span;

pub use ids::ids_ok;

use super::wire::{DEPTH_MAX, LEN, Message, Reader, VARINT, check_utf8, key};
use crate::columns::presence;
use crate::error::{DecodeError, Full, IdError};
use crate::{Columns, otlp::any_value::FIRST};
use attrs::Interner;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use std::borrow::Cow;
use std::ops::Range;

type Result<T> = std::result::Result<T, DecodeError>;

const REQUEST: Message = Message { name: "ExportTraceServiceRequest", fields: 0b10 };
const RESOURCE_SPANS: Message = Message { name: "ResourceSpans", fields: 0b1110 };
const SCOPE_SPANS: Message = Message { name: "ScopeSpans", fields: 0b1110 };
const RESOURCE: Message = Message { name: "Resource", fields: 0b110 };
const SCOPE: Message = Message { name: "InstrumentationScope", fields: 0b1_1110 };

const SECOND: u32 = key(2, LEN);
const THIRD: u32 = key(3, LEN);

/// Nesting levels of the messages, the request being 0.
const RESOURCE_SPANS_DEPTH: u32 = 1;
const RESOURCE_DEPTH: u32 = 2;
const SCOPE_SPANS_DEPTH: u32 = 2;
const SCOPE_DEPTH: u32 = 3;
const SPAN_DEPTH: u32 = 3;
const _: () = assert!(SPAN_DEPTH + 4 < DEPTH_MAX, "only values can nest too deep");

/// What a request added to the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Rows of the new spans.
    pub rows: Range<usize>,
    /// Length of the request as protobuf.
    pub wire_bytes: usize,
}

impl Decoded {
    /// Number of spans in the request.
    pub fn spans(&self) -> usize {
        self.rows.len()
    }
}

/// Appends the spans of an encoded `ExportTraceServiceRequest` to `columns`, which may hold those of
/// earlier requests. On error `columns` is as it was before.
///
/// Resources and scopes sent again share a row; so edit them only after the last request is in.
pub fn decode(request: &[u8], columns: &mut Columns) -> Result<Decoded> {
    if request.len() > u32::MAX as usize {
        return Err(Full { what: "bytes of a request" }.into());
    }
    let before = columns.savepoint();
    let (spans, names, values) = (columns.spans.len(), columns.names.len(), columns.values.len());
    let mut decoder = Decoder { columns, bad_id: None, pending: Vec::new(), scratch: Vec::new() };
    let mut outcome = decoder.request(request);
    let bad_id = decoder.bad_id;
    let all = columns.spans.len() - spans;
    if outcome.is_ok() {
        outcome = if let Some(error) = bad_id {
            Err(DecodeError::Id { error, spans: all })
        } else if !(columns.names.is_utf8_from(names as u32) && columns.values.is_utf8_from(values as u32)) {
            Err(DecodeError::Utf8)
        } else {
            return match columns.end_append(before) {
                Ok(()) => Ok(Decoded { rows: spans..spans + all, wire_bytes: request.len() }),
                Err(full) => Err(full.into()),
            };
        };
    }
    columns.rollback(before);
    outcome.map(|()| Decoded { rows: spans..spans, wire_bytes: request.len() })
}

/// [`decode`] for a request as OTLP/JSON. Sizes are those of the same request as protobuf.
pub fn decode_json(request: &[u8], columns: &mut Columns) -> Result<Decoded> {
    let request = super::json::read::<ExportTraceServiceRequest>(request)?;
    decode(&request.encode_to_vec(), columns)
}

/// A ScopeSpans whose spans are in: its scope waits for the resource, which may come after it.
struct PendingScope<'a> {
    scope: Option<Cow<'a, [u8]>>,
    schema_url: &'a [u8],
    /// Spans in the columns after it.
    spans_end: usize,
}

struct Decoder<'c, 'a> {
    columns: &'c mut Columns,
    /// The first empty or all-zero id. The rest is still read: garbage after it is the graver error.
    bad_id: Option<IdError>,
    pending: Vec<PendingScope<'a>>,
    scratch: Vec<u8>,
}

/// Takes an occurrence of a singular message: several are one, in parts.
fn merge<'a>(message: &mut Option<Cow<'a, [u8]>>, part: &'a [u8], depth: u32) -> Result<()> {
    match message {
        None => *message = Some(Cow::Borrowed(part)),
        Some(parts) => {
            // Each part must stand by itself: a field cut off in one may not go on in the next.
            if let Cow::Borrowed(first) = parts {
                Reader::check_fields(first, depth)?;
            }
            Reader::check_fields(part, depth)?;
            parts.to_mut().extend_from_slice(part);
        }
    }
    Ok(())
}

/// Takes an occurrence of a string: the last one counts, but all must be text.
fn replace<'a>(text: &mut &'a [u8], with: &'a [u8]) -> Result<()> {
    if !text.is_empty() {
        check_utf8(text)?;
    }
    *text = with;
    Ok(())
}

impl<'a> Decoder<'_, 'a> {
    fn request(&mut self, request: &'a [u8]) -> Result<()> {
        let mut reader = Reader::new(request);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => self.resource_spans(reader.bytes()?)?,
                other => reader.unknown(other, &REQUEST, 0)?,
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, message: &'a [u8]) -> Result<()> {
        let mut reader = Reader::new(message);
        let (mut resource, mut schema_url): (Option<Cow<'a, [u8]>>, &[u8]) = (None, &[]);
        let mut spans = self.columns.spans.len();
        self.pending.clear();
        while let Some(key) = reader.key()? {
            match key {
                FIRST => merge(&mut resource, reader.bytes()?, RESOURCE_DEPTH)?,
                SECOND => self.scope_spans(reader.bytes()?)?,
                THIRD => replace(&mut schema_url, reader.bytes()?)?,
                other => reader.unknown(other, &RESOURCE_SPANS, RESOURCE_SPANS_DEPTH)?,
            }
        }
        let used = self.columns.spans.len() > spans;
        let row = self.resource(resource.as_deref(), schema_url, used)?;
        let pending = std::mem::take(&mut self.pending);
        for scope in &pending {
            let used = scope.spans_end > spans;
            let scope_row = self.scope(scope.scope.as_deref(), scope.schema_url, row, used)?;
            if used {
                self.columns.spans.scope.resize(scope.spans_end, scope_row);
            }
            spans = scope.spans_end;
        }
        self.pending = pending;
        Ok(())
    }

    fn scope_spans(&mut self, message: &'a [u8]) -> Result<()> {
        let mut reader = Reader::new(message);
        let (mut scope, mut schema_url): (Option<Cow<'a, [u8]>>, &[u8]) = (None, &[]);
        while let Some(key) = reader.key()? {
            match key {
                SECOND => self.span(reader.bytes()?)?,
                FIRST => merge(&mut scope, reader.bytes()?, SCOPE_DEPTH)?,
                THIRD => replace(&mut schema_url, reader.bytes()?)?,
                other => reader.unknown(other, &SCOPE_SPANS, SCOPE_SPANS_DEPTH)?,
            }
        }
        self.pending.push(PendingScope { scope, schema_url, spans_end: self.columns.spans.len() });
        Ok(())
    }

    /// Row of a resource. One without spans is only checked.
    fn resource(&mut self, message: Option<&[u8]>, schema_url: &[u8], used: bool) -> Result<u32> {
        let columns = &mut *self.columns;
        let new = columns.resources.schema_url.len();
        if used {
            self.scratch.clear();
            write_key(&mut self.scratch, None, message, schema_url);
            if let Some(row) = columns.wire.resources.row_or_insert(&self.scratch, new as u32) {
                return Ok(row);
            }
        }
        let attrs = &mut columns.resource_attrs;
        let mut interner =
            Interner { names: &mut columns.names, values: &mut columns.values, raw: &mut columns.raw };
        let mut dropped = 0;
        let mut reader = Reader::new(message.unwrap_or_default());
        while let Some(key) = reader.key()? {
            match key {
                FIRST => interner.attr(attrs, reader.bytes()?, RESOURCE_DEPTH + 1)?,
                DROPPED_2 => dropped = reader.varint()? as u32,
                other => reader.unknown(other, &RESOURCE, RESOURCE_DEPTH)?,
            }
        }
        let schema_url = interner.names.intern(schema_url);
        attrs.end_owner();
        if !used {
            attrs.truncate(new);
            return Ok(0);
        }
        columns.resources.schema_url.push(schema_url);
        columns.resources.dropped_attributes.push(dropped);
        columns.resources.presence.push(if message.is_some() { presence::MESSAGE } else { 0 });
        Ok(new as u32)
    }

    /// Row of a scope of `resource`. One without spans is only checked.
    fn scope(&mut self, message: Option<&[u8]>, schema_url: &[u8], resource: u32, used: bool) -> Result<u32> {
        let columns = &mut *self.columns;
        let new = columns.scopes.name.len();
        if used {
            self.scratch.clear();
            write_key(&mut self.scratch, Some(resource), message, schema_url);
            if let Some(row) = columns.wire.scopes.row_or_insert(&self.scratch, new as u32) {
                return Ok(row);
            }
        }
        let attrs = &mut columns.scope_attrs;
        let mut interner =
            Interner { names: &mut columns.names, values: &mut columns.values, raw: &mut columns.raw };
        let (mut name, mut version, mut dropped): (&[u8], &[u8], u32) = (&[], &[], 0);
        let mut reader = Reader::new(message.unwrap_or_default());
        while let Some(key) = reader.key()? {
            match key {
                FIRST => replace(&mut name, reader.bytes()?)?,
                SECOND => replace(&mut version, reader.bytes()?)?,
                THIRD => interner.attr(attrs, reader.bytes()?, SCOPE_DEPTH + 1)?,
                DROPPED_4 => dropped = reader.varint()? as u32,
                other => reader.unknown(other, &SCOPE, SCOPE_DEPTH)?,
            }
        }
        let [name, version, schema_url] = [name, version, schema_url].map(|text| interner.names.intern(text));
        attrs.end_owner();
        if !used {
            attrs.truncate(new);
            return Ok(0);
        }
        columns.scopes.resource.push(resource);
        columns.scopes.name.push(name);
        columns.scopes.version.push(version);
        columns.scopes.schema_url.push(schema_url);
        columns.scopes.dropped_attributes.push(dropped);
        columns.scopes.presence.push(if message.is_some() { presence::MESSAGE } else { 0 });
        Ok(new as u32)
    }
}

/// `Resource.dropped_attributes_count`.
const DROPPED_2: u32 = key(2, VARINT);
/// `InstrumentationScope.dropped_attributes_count`.
const DROPPED_4: u32 = key(4, VARINT);

/// What tells apart two encoded owners: the owner's owner, presence, URL and bytes, each delimited.
fn write_key(out: &mut Vec<u8>, parent: Option<u32>, message: Option<&[u8]>, schema_url: &[u8]) {
    out.extend_from_slice(&parent.unwrap_or_default().to_le_bytes());
    out.push(message.is_some().into());
    out.extend_from_slice(&(schema_url.len() as u32).to_le_bytes());
    out.extend_from_slice(schema_url);
    out.extend_from_slice(message.unwrap_or_default());
}
