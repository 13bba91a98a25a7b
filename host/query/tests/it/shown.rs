//! What a search result should show of a trace.

use crate::naive::{At, Set, belongs, eval, is_constant, of_map, of_resource, read};
use crate::plain::Trace;
use crate::values::{V, compare, of_static, strict};
use cadenza_model::{SpanId, TraceId};
use cadenza_query::{FoundTrace, ResultSpan, ResultSpanSet, ResultValue, ServiceStats};
use cadenza_traceql::ast::{
    BinaryOp, Expr, ExprKind, Field, Intrinsic, Kind, Pipeline, Query, ScalarExpr, Scope, SpansetExpr, Stage,
    Static, Status, UnaryOp, go_duration,
};
use std::collections::BTreeMap;

/// Why a field is shown.
#[derive(Default)]
struct Why {
    always: bool,
    nil: bool,
    conditions: Vec<(BinaryOp, V)>,
}

/// Every field that a query speaks of.
#[derive(Default)]
pub(crate) struct Spoken(Vec<(Field, Why)>);

impl Spoken {
    pub(crate) fn of(query: &Query) -> Self {
        let mut spoken = Self::default();
        spoken.pipeline(&query.pipeline);
        spoken
    }

    fn why(&mut self, field: &Field) -> &mut Why {
        let at = self.0.iter().position(|(have, _)| have == field).unwrap_or_else(|| {
            self.0.push((field.clone(), Why::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spanset(expr) => self.spanset(expr),
                Stage::Scalar(filter) => {
                    if let ScalarExpr::Aggregate(aggregate) = &filter.left {
                        aggregate.expr.iter().for_each(|expr| self.everything(expr));
                    }
                }
                Stage::Group(expr, _) => self.everything(expr),
                Stage::Coalesce(_) => {}
                Stage::Select(fields, _) => fields.iter().for_each(|f| self.why(&f.field).always = true),
            }
        }
    }

    fn spanset(&mut self, expr: &SpansetExpr) {
        match expr {
            SpansetExpr::Filter(filter) => self.filter(&filter.expr, false),
            SpansetExpr::Pipeline(inner, _) => self.pipeline(inner),
            SpansetExpr::Op(op) => {
                self.spanset(&op.left);
                self.spanset(&op.right);
            }
        }
    }

    fn filter(&mut self, expr: &Expr, negated: bool) {
        match &expr.kind {
            ExprKind::Logic(_, terms) => terms.iter().for_each(|t| self.filter(t, negated)),
            ExprKind::Unary(UnaryOp::Not, inner) => self.filter(inner, true),
            ExprKind::IsNil(inner) if matches!(inner.kind, ExprKind::Field(_)) => {
                let ExprKind::Field(field) = &inner.kind else { return };
                let why = self.why(field);
                why.nil = true;
                why.always |= negated;
            }
            ExprKind::Binary(op, l, r) if op.is_comparison() => match (&l.kind, &r.kind) {
                (ExprKind::Field(field), _) if is_constant(r) => self.condition(field, *op, r, negated),
                (_, ExprKind::Field(field)) if is_constant(l) => {
                    self.condition(field, op.mirrored(), l, negated);
                }
                _ => self.everything(expr),
            },
            _ => self.everything(expr),
        }
    }

    fn condition(&mut self, field: &Field, op: BinaryOp, literal: &Expr, negated: bool) {
        let literal = match &literal.kind {
            ExprKind::Literal(literal) => of_static(literal),
            // Arithmetic of literals needs no span; one without a value asks for nothing.
            _ => constant(literal),
        };
        if literal == V::Nil {
            return;
        }
        let why = self.why(field);
        why.always |= negated;
        why.conditions.push((op, literal));
    }

    fn everything(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Field(field) => self.why(field).always = true,
            ExprKind::Unary(_, e) | ExprKind::IsNil(e) | ExprKind::NotNil(e) => self.everything(e),
            ExprKind::Binary(_, l, r) => {
                self.everything(l);
                self.everything(r);
            }
            ExprKind::Logic(_, terms) => terms.iter().for_each(|t| self.everything(t)),
        }
    }

    fn name_is_shown(&self, at: &At<'_>) -> bool {
        let name = Field::Intrinsic(Intrinsic::Name);
        self.0.iter().any(|(field, why)| *field == name && !part(field, why, read(field, at)).is_empty())
    }

    /// Attributes of a span: the bag of them, sorted as text.
    fn attributes(&self, at: &At<'_>) -> Vec<(String, ResultValue)> {
        let span = &at.trace.spans[at.at];
        let mut out = Vec::new();
        for (field, why) in &self.0 {
            use Intrinsic::{Duration, Name, RootName, RootServiceName, SpanId, TraceDuration, TraceId};
            if matches!(
                field,
                Field::Intrinsic(
                    Name | Duration | TraceDuration | RootName | RootServiceName | TraceId | SpanId
                )
            ) {
                continue;
            }
            let key = field.result_key().to_owned();
            let mut shown = Vec::new();
            let mut missing = false;
            match (field, belongs(field)) {
                (Field::Attribute(a), _) if a.scope == Scope::None => {
                    let (own, above) = (of_map(&span.attrs, &a.name), of_map(&span.resource, &a.name));
                    missing = own == V::Nil && above == V::Nil;
                    for value in [own, above] {
                        let shown = wire(part(field, why, value)).map(|v| (key.clone(), v));
                        missing &= shown.is_none();
                        out.extend(shown);
                    }
                }
                (_, (true, _)) => {
                    for event in 0..span.events.len() {
                        let value = read(field, &At { event: Some(event), ..*at });
                        missing |= value == V::Nil;
                        shown.extend(part(field, why, value));
                    }
                }
                (_, (_, true)) => {
                    for link in 0..span.full.span.links.len() {
                        let value = read(field, &At { link: Some(link), ..*at });
                        missing |= value == V::Nil;
                        shown.extend(part(field, why, value));
                    }
                }
                (Field::Attribute(a), _) if a.scope == Scope::Resource => {
                    shown = part(field, why, of_resource(span, &a.name));
                    missing = of_resource(span, &a.name) == V::Nil;
                }
                _ => {
                    let value = read(field, at);
                    missing = value == V::Nil;
                    shown = part(field, why, value);
                }
            }
            let mut distinct: Vec<V> = Vec::new();
            for value in shown {
                if belongs(field) == (false, false) || !distinct.contains(&value) {
                    distinct.push(value);
                }
            }
            if distinct.is_empty() && missing && why.nil {
                out.push((key, ResultValue::Str("nil".to_owned())));
            } else {
                out.extend(wire(distinct).map(|v| (key, v)));
            }
        }
        out.sort_by_key(|pair| format!("{pair:?}"));
        out
    }
}

fn constant(expr: &Expr) -> V {
    let empty = Trace { id: 0, spans: Vec::new(), start: 0, end: 0, root: None };
    eval(expr, &At { trace: &empty, at: 0, event: None, link: None })
}

/// The elements of a value that are shown; a plain value is one element.
fn part(field: &Field, why: &Why, value: V) -> Vec<V> {
    let compare = if matches!(field, Field::Attribute(_)) { strict } else { compare };
    let elements = match value {
        V::Nil => Vec::new(),
        V::Array(list) => list,
        one => vec![one],
    };
    let wanted = |v: &V| why.always || why.conditions.iter().any(|(op, literal)| compare(*op, v, literal));
    elements.into_iter().filter(wanted).collect()
}

/// On the wire: nothing, a value, or an array.
fn wire(mut list: Vec<V>) -> Option<ResultValue> {
    match list.len() {
        0 => None,
        1 => list.pop().map(result_value),
        _ => Some(ResultValue::Array(list.into_iter().map(result_value).collect())),
    }
}

pub(crate) fn result_value(value: V) -> ResultValue {
    ResultValue::Str(match value {
        V::Int(i) => return ResultValue::Int(i),
        V::Float(x) => return ResultValue::Double(x),
        V::Bool(b) => return ResultValue::Bool(b),
        V::Array(list) => return ResultValue::Array(list.into_iter().map(result_value).collect()),
        V::Nil => "nil".to_owned(),
        V::Dur(ns) => go_duration(ns),
        V::Str(text) => text,
        V::Status(s) => Static::Status(Status(s)).to_string(),
        V::Kind(k) => Static::Kind(Kind(k)).to_string(),
        V::Trace(id) => format!("{id:x}"),
        V::Span(id) => format!("{id:016x}"),
    })
}

/// A result without matches, as every search has it.
pub(crate) fn found(trace: &Trace) -> FoundTrace {
    let root = trace.root.map(|root| &trace.spans[root]);
    FoundTrace {
        id: TraceId(trace.id.to_be_bytes()),
        pad_id: false,
        root_service: root.map(|span| span.service()).filter(|service| !service.is_empty()),
        root_name: root.map(|span| span.name.clone()).unwrap_or_default(),
        start_ns: trace.start,
        duration_ns: trace.end.saturating_sub(trace.start),
        spansets: Vec::new(),
        services: BTreeMap::new(),
    }
}

/// The result of a TraceQL search.
pub(crate) fn found_with(trace: &Trace, spoken: &Spoken, sets: Vec<Set>, spans_max: usize) -> FoundTrace {
    let mut found = found(trace);
    for span in &trace.spans {
        let stats: &mut ServiceStats = found.services.entry(span.service()).or_default();
        stats.spans += 1;
        stats.errors += u32::from(span.status == 2);
    }
    for set in sets {
        let span = |&at: &usize| {
            let span = &trace.spans[at];
            let place = At { trace, at, event: None, link: None };
            ResultSpan {
                id: SpanId(span.id),
                name: if spoken.name_is_shown(&place) { span.name.clone() } else { String::new() },
                start_ns: span.start,
                duration_ns: span.duration(),
                attributes: spoken.attributes(&place),
            }
        };
        found.spansets.push(ResultSpanSet {
            spans: set.spans.iter().take(spans_max).map(span).collect(),
            matched: set.spans.len() as u32,
            attributes: set.attrs.into_iter().map(|(key, value)| (key, result_value(value))).collect(),
        });
    }
    found
}

/// The order of a span's attributes is free.
pub(crate) fn normalised(mut found: FoundTrace) -> FoundTrace {
    for span in found.spansets.iter_mut().flat_map(|set| &mut set.spans) {
        span.attributes.sort_by_key(|pair| format!("{pair:?}"));
    }
    found
}
