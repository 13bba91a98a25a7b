//! What a plugin wants to see and to change: `wit/types.wit`, `native.wit` and `plugin.wit` in plain Rust.
#![expect(missing_docs, reason = "names and meanings are those of the files in wit/, field by field")]

/// The tables of a batch, parents first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Resource,
    Instrumentation,
    Span,
    Event,
    Link,
}

impl Scope {
    /// All tables, parents first.
    pub const ALL: [Self; 5] = [Self::Resource, Self::Instrumentation, Self::Span, Self::Event, Self::Link];

    /// Its name in the WIT.
    pub fn name(self) -> &'static str {
        ["resource", "instrumentation", "span", "event", "link"][self as usize]
    }

    /// The table above it.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Resource => None,
            Self::Instrumentation => Some(Self::Resource),
            Self::Span => Some(Self::Instrumentation),
            Self::Event | Self::Link => Some(Self::Span),
        }
    }

    /// True if rows of `self` are, or lie under, rows of `above`.
    pub fn is_within(self, above: Self) -> bool {
        self == above || self.parent().is_some_and(|parent| parent.is_within(above))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySelector {
    Exact(String),
    Prefix(String),
    Glob(String),
    Pattern(String),
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub scope: Scope,
    pub key: KeySelector,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intrinsic {
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    TraceFlags,
    Name,
    Kind,
    StatusCode,
    StatusMessage,
    StartUnixNano,
    DurationNano,
    EventCount,
    LinkCount,
    ScopeName,
    ScopeVersion,
    EventName,
    EventTimeUnixNano,
    LinkTraceId,
    LinkSpanId,
    LinkTraceState,
}

impl Intrinsic {
    /// The table it belongs to.
    pub fn scope(self) -> Scope {
        use Intrinsic::*;
        match self {
            ScopeName | ScopeVersion => Scope::Instrumentation,
            EventName | EventTimeUnixNano => Scope::Event,
            LinkTraceId | LinkSpanId | LinkTraceState => Scope::Link,
            TraceId | SpanId | ParentSpanId | TraceState | TraceFlags | Name | Kind | StatusCode
            | StatusMessage | StartUnixNano | DurationNano | EventCount | LinkCount => Scope::Span,
        }
    }

    /// True for text, which alone can be edited.
    pub fn is_text(self) -> bool {
        use Intrinsic::*;
        matches!(
            self,
            TraceState | Name | StatusMessage | ScopeName | ScopeVersion | EventName | LinkTraceState
        )
    }

    /// Its name in the WIT.
    pub fn name(self) -> &'static str {
        use Intrinsic::*;
        match self {
            TraceId => "trace-id",
            SpanId => "span-id",
            ParentSpanId => "parent-span-id",
            TraceState => "trace-state",
            TraceFlags => "trace-flags",
            Name => "name",
            Kind => "kind",
            StatusCode => "status-code",
            StatusMessage => "status-message",
            StartUnixNano => "start-unix-nano",
            DurationNano => "duration-nano",
            EventCount => "event-count",
            LinkCount => "link-count",
            ScopeName => "scope-name",
            ScopeVersion => "scope-version",
            EventName => "event-name",
            EventTimeUnixNano => "event-time-unix-nano",
            LinkTraceId => "link-trace-id",
            LinkSpanId => "link-span-id",
            LinkTraceState => "link-trace-state",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    Str,
    Int,
    Double,
    Boolean,
    Bytes,
    Text,
    Json,
    Presence,
}

/// The flags `cell-edits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellEdits {
    pub update: bool,
    pub delete: bool,
    pub drop_row: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AttributeField {
    pub place: Place,
    pub value_type: ValueType,
    pub only_if: Option<String>,
    pub edits: CellEdits,
}

#[derive(Debug, Clone, PartialEq)]
pub struct IntrinsicField {
    pub intrinsic: Intrinsic,
    pub edits: CellEdits,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Attribute(AttributeField),
    Intrinsic(IntrinsicField),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub scope: Scope,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Str(String),
    Int(i64),
    Double(f64),
    Boolean(bool),
    Json(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Literal(Literal),
    Attribute(String),
    ResourceAttribute(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub scope: Scope,
    pub key: String,
    pub value: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    Md5,
    Sha1,
    Sha256,
    Sha3,
    HmacSha256,
    HmacSha512,
    Keyed64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hashing {
    pub place: Place,
    pub kind: HashKind,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    pub place: Place,
    pub to: ValueType,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    pub scope: Scope,
    pub key: String,
    pub pattern: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Substitute {
    Template(String),
    Hash(HashKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WellKnown {
    CardNumber,
    Email,
    Digits,
    Ipv4,
    Credentials,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    Expression(String),
    WellKnown(WellKnown),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    pub place: MaskPlace,
    pub patterns: Vec<Pattern>,
    pub unless: Vec<Pattern>,
    pub substitute: Substitute,
    pub all_types: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MaskPlace {
    Attribute(Place),
    SpanName,
    StatusMessage,
    EventName,
    ScopeName,
    TraceState,
    LinkTraceState,
    ScopeVersion,
    ResourceSchemaUrl,
    ScopeSchemaUrl,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub place: Place,
    pub matching: Vec<Pattern>,
    pub all_types: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub scope: Scope,
    pub tally: u32,
    pub keys: Option<String>,
    pub separator: String,
    pub count: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    pub place: Place,
    pub value: Literal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct KeepList {
    pub scope: Scope,
    pub keys: Vec<KeySelector>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NativeOp {
    Insert(Assignment),
    Update(Assignment),
    Upsert(Assignment),
    Delete(Place),
    Replace(Replacement),
    KeepOnly(KeepList),
    Hash(Hashing),
    Convert(Conversion),
    Extract(Extraction),
    Mask(Mask),
    Note(Notice),
    Report(Report),
    Guest,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub when: Option<String>,
    pub negate: bool,
    pub skip_tallies: Vec<u32>,
    pub tally: Option<u32>,
    pub op: NativeOp,
}

impl Step {
    /// A step without conditions and tallies.
    pub fn new(op: NativeOp) -> Self {
        Self { when: None, negate: false, skip_tallies: Vec::new(), tally: None, op }
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub fields: Vec<Field>,
    pub targets: Vec<Target>,
    pub tables: Vec<Scope>,
    pub hmac_secret: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Enricher,
    Scrubber,
    HeadSampler,
    TailSampler,
}

/// What happens with spans that a plugin fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They go on unmodified, and are counted.
    FailOpen,
    /// They are not taken.
    FailClosed,
}
