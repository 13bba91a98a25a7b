//! Type checks: what Tempo refuses although it parses.

use crate::ast::{
    Aggregate, AggregateOp, BinaryOp, Expr, ExprKind, Field, FieldRef, Intrinsic, Metrics, MetricsFunction,
    OverTime, Pipeline, Pos, Query, ScalarExpr, ScalarFilter, Scope, SecondStage, SpansetExpr, SpansetFilter,
    Stage, Static, UnaryOp,
};
use crate::error::{ErrorKind, ParseError};
use crate::re2::compile_regex;

/// Most labels of a metrics query; functions whose series carry one more label take one fewer.
const GROUP_BY_MAX: usize = 5;

/// Static types. Attributes have whatever type the span gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Str,
    Bool,
    Status,
    Kind,
    Dynamic,
}

type Checked<T = ()> = Result<T, ParseError>;

struct Checker<'a> {
    text: &'a str,
}

/// Checks a parsed query.
pub(crate) fn query(query: &Query, text: &str) -> Checked {
    let checker = Checker { text };
    checker.pipeline(&query.pipeline)?;
    match &query.metrics {
        Some(metrics) => checker.metrics(metrics),
        None => Ok(()),
    }
}

impl Checker<'_> {
    fn error(&self, kind: ErrorKind, message: impl Into<String>, pos: Pos) -> ParseError {
        ParseError::new(kind, message, self.text, pos)
    }

    fn invalid<T>(&self, message: impl Into<String>, pos: Pos) -> Checked<T> {
        Err(self.error(ErrorKind::Invalid, message, pos))
    }

    fn unsupported<T>(&self, what: impl std::fmt::Display, pos: Pos) -> Checked<T> {
        Err(self.error(ErrorKind::Unsupported, format!("{what} not yet supported"), pos))
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Checked {
        pipeline.stages.iter().try_for_each(|stage| self.stage(stage))
    }

    fn stage(&self, stage: &Stage) -> Checked {
        match stage {
            Stage::Spanset(expr) => self.spanset(expr),
            Stage::Scalar(filter) => self.scalar_filter(filter),
            Stage::Group(expr, pos) => {
                self.expr(expr)?;
                if references_span(expr) {
                    return Ok(());
                }
                self.invalid(format!("grouping field expressions must reference the span: by({expr})"), *pos)
            }
            Stage::Coalesce(_) => Ok(()),
            Stage::Select(fields, _) => fields.iter().try_for_each(|f| self.field(&f.field, f.pos)),
        }
    }

    fn spanset(&self, expr: &SpansetExpr) -> Checked {
        match expr {
            SpansetExpr::Filter(filter) => self.filter(filter),
            SpansetExpr::Op(op) => {
                self.spanset(&op.left)?;
                self.spanset(&op.right)
            }
            SpansetExpr::Pipeline(pipeline, _) => self.pipeline(pipeline),
        }
    }

    fn filter(&self, filter: &SpansetFilter) -> Checked {
        self.boolean(&filter.expr)
    }

    fn boolean(&self, expr: &Expr) -> Checked {
        match self.expr(expr)? {
            Type::Bool | Type::Dynamic => Ok(()),
            _ => self.invalid(
                format!("span filter field expressions must resolve to a boolean: {{ {expr} }}"),
                expr.pos,
            ),
        }
    }

    fn scalar_filter(&self, filter: &ScalarFilter) -> Checked {
        self.scalar(&filter.left)?;
        self.scalar(&filter.right)?;
        let pipelines = matches!(filter.left, ScalarExpr::Pipeline(..))
            || matches!(filter.right, ScalarExpr::Pipeline(..));
        match (&filter.left, &filter.right) {
            (ScalarExpr::Aggregate(_), ScalarExpr::Literal(..)) => Ok(()),
            _ if pipelines => self.unsupported(format!("scalar pipeline comparison ({filter})"), filter.pos),
            _ => self.unsupported(format!("scalar filter expression ({filter})"), filter.pos),
        }
    }

    fn scalar(&self, scalar: &ScalarExpr) -> Checked {
        match scalar {
            ScalarExpr::Aggregate(aggregate) => self.aggregate(aggregate),
            ScalarExpr::Literal(..) => Ok(()),
            ScalarExpr::Binary(_, l, r) => {
                self.scalar(l)?;
                self.scalar(r)
            }
            ScalarExpr::Pipeline(pipeline, aggregate) => {
                self.pipeline(pipeline)?;
                self.aggregate(aggregate)
            }
        }
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Checked {
        let (Some(expr), true) = (&aggregate.expr, aggregate.op != AggregateOp::Count) else { return Ok(()) };
        if !matches!(self.expr(expr)?, Type::Number | Type::Dynamic) {
            let message = format!("aggregate field expressions must resolve to a number type: {aggregate}");
            return self.invalid(message, expr.pos);
        }
        if !references_span(expr) {
            let message = format!("aggregate field expressions must reference the span: {aggregate}");
            return self.invalid(message, expr.pos);
        }
        Ok(())
    }

    fn field(&self, field: &Field, pos: Pos) -> Checked {
        match field {
            Field::Intrinsic(Intrinsic::Parent) => self.unsupported("intrinsic (parent)", pos),
            Field::Attribute(a) if a.parent => self.unsupported(format!("parent attribute ({a})"), pos),
            _ => Ok(()),
        }
    }

    fn expr(&self, expr: &Expr) -> Checked<Type> {
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(literal_type(literal)),
            ExprKind::Field(field) => {
                self.field(field, expr.pos)?;
                Ok(field_type(field))
            }
            ExprKind::Unary(op, operand) => {
                let ty = self.expr(operand)?;
                match (op, ty) {
                    (UnaryOp::Not, Type::Bool | Type::Dynamic) => Ok(Type::Bool),
                    (UnaryOp::Neg, Type::Number | Type::Dynamic) => Ok(ty),
                    _ => self.invalid(format!("illegal operation for the given type: {expr}"), expr.pos),
                }
            }
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expr),
            ExprKind::Logic(_, terms) => {
                for term in terms {
                    if !matches!(self.expr(term)?, Type::Bool | Type::Dynamic) {
                        return self.invalid(self.logic_message(terms, expr), expr.pos);
                    }
                }
                Ok(Type::Bool)
            }
            ExprKind::IsNil(operand) => {
                self.expr(operand)?;
                self.nilable(operand)?;
                Ok(Type::Bool)
            }
            ExprKind::NotNil(operand) => {
                self.expr(operand)?;
                Ok(Type::Bool)
            }
        }
    }

    /// Operands of different types are told from operands of one wrong type.
    fn logic_message(&self, terms: &[Expr], expr: &Expr) -> String {
        let mut types = terms.iter().filter_map(|t| self.expr(t).ok()).filter(|t| *t != Type::Dynamic);
        let first = types.next();
        if types.any(|t| Some(t) != first) {
            format!("binary operations must operate on the same type: {expr}")
        } else {
            format!("illegal operation for the given types: {expr}")
        }
    }

    fn nilable(&self, operand: &Expr) -> Checked {
        match &operand.kind {
            ExprKind::Field(Field::Intrinsic(i)) => self.invalid(
                format!("{i}=nil is not valid because intrinsics cannot be nil", i = i.name()),
                operand.pos,
            ),
            ExprKind::Field(field) if field.is_attribute(Scope::Resource, "service.name") => {
                let message =
                    "resource.service.name=nil is not valid because resource.service.name cannot be nil";
                self.invalid(message, operand.pos)
            }
            _ => Ok(()),
        }
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr, expr: &Expr) -> Checked<Type> {
        let (l, r) = (self.expr(left)?, self.expr(right)?);
        if l != r && l != Type::Dynamic && r != Type::Dynamic {
            return self
                .invalid(format!("binary operations must operate on the same type: {expr}"), expr.pos);
        }
        if !allows(l, op) || !allows(r, op) {
            return self.invalid(format!("illegal operation for the given types: {expr}"), expr.pos);
        }
        if matches!(op, BinaryOp::Re | BinaryOp::NotRe) {
            let ExprKind::Literal(Static::Str(pattern)) = &right.kind else {
                return self.invalid(format!("invalid type for =~ or !~: {expr}"), right.pos);
            };
            if let Err(error) = compile_regex(pattern) {
                return self.invalid(format!("invalid regex: {error}"), right.pos);
            }
        }
        let id = |e: &Expr| matches!(&e.kind, ExprKind::Field(Field::Intrinsic(i)) if i.is_id());
        if (id(left) || id(right)) && op.is_comparison() && !matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            return self.invalid(format!("operator not supported for IDs: {op}"), expr.pos);
        }
        if op.is_comparison() {
            return Ok(Type::Bool);
        }
        Ok(if l == Type::Dynamic { r } else { l })
    }

    fn metrics(&self, metrics: &Metrics) -> Checked {
        let mut group_by_max = GROUP_BY_MAX;
        match &metrics.function {
            MetricsFunction::Rate | MetricsFunction::CountOverTime => {}
            MetricsFunction::OverTime(function, field) => {
                self.field(&field.field, field.pos)?;
                if matches!(function, OverTime::Avg | OverTime::Histogram) {
                    group_by_max -= 1;
                }
            }
            MetricsFunction::Quantile(field, quantiles) => {
                self.field(&field.field, field.pos)?;
                group_by_max -= 1;
                if let Some(q) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                    return self.invalid(format!("quantile must be between 0 and 1, not {q:?}"), metrics.pos);
                }
            }
            MetricsFunction::Compare { filter, top, window_ns } => {
                self.filter(filter)?;
                self.compare(*top, *window_ns, metrics)?;
            }
        }
        metrics.by.iter().try_for_each(|f: &FieldRef| self.field(&f.field, f.pos))?;
        if metrics.by.len() > group_by_max {
            return self.unsupported(format!("metrics group by {} values", metrics.by.len()), metrics.pos);
        }
        for stage in &metrics.second {
            if let SecondStage::TopK(n, pos) | SecondStage::BottomK(n, pos) = stage
                && *n <= 0
            {
                return self.invalid("limit must be greater than 0", *pos);
            }
        }
        Ok(())
    }

    fn compare(&self, top: Option<i64>, window_ns: Option<(i64, i64)>, metrics: &Metrics) -> Checked {
        if !metrics.second.is_empty() {
            return self.invalid("`compare()` cannot be used with second stage functions", metrics.pos);
        }
        if top.is_some_and(|n| n <= 0) {
            return self
                .invalid("compare() top number of values must be integer greater than 0", metrics.pos);
        }
        match window_ns {
            Some((start, end)) if start <= 0 || end <= 0 => {
                self.invalid("compare() timestamps must be positive integer unix nanoseconds", metrics.pos)
            }
            Some((start, end)) if end <= start => {
                self.invalid("compare() end timestamp must be greater than start timestamp", metrics.pos)
            }
            _ => Ok(()),
        }
    }
}

fn literal_type(literal: &Static) -> Type {
    match literal {
        Static::Int(_) | Static::Float(_) | Static::Duration(_) => Type::Number,
        Static::Str(_) => Type::Str,
        Static::Bool(_) => Type::Bool,
        Static::Status(_) => Type::Status,
        Static::Kind(_) => Type::Kind,
    }
}

fn field_type(field: &Field) -> Type {
    use Intrinsic::*;
    let Field::Intrinsic(intrinsic) = field else { return Type::Dynamic };
    match intrinsic {
        Duration | TraceDuration | EventTimeSinceStart | ChildCount | NestedSetLeft | NestedSetRight
        | NestedSetParent => Type::Number,
        Name | StatusMessage | RootName | RootServiceName | EventName | SpanId | ParentId | TraceId
        | LinkTraceId | LinkSpanId => Type::Str,
        Status => Type::Status,
        Kind => Type::Kind,
        InstrumentationName | InstrumentationVersion | Parent => Type::Dynamic,
    }
}

fn allows(ty: Type, op: BinaryOp) -> bool {
    use BinaryOp::*;
    match ty {
        Type::Dynamic => true,
        Type::Number => !matches!(op, Re | NotRe),
        Type::Str => op.is_comparison(),
        Type::Bool | Type::Status | Type::Kind => matches!(op, Eq | Ne),
    }
}

/// True when the value of `expr` depends on the span.
pub(crate) fn references_span(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => false,
        ExprKind::Field(_) => true,
        ExprKind::Unary(_, e) | ExprKind::IsNil(e) | ExprKind::NotNil(e) => references_span(e),
        ExprKind::Binary(_, l, r) => references_span(l) || references_span(r),
        ExprKind::Logic(_, terms) => terms.iter().any(references_span),
    }
}
