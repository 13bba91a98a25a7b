//! TraceQL by the letter: one struct per span, maps of attributes, recursion over the tree.
//!
//! Nothing here is shared with the evaluator under test but the parsed query.

use crate::plain::{Map, Span, Trace};
use crate::values::{V, arithmetic, compare, number, of_static, strict};
use cadenza_traceql::ast::{
    AggregateOp, BinaryOp, Expr, ExprKind, Field, Form, Intrinsic, LogicOp, Pipeline, Relation, ScalarExpr,
    Scope, SpansetExpr, SpansetOperator, Stage, UnaryOp,
};

/// As `by` tells values apart: what is no number is one group.
fn same(a: &V, b: &V) -> bool {
    a == b || matches!((a, b), (V::Float(x), V::Float(y)) if x.is_nan() && y.is_nan())
}

/// Spans of a trace, and what `by` and aggregates say of them.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) spans: Vec<usize>,
    pub(crate) attrs: Vec<(String, V)>,
}

/// The query has no answer for this trace.
#[derive(Debug)]
pub(crate) struct Failed;

pub(crate) fn run(trace: &Trace, pipeline: &Pipeline) -> Result<Vec<Set>, Failed> {
    stages(trace, pipeline, vec![Set { spans: (0..trace.spans.len()).collect(), attrs: Vec::new() }])
}

fn stages(trace: &Trace, pipeline: &Pipeline, mut sets: Vec<Set>) -> Result<Vec<Set>, Failed> {
    for stage in &pipeline.stages {
        let mut next = Vec::new();
        match stage {
            Stage::Spanset(expr) => {
                for set in sets {
                    next.extend(spanset(trace, expr, &set)?);
                }
            }
            Stage::Scalar(filter) => {
                let (ScalarExpr::Aggregate(aggregate), ScalarExpr::Literal(literal, _)) =
                    (&filter.left, &filter.right)
                else {
                    panic!("a scalar filter that should have been refused: {filter}")
                };
                for mut set in sets {
                    let result = self::aggregate(trace, aggregate.op, aggregate.expr.as_deref(), &set.spans);
                    if compare(filter.op, &result, &of_static(literal)) {
                        set.attrs.push((aggregate.to_string(), result));
                        next.push(set);
                    }
                }
            }
            Stage::Group(expr, _) => {
                for set in sets {
                    let mut groups: Vec<(V, Vec<usize>)> = Vec::new();
                    for &at in &set.spans {
                        let key = eval(expr, &At { trace, at, event: None, link: None });
                        match groups.iter_mut().find(|(have, _)| same(have, &key)) {
                            Some((_, spans)) => spans.push(at),
                            None => groups.push((key, vec![at])),
                        }
                    }
                    for (key, spans) in groups {
                        let mut attrs = set.attrs.clone();
                        attrs.push((format!("by({expr})"), key));
                        next.push(Set { spans, attrs });
                    }
                }
            }
            Stage::Coalesce(_) => {
                let mut spans: Vec<usize> = sets.iter().flat_map(|set| set.spans.clone()).collect();
                spans.sort_unstable();
                spans.dedup();
                if !spans.is_empty() {
                    next.push(Set { spans, attrs: Vec::new() });
                }
            }
            Stage::Select(..) => next = sets,
        }
        sets = next;
        if sets.is_empty() {
            break;
        }
    }
    Ok(sets)
}

fn spanset(trace: &Trace, expr: &SpansetExpr, input: &Set) -> Result<Vec<Set>, Failed> {
    match expr {
        SpansetExpr::Filter(filter) => {
            let hit = |at: &usize| matches(&filter.expr, trace, *at);
            let spans: Vec<usize> = input.spans.iter().copied().filter(hit).collect();
            let attrs = input.attrs.clone();
            Ok(if spans.is_empty() { Vec::new() } else { vec![Set { spans, attrs }] })
        }
        SpansetExpr::Pipeline(inner, _) => stages(trace, inner, vec![input.clone()]),
        SpansetExpr::Op(op) => {
            let (left, right) = (spanset(trace, &op.left, input)?, spanset(trace, &op.right, input)?);
            let all = |sets: &[Set]| sets.iter().flat_map(|s| s.spans.clone()).collect::<Vec<usize>>();
            let (l, r) = (all(&left), all(&right));
            let mut spans = match op.op {
                SpansetOperator::And if l.is_empty() || r.is_empty() => Vec::new(),
                SpansetOperator::And | SpansetOperator::Or => [l, r].concat(),
                SpansetOperator::Structural(relation, form) => {
                    if left.len() > 1 || right.len() > 1 {
                        return Err(Failed);
                    }
                    structural(trace, relation, form, &l, &r)
                }
            };
            spans.sort_unstable();
            spans.dedup();
            let mut attrs: Vec<(String, V)> = Vec::new();
            for (key, value) in left.iter().chain(&right).flat_map(|set| set.attrs.clone()) {
                if !attrs.iter().any(|(have, _)| *have == key) {
                    attrs.push((key, value));
                }
            }
            Ok(if spans.is_empty() { Vec::new() } else { vec![Set { spans, attrs }] })
        }
    }
}

fn structural(trace: &Trace, relation: Relation, form: Form, left: &[usize], right: &[usize]) -> Vec<usize> {
    let has = |r: usize| left.iter().any(|&l| trace.related(relation, l, r));
    let kept = right.iter().copied();
    match form {
        Form::Plain => kept.filter(|&r| has(r)).collect(),
        Form::Negated => kept.filter(|&r| !has(r)).collect(),
        Form::Union => {
            let mut both: Vec<usize> = kept.filter(|&r| has(r)).collect();
            let takes_part = |l: &usize| right.iter().any(|&r| trace.related(relation, *l, r));
            both.extend(left.iter().copied().filter(takes_part));
            both
        }
    }
}

fn aggregate(trace: &Trace, op: AggregateOp, expr: Option<&Expr>, spans: &[usize]) -> V {
    let Some(expr) = expr else { return V::Int(spans.len() as i64) };
    let (events, _) = reads(expr);
    let mut values: Vec<V> = Vec::new();
    for &at in spans {
        let plain = At { trace, at, event: None, link: None };
        if events {
            for event in 0..trace.spans[at].events.len() {
                values.push(eval(expr, &At { event: Some(event), ..plain }));
            }
        } else {
            values.push(eval(expr, &plain));
        }
    }
    values.retain(|v| number(v).is_some_and(|n| !n.is_nan()));
    let Some(first) = values.first().cloned() else { return V::Nil };
    match op {
        AggregateOp::Count => V::Int(values.len() as i64),
        AggregateOp::Max => {
            values.iter().fold(first, |m, v| if compare(BinaryOp::Gt, v, &m) { v.clone() } else { m })
        }
        AggregateOp::Min => {
            values.iter().fold(first, |m, v| if compare(BinaryOp::Lt, v, &m) { v.clone() } else { m })
        }
        AggregateOp::Sum | AggregateOp::Avg => {
            values.retain(|v| std::mem::discriminant(v) == std::mem::discriminant(&first));
            let n = values.len() as i128;
            let whole: i128 = values
                .iter()
                .map(|v| match v {
                    V::Int(i) | V::Dur(i) => i128::from(*i),
                    _ => 0,
                })
                .sum();
            let mut floats: Vec<f64> = values.iter().filter_map(number).collect();
            floats.sort_by(f64::total_cmp);
            let float: f64 = floats.iter().sum();
            match (op, first) {
                (AggregateOp::Sum, V::Int(_)) => V::Int(clamp(whole)),
                (AggregateOp::Sum, V::Dur(_)) => V::Dur(clamp(whole)),
                (AggregateOp::Sum, _) => V::Float(float),
                (_, V::Int(_)) => V::Float(whole as f64 / n as f64),
                (_, V::Dur(_)) => V::Dur(clamp(whole / n)),
                _ => V::Float(float / n as f64),
            }
        }
    }
}

fn clamp(sum: i128) -> i64 {
    sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Where an expression is evaluated: a span, and for events and links one of them.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) at: usize,
    pub(crate) event: Option<usize>,
    pub(crate) link: Option<usize>,
}

/// Whether an expression reads events, and whether links.
pub(crate) fn reads(expr: &Expr) -> (bool, bool) {
    let or = |a: (bool, bool), b: (bool, bool)| (a.0 || b.0, a.1 || b.1);
    match &expr.kind {
        ExprKind::Literal(_) => (false, false),
        ExprKind::Field(field) => belongs(field),
        ExprKind::Unary(_, e) | ExprKind::IsNil(e) | ExprKind::NotNil(e) => reads(e),
        ExprKind::Binary(_, l, r) => or(reads(l), reads(r)),
        ExprKind::Logic(_, terms) => terms.iter().map(reads).fold((false, false), or),
    }
}

/// Whether a field is one of events, and whether one of links.
pub(crate) fn belongs(field: &Field) -> (bool, bool) {
    let text = field.to_string();
    (text.starts_with("event"), text.starts_with("link"))
}

/// Whether a filter keeps the span.
pub(crate) fn matches(expr: &Expr, trace: &Trace, at: usize) -> bool {
    let plain = At { trace, at, event: None, link: None };
    let mut terms = Vec::new();
    if !conjunction(expr, &mut terms) {
        return spread(expr, &plain) == Some(true);
    }
    let of = |wanted: (bool, bool)| terms.iter().filter(move |t| reads(t) == wanted);
    let all_at = |wanted: (bool, bool), at: At<'_>| of(wanted).all(|t| truth(t, &at) == Some(true));
    let span = &trace.spans[at];
    all_at((false, false), plain)
        && (of((true, false)).next().is_none()
            || (0..span.events.len()).any(|e| all_at((true, false), At { event: Some(e), ..plain })))
        && (of((false, true)).next().is_none()
            || (0..span.links.len()).any(|l| all_at((false, true), At { link: Some(l), ..plain })))
}

fn conjunction<'a>(expr: &'a Expr, terms: &mut Vec<&'a Expr>) -> bool {
    match &expr.kind {
        ExprKind::Logic(LogicOp::And, list) => list.iter().all(|e| conjunction(e, terms)),
        ExprKind::Logic(..) | ExprKind::Unary(UnaryOp::Not, _) => false,
        _ => {
            terms.push(expr);
            true
        }
    }
}

/// With `||` or `!` each condition looks for its own event or link.
fn spread(expr: &Expr, at: &At<'_>) -> Option<bool> {
    let span = &at.trace.spans[at.at];
    match &expr.kind {
        ExprKind::Logic(LogicOp::And, terms) => Some(terms.iter().all(|t| spread(t, at) == Some(true))),
        ExprKind::Logic(LogicOp::Or, terms) => Some(terms.iter().any(|t| spread(t, at) == Some(true))),
        ExprKind::Unary(UnaryOp::Not, inner) => spread(inner, at).map(|b| !b),
        _ => match reads(expr) {
            (true, _) => {
                Some((0..span.events.len()).any(|e| truth(expr, &At { event: Some(e), ..*at }) == Some(true)))
            }
            (_, true) => {
                Some((0..span.links.len()).any(|l| truth(expr, &At { link: Some(l), ..*at }) == Some(true)))
            }
            _ => truth(expr, at),
        },
    }
}

/// None where there is no boolean.
fn truth(expr: &Expr, at: &At<'_>) -> Option<bool> {
    Some(match &expr.kind {
        ExprKind::Logic(LogicOp::And, terms) => terms.iter().all(|t| truth(t, at) == Some(true)),
        ExprKind::Logic(LogicOp::Or, terms) => terms.iter().any(|t| truth(t, at) == Some(true)),
        ExprKind::Unary(UnaryOp::Not, inner) => return truth(inner, at).map(|b| !b),
        ExprKind::IsNil(inner) => is_nil(inner, at),
        ExprKind::NotNil(inner) => !is_nil(inner, at),
        ExprKind::Binary(op, l, r) if op.is_comparison() => {
            let (left, right) = (eval(l, at), eval(r, at));
            if is_attribute(l) && is_constant(r) {
                strict(*op, &left, &right)
            } else if is_constant(l) && is_attribute(r) {
                strict(op.mirrored(), &right, &left)
            } else {
                compare(*op, &left, &right)
            }
        }
        _ => match eval(expr, at) {
            V::Bool(b) => b,
            _ => return None,
        },
    })
}

/// A service without a name is one with an empty name, unless its absence is asked for without a scope.
fn is_nil(expr: &Expr, at: &At<'_>) -> bool {
    let span = &at.trace.spans[at.at];
    match &expr.kind {
        ExprKind::Field(Field::Attribute(a)) if a.scope == Scope::None => {
            of_map(&span.attrs, &a.name) == V::Nil && of_map(&span.resource, &a.name) == V::Nil
        }
        _ => eval(expr, at) == V::Nil,
    }
}

fn is_attribute(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Field(Field::Attribute(_)))
}

/// Literals and arithmetic of them.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Unary(UnaryOp::Neg, e) => is_constant(e),
        ExprKind::Binary(op, l, r) => !op.is_comparison() && is_constant(l) && is_constant(r),
        _ => false,
    }
}

/// The value of an expression.
pub(crate) fn eval(expr: &Expr, at: &At<'_>) -> V {
    match &expr.kind {
        ExprKind::Literal(literal) => of_static(literal),
        ExprKind::Field(field) => read(field, at),
        ExprKind::Unary(UnaryOp::Neg, inner) => match eval(inner, at) {
            V::Int(i) => V::Int(i.wrapping_neg()),
            V::Dur(i) => V::Dur(i.wrapping_neg()),
            V::Float(x) => V::Float(-x),
            _ => V::Nil,
        },
        ExprKind::Binary(op, l, r) if !op.is_comparison() => arithmetic(*op, &eval(l, at), &eval(r, at)),
        _ => truth(expr, at).map_or(V::Nil, V::Bool),
    }
}

/// What a resource or another owner has under a name.
pub(crate) fn of_map(map: &Map, name: &str) -> V {
    map.get(name).cloned().unwrap_or(V::Nil)
}

pub(crate) fn of_resource(span: &Span, name: &str) -> V {
    match of_map(&span.resource, name) {
        V::Nil if name == "service.name" => V::Str(String::new()),
        value => value,
    }
}

/// The value of a field.
pub(crate) fn read(field: &Field, at: &At<'_>) -> V {
    let span = &at.trace.spans[at.at];
    let intrinsic = match field {
        Field::Attribute(a) => {
            return match a.scope {
                Scope::Span => of_map(&span.attrs, &a.name),
                Scope::Resource => of_resource(span, &a.name),
                Scope::None => match of_map(&span.attrs, &a.name) {
                    V::Nil => of_resource(span, &a.name),
                    value => value,
                },
                Scope::Instrumentation => of_map(&span.scope, &a.name),
                Scope::Event => at.event.map_or(V::Nil, |e| of_map(&span.events[e].attrs, &a.name)),
                Scope::Link => at.link.map_or(V::Nil, |l| of_map(&span.links[l].attrs, &a.name)),
            };
        }
        Field::Intrinsic(intrinsic) => intrinsic,
    };
    let root = at.trace.root.map(|root| &at.trace.spans[root]);
    match intrinsic {
        Intrinsic::Duration => V::Dur(span.duration() as i64),
        Intrinsic::Name => V::Str(span.name.clone()),
        Intrinsic::Status => V::Status(span.status),
        Intrinsic::StatusMessage => V::Str(span.message.clone()),
        Intrinsic::Kind => V::Kind(span.kind),
        Intrinsic::SpanId => V::Span(span.id),
        Intrinsic::ParentId if span.parent == 0 => V::Nil,
        Intrinsic::ParentId => V::Span(span.parent),
        Intrinsic::ChildCount => V::Int(span.numbers[3]),
        Intrinsic::TraceDuration => V::Dur(at.trace.end.saturating_sub(at.trace.start) as i64),
        Intrinsic::RootName => V::Str(root.map(|s| s.name.clone()).unwrap_or_default()),
        Intrinsic::RootServiceName => V::Str(root.map(Span::service).unwrap_or_default()),
        Intrinsic::TraceId => V::Trace(at.trace.id),
        Intrinsic::NestedSetLeft => V::Int(span.numbers[0]),
        Intrinsic::NestedSetRight => V::Int(span.numbers[1]),
        Intrinsic::NestedSetParent => V::Int(span.numbers[2]),
        Intrinsic::EventName => at.event.map_or(V::Nil, |e| V::Str(span.events[e].name.clone())),
        Intrinsic::EventTimeSinceStart => at.event.map_or(V::Nil, |e| V::Dur(span.events[e].since)),
        Intrinsic::LinkTraceId => at.link.map_or(V::Nil, |l| V::Trace(span.links[l].trace)),
        Intrinsic::LinkSpanId => at.link.map_or(V::Nil, |l| V::Span(span.links[l].span)),
        Intrinsic::InstrumentationName => V::Str(span.scope_name.clone()),
        Intrinsic::InstrumentationVersion => V::Str(span.scope_version.clone()),
        Intrinsic::Parent => panic!("refused when parsed"),
    }
}
