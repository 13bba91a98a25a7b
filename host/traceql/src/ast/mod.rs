//! The query as a tree. `Display` writes the canonical form, which parses to an equal tree.

mod display;
mod expr;
mod metrics;
mod value;

pub(crate) use display::NAME_ENDS;
pub use expr::{Attribute, BinaryOp, Expr, ExprKind, Field, FieldRef, Intrinsic, LogicOp, Scope, UnaryOp};
pub use metrics::{Hint, Metrics, MetricsFunction, OverTime, SecondStage};
pub use value::{Kind, Static, Status, go_duration};

/// A place in the query text, in bytes. Any two are equal, so that trees compare by meaning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pos {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl PartialEq for Pos {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Pos {
    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What selects spans.
    pub pipeline: Pipeline,
    /// What is computed over them, for metrics queries.
    pub metrics: Option<Metrics>,
    /// `with(…)`; of several groups, the last.
    pub hints: Vec<Hint>,
}

/// Stages joined by `|`; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// In order of execution.
    pub stages: Vec<Stage>,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Filters and operators between them.
    Spanset(SpansetExpr),
    /// `count() > 3`.
    Scalar(ScalarFilter),
    /// `by(expr)`.
    Group(Expr, Pos),
    /// `coalesce()`.
    Coalesce(Pos),
    /// `select(a, b)`.
    Select(Vec<FieldRef>, Pos),
}

/// Spans chosen by filters.
#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpr {
    /// `{ … }`.
    Filter(SpansetFilter),
    /// `left op right`.
    Op(Box<SpansetOp>),
    /// `( … | … )` as an operand.
    Pipeline(Box<Pipeline>, Pos),
}

/// `{ expr }`; an empty one holds `true`.
#[derive(Debug, Clone, PartialEq)]
pub struct SpansetFilter {
    /// What must be true of a span.
    pub expr: Expr,
    /// Braces included.
    pub pos: Pos,
}

/// Two spansets and what joins them.
#[derive(Debug, Clone, PartialEq)]
pub struct SpansetOp {
    /// The operator.
    pub op: SpansetOperator,
    /// Before it.
    pub left: SpansetExpr,
    /// After it.
    pub right: SpansetExpr,
    /// The operator's place.
    pub pos: Pos,
}

/// Operators between spansets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpansetOperator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `>`, `!>>`, `&~` …
    Structural(Relation, Form),
}

/// How a right-hand span stands to a left-hand one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `>`: it is a direct child.
    Child,
    /// `<`: it is the parent.
    Parent,
    /// `>>`: it is somewhere below.
    Descendant,
    /// `<<`: it is somewhere above.
    Ancestor,
    /// `~`: they have the same parent.
    Sibling,
}

/// What a structural operator keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Right-hand spans that have the relation.
    Plain,
    /// `!`: right-hand spans that have it to none.
    Negated,
    /// `&`: spans of both sides that take part.
    Union,
}

/// `scalar op scalar`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    /// A comparison.
    pub op: BinaryOp,
    /// Before it.
    pub left: ScalarExpr,
    /// After it.
    pub right: ScalarExpr,
    /// The whole filter's place.
    pub pos: Pos,
}

/// A number per spanset.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpr {
    /// `avg(duration)`.
    Aggregate(Aggregate),
    /// A number, possibly negative (any literal as right side of a pipeline comparison).
    Literal(Static, Pos),
    /// Arithmetic.
    Binary(BinaryOp, Box<ScalarExpr>, Box<ScalarExpr>),
    /// `( … | count())`.
    Pipeline(Box<Pipeline>, Aggregate),
}

/// An aggregate over the spans of a spanset.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub op: AggregateOp,
    /// Over what; none for `count()`.
    pub expr: Option<Box<Expr>>,
    /// Its place.
    pub pos: Pos,
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateOp {
    /// Spans.
    Count,
    /// Largest value.
    Max,
    /// Smallest value.
    Min,
    /// Mean.
    Avg,
    /// Sum.
    Sum,
}
