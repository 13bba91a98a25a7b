//! What is answered, independent of JSON and protobuf.

use cadenza_model::{Columns, SpanId, TraceId};
use std::collections::BTreeMap;

/// How much work an answer took; reported in every answer's `metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Traces evaluated.
    pub traces: u32,
    /// Spans evaluated.
    pub spans: u64,
    /// Bytes read from blocks and decoded from the log.
    pub bytes: u64,
    /// Blocks in range.
    pub blocks: u32,
    /// Their size.
    pub block_bytes: u64,
    /// Sources (live data, blocks) in range.
    pub jobs: u32,
    /// Sources that were looked at before the answer was certain.
    pub jobs_done: u32,
}

impl Inspected {
    /// Adds another tenant's or source's work.
    pub fn add(&mut self, other: &Self) {
        self.traces = self.traces.saturating_add(other.traces);
        self.spans += other.spans;
        self.bytes += other.bytes;
        self.blocks += other.blocks;
        self.block_bytes += other.block_bytes;
        self.jobs += other.jobs;
        self.jobs_done += other.jobs_done;
    }
}

/// Why an answer may lack data. Empty = complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing(pub Vec<String>);

impl Missing {
    /// Nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes one more reason, once.
    pub fn note(&mut self, reason: String) {
        // One bad block repeats its error per read; a thousand lines help nobody.
        const REASONS_MAX: usize = 16;
        if self.0.len() < REASONS_MAX && !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    /// Takes over another answer's reasons.
    pub fn add(&mut self, other: Self) {
        for reason in other.0 {
            self.note(reason);
        }
    }
}

/// A trace by id.
#[derive(Debug, Default)]
pub struct TraceAnswer {
    /// The spans; only `rows` of them are the answer.
    pub columns: Columns,
    /// Rows by start time, then span id. Empty = not found.
    pub rows: Vec<u32>,
    /// Set when the trace is larger than the tenant's limit and only a part is answered.
    pub truncated_at_bytes: Option<u64>,
    /// Sources that could not be read.
    pub missing: Missing,
    /// Work done.
    pub inspected: Inspected,
}

/// A value in a search result.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultValue {
    /// Text; also statuses, kinds, durations and `nil`.
    Str(String),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Several values of one type.
    Array(Vec<ResultValue>),
}

/// A span in a search result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultSpan {
    /// Its id.
    pub id: SpanId,
    /// Its name, when the query touches it.
    pub name: String,
    /// Start.
    pub start_ns: u64,
    /// Length; 0 for a span that ends before it starts.
    pub duration_ns: u64,
    /// Attributes the query touched, under their names without scope.
    pub attributes: Vec<(String, ResultValue)>,
}

/// Spans of one trace that belong together in the result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultSpanSet {
    /// The first of the matching spans.
    pub spans: Vec<ResultSpan>,
    /// How many match.
    pub matched: u32,
    /// `by(…)` and aggregate values.
    pub attributes: Vec<(String, ResultValue)>,
}

/// Spans of one service in a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// All of them.
    pub spans: u32,
    /// Those with status error.
    pub errors: u32,
}

/// A found trace.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundTrace {
    /// Its id.
    pub id: TraceId,
    /// Spelled with leading zeros (a tenant setting).
    pub pad_id: bool,
    /// Service of the root span; `None` while no root was received.
    pub root_service: Option<String>,
    /// Name of the root span.
    pub root_name: String,
    /// Earliest start.
    pub start_ns: u64,
    /// Latest end minus earliest start.
    pub duration_ns: u64,
    /// Matches; empty for legacy searches.
    pub spansets: Vec<ResultSpanSet>,
    /// Per service; empty for legacy searches.
    pub services: BTreeMap<String, ServiceStats>,
}

/// The traces a search found, newest first.
#[derive(Debug, Default)]
pub struct SearchAnswer {
    /// By start, newest first, then by id.
    pub traces: Vec<FoundTrace>,
    /// Sources that could not be read.
    pub missing: Missing,
    /// Work done.
    pub inspected: Inspected,
}

/// Attribute names.
#[derive(Debug, Default)]
pub struct TagNamesAnswer {
    /// Scope and its names, sorted; scopes without names are absent.
    pub scopes: Vec<(crate::TagScope, Vec<String>)>,
    /// Sources that could not be read, or a size limit that cut the list.
    pub missing: Missing,
    /// Work done.
    pub inspected: Inspected,
}

/// How a tag value is typed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagValueType {
    /// Text.
    String,
    /// Integer.
    Int,
    /// Double.
    Float,
    /// Boolean.
    Bool,
    /// A literal of the language: `error`, `server`.
    Keyword,
}

impl TagValueType {
    /// The name used on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Keyword => "keyword",
        }
    }
}

/// An attribute's values.
#[derive(Debug, Default)]
pub struct TagValuesAnswer {
    /// Type and text, sorted, without repeats.
    pub values: Vec<(TagValueType, String)>,
    /// Sources that could not be read, or a size limit that cut the list.
    pub missing: Missing,
    /// Work done.
    pub inspected: Inspected,
}
