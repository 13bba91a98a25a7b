//! What storage can look for before a query is evaluated.
//!
//! A condition is a *superset*: whatever the query finds satisfies it, and more may. Parts that cannot be
//! expressed become [`Condition::True`].

use crate::ast::{
    BinaryOp, Expr, ExprKind, Field, Form, Intrinsic, LogicOp, Pipeline, Query, Scope, SpansetExpr,
    SpansetOperator, Stage, Static,
};
use crate::eval::{LeafTest, fold, reads_items};

/// A condition on one span.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Holds for every span.
    True,
    /// Holds for none.
    False,
    /// A field holds a value.
    Leaf(Leaf),
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
}

/// A condition on one field. Of arrays any element counts, so also for `!=` and `!~`. On attributes types
/// are strict: an integer literal matches integers only, and literals other than text, numbers and booleans
/// match nothing. An unscoped attribute may be met by the span or by the resource, a field of events or
/// links by any of them. Ids are compared as ids, not as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Which field.
    pub field: Field,
    /// What is asked of it.
    pub test: Test,
}

/// What a [`Leaf`] asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `field op literal`; patterns are anchored, see [`crate::compile_regex`].
    Compare(BinaryOp, Static),
    /// It has a value.
    Exists,
}

/// A condition on a trace.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceCondition {
    /// Holds for every trace.
    True,
    /// Some span satisfies the condition.
    Span(Condition),
    /// All hold, possibly by different spans.
    And(Vec<TraceCondition>),
    /// One holds.
    Or(Vec<TraceCondition>),
}

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What every trace found satisfies.
    pub condition: TraceCondition,
    /// True if `condition` is one span condition, and the spans found are exactly those that satisfy it.
    pub exact: bool,
}

/// Plans a checked query.
pub fn plan(query: &Query) -> Plan {
    let mut exact = true;
    let condition = pipeline(&query.pipeline, &mut exact);
    exact &= matches!(condition, TraceCondition::Span(_));
    Plan { condition, exact }
}

/// The condition of one filter's expression, and whether it is exact.
pub fn condition(expr: &Expr) -> (Condition, bool) {
    let mut exact = true;
    let condition = of_expr(expr, &mut exact);
    (condition, exact && !joins_items(expr))
}

fn pipeline(pipeline: &Pipeline, exact: &mut bool) -> TraceCondition {
    let mut parts = Vec::new();
    for stage in &pipeline.stages {
        match stage {
            Stage::Spanset(expr) => parts.push(spanset(expr, exact)),
            Stage::Scalar(_) | Stage::Group(..) => *exact = false,
            Stage::Coalesce(_) | Stage::Select(..) => {}
        }
    }
    all_traces(parts)
}

fn spanset(expr: &SpansetExpr, exact: &mut bool) -> TraceCondition {
    match expr {
        SpansetExpr::Filter(filter) => {
            let (condition, is_exact) = condition(&filter.expr);
            *exact &= is_exact;
            TraceCondition::Span(condition)
        }
        SpansetExpr::Pipeline(inner, _) => pipeline(inner, exact),
        SpansetExpr::Op(op) => {
            *exact = false;
            let left = spanset(&op.left, exact);
            let right = spanset(&op.right, exact);
            match op.op {
                SpansetOperator::And | SpansetOperator::Structural(_, Form::Plain | Form::Union) => {
                    all_traces(vec![left, right])
                }
                SpansetOperator::Structural(_, Form::Negated) => right,
                SpansetOperator::Or => match (left, right) {
                    (TraceCondition::True, _) | (_, TraceCondition::True) => TraceCondition::True,
                    (left, right) => TraceCondition::Or(vec![left, right]),
                },
            }
        }
    }
}

fn all_traces(mut parts: Vec<TraceCondition>) -> TraceCondition {
    parts.retain(|part| *part != TraceCondition::True);
    match parts.len() {
        0 => TraceCondition::True,
        1 => parts.remove(0),
        _ => TraceCondition::And(parts),
    }
}

fn of_expr(expr: &Expr, exact: &mut bool) -> Condition {
    match &expr.kind {
        ExprKind::Literal(Static::Bool(b)) => constant(*b),
        ExprKind::Logic(op, terms) => {
            let terms = terms.iter().map(|t| of_expr(t, exact)).collect();
            if *op == LogicOp::And { all(terms) } else { any(terms) }
        }
        ExprKind::Binary(op, l, r) if op.is_comparison() => comparison(*op, l, r, exact),
        ExprKind::NotNil(operand) => {
            *exact = false;
            match &operand.kind {
                ExprKind::Field(field) if absent_is_empty(field) => Condition::True,
                ExprKind::Field(field) => Condition::Leaf(Leaf { field: field.clone(), test: Test::Exists }),
                _ => Condition::True,
            }
        }
        ExprKind::Field(field @ Field::Attribute(_)) => {
            *exact = false;
            let test = Test::Compare(BinaryOp::Eq, Static::Bool(true));
            Condition::Leaf(Leaf { field: field.clone(), test })
        }
        _ => {
            *exact = false;
            Condition::True
        }
    }
}

fn comparison(op: BinaryOp, left: &Expr, right: &Expr, exact: &mut bool) -> Condition {
    let (field, op, literal) = match (&left.kind, &right.kind, fold(left), fold(right)) {
        (ExprKind::Field(field), _, None, Some(literal)) => (field, op, literal),
        (_, ExprKind::Field(field), Some(literal), None) => (field, op.mirrored(), literal),
        _ => {
            *exact = false;
            return Condition::True;
        }
    };
    let Some(literal) = literal else { return Condition::False };
    let test = LeafTest::new(field, op, &literal);
    if test.never() {
        return Condition::False;
    }
    if absent_is_empty(field) && test.accepts_text("") {
        *exact = false;
        return Condition::True;
    }
    // An unscoped name is met by the resource only where the span has no value of its own.
    *exact &= !matches!(field, Field::Attribute(a) if a.scope == Scope::None);
    Condition::Leaf(Leaf { field: field.clone(), test: Test::Compare(op, literal) })
}

/// A resource without a service name counts as one with an empty name.
fn absent_is_empty(field: &Field) -> bool {
    field.is_attribute(Scope::Resource, "service.name") || field.is_attribute(Scope::None, "service.name")
}

/// True if several conditions on events, or on links, must be met together.
fn joins_items(expr: &Expr) -> bool {
    let ExprKind::Logic(_, terms) = &expr.kind else { return false };
    let (mut events, mut links) = (0, 0);
    for term in terms {
        let (e, l) = reads_items(term);
        events += usize::from(e);
        links += usize::from(l);
    }
    events > 1 || links > 1 || terms.iter().any(joins_items)
}

fn constant(holds: bool) -> Condition {
    if holds { Condition::True } else { Condition::False }
}

/// All of `terms`, simplified.
pub fn all(terms: Vec<Condition>) -> Condition {
    if terms.contains(&Condition::False) {
        return Condition::False;
    }
    let mut out = Vec::new();
    for term in terms {
        match term {
            Condition::True => {}
            Condition::And(inner) => out.extend(inner),
            term => out.push(term),
        }
    }
    match out.len() {
        0 => Condition::True,
        1 => out.remove(0),
        _ => Condition::And(out),
    }
}

/// One of `terms`, simplified.
pub fn any(terms: Vec<Condition>) -> Condition {
    if terms.contains(&Condition::True) {
        return Condition::True;
    }
    let mut out = Vec::new();
    for term in terms {
        match term {
            Condition::False => {}
            Condition::Or(inner) => out.extend(inner),
            term => out.push(term),
        }
    }
    match out.len() {
        0 => Condition::False,
        1 => out.remove(0),
        _ => Condition::Or(out),
    }
}

/// True for fields that one span, with its resource and scope, answers alone.
pub fn is_span_local(field: &Field) -> bool {
    use Intrinsic::{
        ChildCount, NestedSetLeft, NestedSetParent, NestedSetRight, Parent, RootName, RootServiceName,
        TraceDuration,
    };
    match field {
        Field::Attribute(a) => !a.parent,
        Field::Intrinsic(i) => !matches!(
            i,
            TraceDuration
                | RootName
                | RootServiceName
                | NestedSetLeft
                | NestedSetRight
                | NestedSetParent
                | ChildCount
                | Parent
        ),
    }
}
