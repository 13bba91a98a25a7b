//! Field expressions: what stands between braces.

use super::{Pos, Static};

/// An expression over one span.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub pos: Pos,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Static),
    /// A field of the span or of what surrounds it.
    Field(Field),
    /// `-x`, `!x`
    Unary(UnaryOp, Box<Expr>),
    /// Comparison or arithmetic.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a && b && …`: at least two terms, so that long chains are flat.
    Logic(LogicOp, Vec<Expr>),
    /// `x = nil`
    IsNil(Box<Expr>),
    /// `x != nil`
    NotNil(Box<Expr>),
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
}

/// `&&` and `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicOp {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Comparisons and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `=~`
    Re,
    /// `!~`
    NotRe,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
}

impl BinaryOp {
    /// True for operators with a boolean result.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Re | NotRe | Lt | Le | Gt | Ge)
    }

    /// `a op b` is `b mirrored a`; regex operators have no mirror image and stay.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            same => same,
        }
    }
}

/// A field and where it is named.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRef {
    /// Which.
    pub field: Field,
    /// Where.
    pub pos: Pos,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// By scope and name.
    Attribute(Attribute),
    /// Part of every span.
    Intrinsic(Intrinsic),
}

impl Field {
    /// True for an attribute of this scope and name.
    pub fn is_attribute(&self, scope: Scope, name: &str) -> bool {
        matches!(self, Self::Attribute(a) if !a.parent && a.scope == scope && &*a.name == name)
    }

    /// The key that a search result shows: attributes without scope, intrinsics canonically.
    pub fn result_key(&self) -> &str {
        match self {
            Self::Attribute(a) => &a.name,
            Self::Intrinsic(i) => i.name(),
        }
    }
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Where it is looked up.
    pub scope: Scope,
    /// On the parent span.
    pub parent: bool,
    /// Its key, unquoted.
    pub name: Box<str>,
}

/// Attribute scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// `.x`: span, else resource.
    None,
    /// `span.x`
    Span,
    /// `resource.x`
    Resource,
    /// `event.x`
    Event,
    /// `link.x`
    Link,
    /// `instrumentation.x`
    Instrumentation,
}

impl Scope {
    /// What stands before the name.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::None => ".",
            Self::Span => "span.",
            Self::Resource => "resource.",
            Self::Event => "event.",
            Self::Link => "link.",
            Self::Instrumentation => "instrumentation.",
        }
    }
}

/// Intrinsics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the name says it; meanings are those of TraceQL")]
pub enum Intrinsic {
    Duration,
    Name,
    Status,
    StatusMessage,
    Kind,
    SpanId,
    ParentId,
    ChildCount,
    TraceDuration,
    RootName,
    RootServiceName,
    TraceId,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
    Parent,
}

impl Intrinsic {
    /// The canonical name: what results show, and a form that parses.
    pub fn name(self) -> &'static str {
        use Intrinsic::*;
        match self {
            Duration => "duration",
            Name => "name",
            Status => "status",
            StatusMessage => "statusMessage",
            Kind => "kind",
            SpanId => "span:id",
            ParentId => "span:parentID",
            ChildCount => "span:childCount",
            TraceDuration => "traceDuration",
            RootName => "rootName",
            RootServiceName => "rootServiceName",
            TraceId => "trace:id",
            NestedSetLeft => "nestedSetLeft",
            NestedSetRight => "nestedSetRight",
            NestedSetParent => "nestedSetParent",
            EventName => "event:name",
            EventTimeSinceStart => "event:timeSinceStart",
            LinkTraceId => "link:traceID",
            LinkSpanId => "link:spanID",
            InstrumentationName => "instrumentation:name",
            InstrumentationVersion => "instrumentation:version",
            Parent => "parent",
        }
    }

    /// The intrinsic that a bare word names.
    pub fn from_bare(word: &str) -> Option<Self> {
        use Intrinsic::*;
        Some(match word {
            "duration" => Duration,
            "name" => Name,
            "status" => Status,
            "statusMessage" => StatusMessage,
            "kind" => Kind,
            "traceDuration" => TraceDuration,
            "rootName" => RootName,
            "rootServiceName" => RootServiceName,
            "nestedSetLeft" => NestedSetLeft,
            "nestedSetRight" => NestedSetRight,
            "nestedSetParent" => NestedSetParent,
            "parent" => Parent,
            _ => return None,
        })
    }

    /// The intrinsic that `scope:word` names.
    pub fn from_scoped(scope: &str, word: &str) -> Option<Self> {
        use Intrinsic::*;
        Some(match (scope, word) {
            ("trace", "duration") => TraceDuration,
            ("trace", "rootName") => RootName,
            ("trace", "rootService") => RootServiceName,
            ("trace", "id") => TraceId,
            ("span", "duration") => Duration,
            ("span", "name") => Name,
            ("span", "kind") => Kind,
            ("span", "status") => Status,
            ("span", "statusMessage") => StatusMessage,
            ("span", "id") => SpanId,
            ("span", "parentID") => ParentId,
            ("span", "childCount") => ChildCount,
            ("event", "name") => EventName,
            ("event", "timeSinceStart") => EventTimeSinceStart,
            ("link", "traceID") => LinkTraceId,
            ("link", "spanID") => LinkSpanId,
            ("instrumentation", "name") => InstrumentationName,
            ("instrumentation", "version") => InstrumentationVersion,
            _ => return None,
        })
    }

    /// True for ids, which only `=` and `!=` compare.
    pub fn is_id(self) -> bool {
        use Intrinsic::*;
        matches!(self, SpanId | ParentId | TraceId | LinkTraceId | LinkSpanId)
    }
}
