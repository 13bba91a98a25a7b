//! Metrics functions, second stages and hints.

use super::{BinaryOp, FieldRef, Pos, SpansetFilter, Static};

/// The metrics part of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// First stage.
    pub function: MetricsFunction,
    /// `by(…)`.
    pub by: Vec<FieldRef>,
    /// What runs on the merged series, in order.
    pub second: Vec<SecondStage>,
    /// The first stage's place.
    pub pos: Pos,
}

/// First-stage functions.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricsFunction {
    /// `rate()`
    Rate,
    /// `count_over_time()`
    CountOverTime,
    /// `min_over_time(field)` and its like.
    OverTime(OverTime, FieldRef),
    /// `quantile_over_time(field, q…)`
    Quantile(FieldRef, Vec<f64>),
    /// `compare({…}, top, start, end)`
    Compare {
        /// What puts a span into the selection.
        filter: SpansetFilter,
        /// Values kept per attribute.
        top: Option<i64>,
        /// Bounds of the selection, nanoseconds since the epoch.
        window_ns: Option<(i64, i64)>,
    },
}

/// Functions of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverTime {
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Mean.
    Avg,
    /// Sum.
    Sum,
    /// Counts by powers of two.
    Histogram,
}

/// Second stages.
#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    /// `topk(n)`
    TopK(i64, Pos),
    /// `bottomk(n)`
    BottomK(i64, Pos),
    /// `> 3`
    Filter(BinaryOp, Static, Pos),
}

/// `name = value` in `with(…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Unknown ones are kept and ignored by who reads them.
    pub name: Box<str>,
    /// Its value.
    pub value: Static,
}
