//! What can be asked of a block: conditions on fields of spans, without negation.
//!
//! A filter holds for one span at a time. Fields of the trace, of the resource and of the scope count for
//! every span below; fields of events and links hold if any event or link of the span fulfils them, each
//! condition for itself. Types are strict: a test of strings never matches a number.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttrScope {
    /// Span, else resource.
    Any,
    /// Resource attributes.
    Resource,
    /// Attributes of the instrumentation scope.
    Instrumentation,
    /// Span attributes.
    Span,
    /// Event attributes.
    Event,
    /// Link attributes.
    Link,
}

/// Fields that are no attributes. Ids are tested as lower-case hex text; `status` and `kind` as OTLP's
/// numbers; durations and times as nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "TraceQL's names")]
pub enum Intrinsic {
    TraceId,
    TraceDuration,
    RootName,
    RootServiceName,
    SpanId,
    ParentSpanId,
    Name,
    Kind,
    Status,
    StatusMessage,
    Duration,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

/// A field of a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// An attribute.
    Attr(AttrScope, String),
    /// Anything else.
    Intrinsic(Intrinsic),
}

impl Field {
    /// An attribute.
    pub fn attr(scope: AttrScope, key: &str) -> Self {
        Self::Attr(scope, key.to_owned())
    }
}

/// A condition on a string.
#[derive(Clone)]
pub enum StrTest {
    /// Equal to.
    Eq(String),
    /// Whatever the closure says: called once per distinct string where there is a dictionary.
    Fn(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for StrTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(text) => write!(f, "= {text:?}"),
            Self::Fn(_) => f.write_str("fn"),
        }
    }
}

impl StrTest {
    /// Whether `bytes`, repaired if not UTF-8, fulfil the condition.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Eq(want) if want.as_bytes() == bytes => true,
            // Only what has the sign for broken text in it can equal broken text.
            Self::Eq(want) => {
                want.contains(char::REPLACEMENT_CHARACTER) && *want == String::from_utf8_lossy(bytes)
            }
            Self::Fn(test) => test(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// How to compare with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the six comparisons")]
pub enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Cmp {
    /// Whether `left ? right` holds. Only `Ne` holds for what cannot be compared.
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        let order = left.partial_cmp(&right);
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Lt => order == Some(Ordering::Less),
            Self::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// A condition on a field. Values of another type never fulfil it; an array does if an element does.
#[derive(Debug, Clone)]
pub enum Test {
    /// On strings.
    Str(StrTest),
    /// On integers: attributes, durations, enums, nested set numbers.
    Int(Cmp, i64),
    /// On doubles.
    Double(Cmp, f64),
    /// On booleans: equal to.
    Bool(bool),
    /// The field has a value that could fulfil some condition.
    Exists,
    /// The field has no value.
    Nil,
}

/// A tree of conditions.
#[derive(Debug, Clone)]
pub enum Filter {
    /// Every span.
    All,
    /// One condition.
    Is(Field, Test),
    /// The same span fulfils all.
    And(Vec<Filter>),
    /// The span fulfils at least one.
    Or(Vec<Filter>),
}

/// Deepest filter that is evaluated; queries of users nest a few levels.
pub(crate) const DEPTH_MAX: usize = 128;

/// What may match.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Rows (traces), ascending. All traces that match are among them.
    pub rows: Vec<u32>,
    /// Start of each trace, in nanoseconds since the epoch.
    pub start_ns: Vec<u64>,
    /// Every row has a span that fulfils the filter.
    pub exact: bool,
}
