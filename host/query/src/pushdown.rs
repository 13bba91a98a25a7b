//! A query's conditions in the words of the block reader: always a superset, never a miss.

use cadenza_block::read::{AttrScope, Cmp, Field, Filter, Intrinsic, StrTest, Test};
use cadenza_traceql::LeafTest;
use cadenza_traceql::ast::{self, BinaryOp, Scope, Static};
use cadenza_traceql::plan::{Condition, Leaf, Test as PlanTest, TraceCondition, is_span_local};
use std::sync::Arc;

/// What a trace's rows must fulfil in some span: any of the conditions of a query over whole traces.
pub(crate) fn any_span(condition: &TraceCondition) -> Condition {
    match condition {
        TraceCondition::True => Condition::True,
        TraceCondition::Span(condition) => condition.clone(),
        // Parts of a split trace may each fulfil a part: a row is a candidate for any of them.
        TraceCondition::And(parts) | TraceCondition::Or(parts) => {
            cadenza_traceql::plan::any(parts.iter().map(any_span).collect())
        }
    }
}

/// The block reader's filter. Conditions on the whole trace prune nothing: a row may be a part of it.
pub(crate) fn filter(condition: &Condition) -> Filter {
    match condition {
        Condition::True => Filter::All,
        Condition::False => Filter::Or(Vec::new()),
        Condition::And(terms) => Filter::And(terms.iter().map(filter).collect()),
        Condition::Or(terms) => Filter::Or(terms.iter().map(filter).collect()),
        Condition::Leaf(leaf) => of_leaf(leaf),
    }
}

/// [`filter`] where it holds for exactly the spans that fulfil the condition, as far as the fields go.
pub(crate) fn exact_filter(condition: &Condition) -> Option<Filter> {
    let asks = |leaf: &Leaf| is_span_local(&leaf.field) && test(leaf).is_some();
    let all = |terms: &[Condition]| terms.iter().all(|term| exact_filter(term).is_some());
    let is_exact = match condition {
        Condition::True | Condition::False => true,
        Condition::And(terms) | Condition::Or(terms) => all(terms),
        Condition::Leaf(leaf) => asks(leaf) && !fields(&leaf.field).is_empty(),
    };
    is_exact.then(|| filter(condition))
}

fn of_leaf(leaf: &Leaf) -> Filter {
    if !is_span_local(&leaf.field) {
        return Filter::All;
    }
    let Some(test) = test(leaf) else { return Filter::All };
    match fields(&leaf.field).as_slice() {
        [] => Filter::All,
        [field] => Filter::Is(field.clone(), test),
        both => Filter::Or(both.iter().map(|field| Filter::Is(field.clone(), test.clone())).collect()),
    }
}

/// The reader's fields for one of TraceQL's: two for an unscoped attribute, none where it has none.
pub(crate) fn fields(field: &ast::Field) -> Vec<Field> {
    let attribute = |scope, name: &str| Field::attr(scope, name);
    match field {
        ast::Field::Attribute(a) => match a.scope {
            Scope::None => vec![attribute(AttrScope::Span, &a.name), attribute(AttrScope::Resource, &a.name)],
            Scope::Span => vec![attribute(AttrScope::Span, &a.name)],
            Scope::Resource => vec![attribute(AttrScope::Resource, &a.name)],
            Scope::Event => vec![attribute(AttrScope::Event, &a.name)],
            Scope::Link => vec![attribute(AttrScope::Link, &a.name)],
            Scope::Instrumentation => vec![attribute(AttrScope::Instrumentation, &a.name)],
        },
        ast::Field::Intrinsic(i) => intrinsic(*i).map(Field::Intrinsic).into_iter().collect(),
    }
}

fn intrinsic(intrinsic: ast::Intrinsic) -> Option<Intrinsic> {
    use ast::Intrinsic as I;
    Some(match intrinsic {
        I::Duration => Intrinsic::Duration,
        I::Name => Intrinsic::Name,
        I::Status => Intrinsic::Status,
        I::StatusMessage => Intrinsic::StatusMessage,
        I::Kind => Intrinsic::Kind,
        I::SpanId => Intrinsic::SpanId,
        I::ParentId => Intrinsic::ParentSpanId,
        I::TraceDuration => Intrinsic::TraceDuration,
        I::RootName => Intrinsic::RootName,
        I::RootServiceName => Intrinsic::RootServiceName,
        I::TraceId => Intrinsic::TraceId,
        I::NestedSetLeft => Intrinsic::NestedSetLeft,
        I::NestedSetRight => Intrinsic::NestedSetRight,
        I::NestedSetParent => Intrinsic::NestedSetParent,
        I::EventName => Intrinsic::EventName,
        I::EventTimeSinceStart => Intrinsic::EventTimeSinceStart,
        I::LinkTraceId => Intrinsic::LinkTraceId,
        I::LinkSpanId => Intrinsic::LinkSpanId,
        I::InstrumentationName => Intrinsic::InstrumentationName,
        I::InstrumentationVersion => Intrinsic::InstrumentationVersion,
        I::ChildCount | I::Parent => return None,
    })
}

/// `None` where the reader cannot ask it: the row is then a candidate.
fn test(leaf: &Leaf) -> Option<Test> {
    let PlanTest::Compare(op, literal) = &leaf.test else { return Some(Test::Exists) };
    let is_attribute = matches!(leaf.field, ast::Field::Attribute(_));
    let is_id = matches!(
        leaf.field,
        ast::Field::Intrinsic(
            ast::Intrinsic::SpanId
                | ast::Intrinsic::ParentId
                | ast::Intrinsic::TraceId
                | ast::Intrinsic::LinkTraceId
                | ast::Intrinsic::LinkSpanId
        )
    );
    match literal {
        // Ids are compared as ids there, as text here.
        Static::Str(_) if is_id => None,
        Static::Str(text) if *op == BinaryOp::Eq => Some(Test::Str(StrTest::Eq(text.to_string()))),
        Static::Str(_) => {
            let test = LeafTest::new(&leaf.field, *op, literal);
            Some(Test::Str(StrTest::Fn(Arc::new(move |text| test.accepts_text(text)))))
        }
        Static::Int(number) => Some(Test::Int(comparison(*op)?, *number)),
        Static::Duration(ns) if !is_attribute => Some(Test::Int(comparison(*op)?, *ns)),
        Static::Status(status) if !is_attribute => Some(Test::Int(comparison(*op)?, i64::from(status.0))),
        Static::Kind(kind) if !is_attribute => Some(Test::Int(comparison(*op)?, i64::from(kind.0))),
        Static::Float(number) if is_attribute => Some(Test::Double(comparison(*op)?, *number)),
        Static::Bool(flag) => match op {
            BinaryOp::Eq => Some(Test::Bool(*flag)),
            BinaryOp::Ne => Some(Test::Bool(!*flag)),
            _ => None,
        },
        Static::Float(_) | Static::Duration(_) | Static::Status(_) | Static::Kind(_) => None,
    }
}

fn comparison(op: BinaryOp) -> Option<Cmp> {
    Some(match op {
        BinaryOp::Eq => Cmp::Eq,
        BinaryOp::Ne => Cmp::Ne,
        BinaryOp::Lt => Cmp::Lt,
        BinaryOp::Le => Cmp::Le,
        BinaryOp::Gt => Cmp::Gt,
        BinaryOp::Ge => Cmp::Ge,
        _ => return None,
    })
}
