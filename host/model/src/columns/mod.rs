//! The columnar span batch: every field of OTLP, flat.
//!
//! Nesting is by *end offsets*: the children of row `i` are `ends[i - 1]..ends[i]` (`0..ends[0]` for the
//! first). Strings are codes into one of three dictionaries. Nothing OTLP carries is dropped here, even
//! where the block format has no place for it.

mod check;
mod cut;
mod gather;
mod retain;
mod rows;

use crate::{Code, Dict, SpanId, TraceId};
use std::ops::Range;

pub use cut::AttributesCut;
pub use gather::Remap;
pub use rows::Savepoint;

/// Bits of [`Spans::presence`], [`Scopes::presence`] and [`Resources::presence`]: an absent message and
/// an empty one differ on the wire.
pub mod presence {
    /// The span has a `status` message.
    pub const STATUS: u8 = 1;
    /// The `scope` of the ScopeSpans, or the `resource` of the ResourceSpans, is present.
    pub const MESSAGE: u8 = 1;
}

/// A set of spans of one tenant, in order of arrival.
#[derive(Debug, Default, Clone)]
pub struct Columns {
    /// One row per span.
    pub spans: Spans,
    /// Attributes of spans; one list per span.
    pub span_attrs: Attrs,
    /// One row per event; lists per span are [`Spans::event_ends`].
    pub events: Events,
    /// Attributes of events; one list per event.
    pub event_attrs: Attrs,
    /// One row per link; lists per span are [`Spans::link_ends`].
    pub links: Links,
    /// Attributes of links; one list per link.
    pub link_attrs: Attrs,
    /// One row per distinct instrumentation scope occurrence.
    pub scopes: Scopes,
    /// Attributes of scopes; one list per scope.
    pub scope_attrs: Attrs,
    /// One row per distinct resource.
    pub resources: Resources,
    /// Attributes of resources; one list per resource.
    pub resource_attrs: Attrs,
    /// UTF-8: attribute keys, span, event and scope names, scope versions, schema URLs.
    pub names: Dict,
    /// UTF-8: string attribute values, status messages, trace states.
    pub values: Dict,
    /// Bytes: encoded OTLP `AnyValue` messages of arrays, maps and byte strings; ids of odd length.
    pub raw: Dict,
    /// Rows of resources and scopes by their encoded bytes, while requests are being appended.
    pub(crate) wire: crate::otlp::WireIndex,
}

/// Fixed columns of spans. All vectors have one entry per span, except `odd_parents`.
#[derive(Debug, Default, Clone)]
pub struct Spans {
    /// 16 raw bytes.
    pub trace_id: Vec<TraceId>,
    /// The 8 bytes of the span id, big-endian.
    pub span_id: Vec<SpanId>,
    /// As `span_id`; [`SpanId::NONE`] (all zero) = no parent.
    pub parent_id: Vec<SpanId>,
    /// Nanoseconds since the epoch.
    pub start_ns: Vec<u64>,
    /// Nanoseconds since the epoch; may lie before `start_ns`.
    pub end_ns: Vec<u64>,
    /// OTLP enum number, unknown numbers included.
    pub kind: Vec<i32>,
    /// OTLP status code number, unknown numbers included.
    pub status: Vec<i32>,
    /// W3C flags and the remote bits.
    pub flags: Vec<u32>,
    /// Code in `names`.
    pub name: Vec<Code>,
    /// Status message, code in `values`.
    pub message: Vec<Code>,
    /// Code in `values`.
    pub trace_state: Vec<Code>,
    /// Attributes the client dropped.
    pub dropped_attributes: Vec<u32>,
    /// Events the client dropped.
    pub dropped_events: Vec<u32>,
    /// Links the client dropped.
    pub dropped_links: Vec<u32>,
    /// Row in [`Columns::scopes`].
    pub scope: Vec<u32>,
    /// Ends in [`Columns::events`].
    pub event_ends: Vec<u32>,
    /// Ends in [`Columns::links`].
    pub link_ends: Vec<u32>,
    /// [`presence`] bits.
    pub presence: Vec<u8>,
    /// Encoded OTLP size of the span message; what the size limits count.
    pub wire_bytes: Vec<u32>,
    /// Parent ids that are neither empty nor 8 bytes: (row, code in `raw`), by row. `parent_id` is NONE.
    pub odd_parents: Vec<(u32, Code)>,
}

/// Attribute lists of one kind of owner.
#[derive(Debug, Default, Clone)]
pub struct Attrs {
    /// One end per owner.
    pub ends: Vec<u32>,
    /// Code in `names`, one per attribute.
    pub key: Vec<Code>,
    /// [`crate::AttrType`], one per attribute.
    pub ty: Vec<crate::AttrType>,
    /// Int and double bits, 0/1, or a code in `values` / `raw`; see [`crate::AttrType`].
    pub val: Vec<u64>,
}

/// Fixed columns of span events.
#[derive(Debug, Default, Clone)]
pub struct Events {
    /// Nanoseconds since the epoch.
    pub time_ns: Vec<u64>,
    /// Code in `names`.
    pub name: Vec<Code>,
    /// Attributes the client dropped.
    pub dropped_attributes: Vec<u32>,
}

/// Fixed columns of span links.
#[derive(Debug, Default, Clone)]
pub struct Links {
    /// All zero when empty or of odd length.
    pub trace_id: Vec<TraceId>,
    /// NONE when empty or of odd length.
    pub span_id: Vec<SpanId>,
    /// Code in `values`.
    pub trace_state: Vec<Code>,
    /// W3C flags.
    pub flags: Vec<u32>,
    /// Attributes the client dropped.
    pub dropped_attributes: Vec<u32>,
    /// (row, trace id, span id): codes in `raw` of the ids as sent, for rows where one is neither empty
    /// nor of the right length; by row.
    pub odd_ids: Vec<(u32, Code, Code)>,
}

/// Instrumentation scopes.
#[derive(Debug, Default, Clone)]
pub struct Scopes {
    /// Row in [`Columns::resources`].
    pub resource: Vec<u32>,
    /// Code in `names`.
    pub name: Vec<Code>,
    /// Code in `names`.
    pub version: Vec<Code>,
    /// Code in `names`; the schema URL of the ScopeSpans.
    pub schema_url: Vec<Code>,
    /// Attributes the client dropped.
    pub dropped_attributes: Vec<u32>,
    /// [`presence::MESSAGE`].
    pub presence: Vec<u8>,
}

/// Resources.
#[derive(Debug, Default, Clone)]
pub struct Resources {
    /// Code in `names`; the schema URL of the ResourceSpans.
    pub schema_url: Vec<Code>,
    /// Attributes the client dropped.
    pub dropped_attributes: Vec<u32>,
    /// [`presence::MESSAGE`].
    pub presence: Vec<u8>,
}

/// The children of row `i` under `ends`.
fn children(ends: &[u32], i: usize) -> Range<usize> {
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    start..ends[i] as usize
}

impl Spans {
    /// Number of spans.
    pub fn len(&self) -> usize {
        self.trace_id.len()
    }

    /// True without spans.
    pub fn is_empty(&self) -> bool {
        self.trace_id.is_empty()
    }

    /// Rows of the events of span `row`.
    pub fn events(&self, row: usize) -> Range<usize> {
        children(&self.event_ends, row)
    }

    /// Rows of the links of span `row`.
    pub fn links(&self, row: usize) -> Range<usize> {
        children(&self.link_ends, row)
    }
}

impl Attrs {
    /// Number of owners.
    pub fn owners(&self) -> usize {
        self.ends.len()
    }

    /// Indices of the attributes of owner `row`.
    pub fn of(&self, row: usize) -> Range<usize> {
        children(&self.ends, row)
    }
}
