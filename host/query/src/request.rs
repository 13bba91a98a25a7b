//! What can be asked, after validation.

use cadenza_model::{TenantId, TraceId};

/// Whole seconds since the epoch, both ends included: a trace is in range when any part of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First second.
    pub start_s: u64,
    /// Last second.
    pub end_s: u64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { start_s: 0, end_s: u64::MAX / 1_000_000_000 };

    /// The first nanosecond of the range.
    pub fn start_ns(&self) -> u64 {
        self.start_s.saturating_mul(1_000_000_000)
    }

    /// The last nanosecond that still counts: a trace starting exactly on the last second is in range.
    pub fn end_ns(&self) -> u64 {
        self.end_s.saturating_mul(1_000_000_000)
    }

    /// Whether anything that lasts from `start_ns` to `end_ns` touches the range.
    pub fn overlaps(&self, start_ns: u64, end_ns: u64) -> bool {
        start_ns <= self.end_ns() && end_ns >= self.start_ns()
    }
}

/// Which kinds of sources to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sources {
    /// Live data and blocks.
    #[default]
    All,
    /// Only what is not in a block yet.
    Recent,
    /// Only blocks.
    Stored,
}

/// One trace, by id.
#[derive(Debug, Clone)]
pub struct TraceRequest {
    /// Sorted, without repeats; never empty.
    pub tenants: Vec<TenantId>,
    /// Which trace.
    pub id: TraceId,
    /// Over the size limit: answer a part of the trace (true) or refuse (false).
    pub allow_partial: bool,
    /// Where to look.
    pub sources: Sources,
}

/// What a search looks for.
#[derive(Debug, Clone)]
pub enum SearchFilter {
    /// TraceQL text.
    TraceQl(String),
    /// `tags`, `minDuration` and `maxDuration`, or nothing at all.
    Legacy(LegacyFilter),
}

/// The search of Tempo's first version: every tag on one resource's spans, durations of the whole trace.
#[derive(Debug, Clone, Default)]
pub struct LegacyFilter {
    /// Key and wanted text; all must be met.
    pub tags: Vec<(String, String)>,
    /// Shortest trace; 0 = no bound.
    pub duration_min_ns: u64,
    /// Longest trace; 0 = no bound.
    pub duration_max_ns: u64,
}

/// A search for traces.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Sorted, without repeats; never empty.
    pub tenants: Vec<TenantId>,
    /// What to look for.
    pub filter: SearchFilter,
    /// When.
    pub range: TimeRange,
    /// Most traces to answer; at least 1.
    pub limit: usize,
    /// Most spans to show per spanset; at least 1.
    pub spans_per_spanset: usize,
}

/// Where attributes live, as tag requests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagScope {
    /// Resource attributes.
    Resource,
    /// Span attributes.
    Span,
    /// Span event attributes.
    Event,
    /// Span link attributes.
    Link,
    /// Instrumentation scope attributes.
    Instrumentation,
    /// Values that are not attributes: `name`, `status`, `trace:duration`.
    Intrinsic,
}

impl TagScope {
    /// The scopes that hold attributes.
    pub const ATTRIBUTES: [Self; 5] =
        [Self::Resource, Self::Span, Self::Event, Self::Link, Self::Instrumentation];

    /// The name used on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Span => "span",
            Self::Event => "event",
            Self::Link => "link",
            Self::Instrumentation => "instrumentation",
            Self::Intrinsic => "intrinsic",
        }
    }
}

/// A request for attribute names.
#[derive(Debug, Clone)]
pub struct TagNamesRequest {
    /// Sorted, without repeats; never empty.
    pub tenants: Vec<TenantId>,
    /// Which scopes; intrinsics are a fixed list.
    pub scopes: Vec<TagScope>,
    /// A lenient TraceQL filter; empty = none.
    pub query: String,
    /// When.
    pub range: TimeRange,
    /// Most names per scope; 0 = no limit.
    pub limit_per_scope: usize,
}

/// Which attribute's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSelector {
    /// v1: a bare name, looked up on spans and resources.
    Bare(String),
    /// v2: a TraceQL attribute or intrinsic, as text.
    TraceQl(String),
}

/// A request for an attribute's values.
#[derive(Debug, Clone)]
pub struct TagValuesRequest {
    /// Sorted, without repeats; never empty.
    pub tenants: Vec<TenantId>,
    /// Whose values.
    pub tag: TagSelector,
    /// A lenient TraceQL filter; empty = none.
    pub query: String,
    /// When.
    pub range: TimeRange,
    /// Most values; 0 = no limit.
    pub limit: usize,
}
