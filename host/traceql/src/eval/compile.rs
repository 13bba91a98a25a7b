//! From the tree to a program: constants folded, fields numbered, patterns compiled.

use super::ops;
use super::program::{Items, Leaf, Predicate, Program, Slot, Spans, Step, Test, Touch, Value};
use super::value::Val;
use crate::ast::{
    self, Attribute, BinaryOp, Expr, ExprKind, Field, Intrinsic, LogicOp, Pipeline, Pos, Query, ScalarExpr,
    Scope, SpansetExpr, Stage, Static, UnaryOp,
};
use crate::error::Unsupported;
use cadenza_model::TraceId;

type Compiled<T> = Result<T, Unsupported>;

impl Program {
    /// Compiles the pipeline of a checked query; a metrics function behind it is not looked at.
    pub fn compile(query: &Query) -> Compiled<Self> {
        let mut compiler = Compiler::default();
        let stages = compiler.pipeline(&query.pipeline)?;
        Ok(compiler.finish(stages))
    }

    /// Compiles one filter.
    pub fn compile_filter(filter: &ast::SpansetFilter) -> Compiled<Self> {
        let mut compiler = Compiler::default();
        let spans = compiler.filter(filter)?;
        Ok(compiler.finish(vec![Step::Spanset(spans)]))
    }
}

/// Which of events and links an expression reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reads {
    pub(super) events: bool,
    pub(super) links: bool,
}

#[derive(Default)]
pub(super) struct Compiler {
    slots: Vec<Slot>,
    leaves: usize,
    touches: Vec<Touch>,
    /// Fields of the expression being compiled show whatever their value.
    always: bool,
}

impl Compiler {
    pub(super) fn finish(self, stages: Vec<Step>) -> Program {
        Program { stages, slots: self.slots, leaves: self.leaves, touches: self.touches }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Compiled<Vec<Step>> {
        pipeline.stages.iter().map(|stage| self.stage(stage)).collect()
    }

    fn stage(&mut self, stage: &Stage) -> Compiled<Step> {
        Ok(match stage {
            Stage::Spanset(expr) => Step::Spanset(self.spanset(expr)?),
            Stage::Coalesce(_) => Step::Coalesce,
            Stage::Select(fields, _) => {
                for field in fields {
                    supported(&field.field, field.pos)?;
                    let slot = self.slot(&field.field, false);
                    self.touch(slot).always = true;
                }
                Step::Select
            }
            Stage::Group(expr, _) => {
                one_kind(expr)?;
                Step::Group { expr: self.shown_value(expr)?, key: format!("by({expr})") }
            }
            Stage::Scalar(filter) => {
                let (ScalarExpr::Aggregate(aggregate), ScalarExpr::Literal(literal, _)) =
                    (&filter.left, &filter.right)
                else {
                    return Err(Unsupported::new(format!("scalar filter ({filter})"), filter.pos));
                };
                let expr = match &aggregate.expr {
                    Some(expr) => {
                        one_kind(expr)?;
                        Some(self.shown_value(expr)?)
                    }
                    None => None,
                };
                let key = aggregate.to_string();
                Step::Scalar { aggregate: aggregate.op, expr, op: filter.op, literal: literal.clone(), key }
            }
        })
    }

    fn spanset(&mut self, expr: &SpansetExpr) -> Compiled<Spans> {
        Ok(match expr {
            SpansetExpr::Filter(filter) => self.filter(filter)?,
            SpansetExpr::Op(op) => {
                Spans::Op(op.op, Box::new(self.spanset(&op.left)?), Box::new(self.spanset(&op.right)?))
            }
            SpansetExpr::Pipeline(pipeline, _) => Spans::Pipeline(self.pipeline(pipeline)?),
        })
    }

    /// Conditions on events that are joined by nothing but `&&` must hold on one event; so for links.
    fn filter(&mut self, filter: &ast::SpansetFilter) -> Compiled<Spans> {
        let mut terms = Vec::new();
        if !conjunction(&filter.expr, &mut terms) {
            return Ok(Spans::Filter(self.test(&filter.expr, false)?));
        }
        let (mut plain, mut events, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for term in terms {
            let reads = one_kind(term)?;
            let list = match reads {
                Reads { events: true, .. } => &mut events,
                Reads { links: true, .. } => &mut links,
                _ => &mut plain,
            };
            list.push(self.atom(term)?);
        }
        for (items, tests) in [(Items::Events, events), (Items::Links, links)] {
            if !tests.is_empty() {
                plain.push(Test::Any(items, Box::new(and(tests))));
            }
        }
        Ok(Spans::Filter(and(plain)))
    }

    /// Any boolean expression; conditions on events and links may be met by different ones.
    fn test(&mut self, expr: &Expr, negated: bool) -> Compiled<Test> {
        match &expr.kind {
            ExprKind::Logic(op, terms) => {
                let terms = terms.iter().map(|t| self.test(t, negated)).collect::<Compiled<_>>()?;
                Ok(if *op == LogicOp::And { Test::And(terms) } else { Test::Or(terms) })
            }
            ExprKind::Unary(UnaryOp::Not, inner) => Ok(Test::Not(Box::new(self.test(inner, true)?))),
            _ => {
                let reads = one_kind(expr)?;
                let before = self.always;
                self.always |= negated;
                let test = self.atom(expr);
                self.always = before;
                let items = match reads {
                    Reads { events: true, .. } => Items::Events,
                    Reads { links: true, .. } => Items::Links,
                    _ => return test,
                };
                Ok(Test::Any(items, Box::new(test?)))
            }
        }
    }

    /// A comparison, nil test or bare value.
    fn atom(&mut self, expr: &Expr) -> Compiled<Test> {
        match &expr.kind {
            ExprKind::Binary(op, l, r) if op.is_comparison() => self.comparison(*op, l, r),
            ExprKind::IsNil(operand) => Ok(Test::IsNil(Box::new(match &operand.kind {
                ExprKind::Field(field) => {
                    supported(field, operand.pos)?;
                    let slot = self.slot(field, false);
                    let always = self.always;
                    let touch = self.touch(slot);
                    touch.nil = true;
                    touch.always |= always;
                    Value::Slot(slot)
                }
                _ => self.shown_value(operand)?,
            }))),
            ExprKind::NotNil(operand) => Ok(Test::NotNil(Box::new(match &operand.kind {
                ExprKind::Field(field) => {
                    supported(field, operand.pos)?;
                    let slot = self.slot(field, false);
                    self.touch(slot).always = true;
                    Value::Slot(slot)
                }
                _ => self.shown_value(operand)?,
            }))),
            ExprKind::Literal(Static::Bool(b)) => Ok(Test::Const(*b)),
            ExprKind::Logic(..) | ExprKind::Unary(UnaryOp::Not, _) => self.test(expr, false),
            _ => Ok(Test::Truth(Box::new(self.shown_value(expr)?))),
        }
    }

    fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Compiled<Test> {
        let (l, r) = (fold(left), fold(right));
        let (field, op, literal) = match (&left.kind, &right.kind, l, r) {
            (_, _, Some(l), Some(r)) => return Ok(constant(op, l, r)),
            (ExprKind::Field(field), _, _, Some(r)) => (field, op, r),
            (_, ExprKind::Field(field), Some(l), _) => (field, op.mirrored(), l),
            _ => return self.computed(op, left, right),
        };
        supported(field, left.pos)?;
        let Some(literal) = literal else { return Ok(Test::Const(false)) };
        let predicate = predicate(field, op, literal);
        let shown = self.slot(field, false);
        let always = self.always;
        let touch = self.touch(shown);
        touch.always |= always;
        touch.predicates.push(predicate.clone());
        Ok(self.leaf(field, predicate))
    }

    pub(super) fn leaf(&mut self, field: &Field, predicate: Predicate) -> Test {
        let slot = self.slot(field, true);
        let id = self.leaves;
        self.leaves += 1;
        Test::Leaf(Box::new(Leaf { slot, predicate, id }))
    }

    pub(super) fn exists(&mut self, field: &Field) -> Test {
        Test::NotNil(Box::new(Value::Slot(self.slot(field, false))))
    }

    fn computed(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Compiled<Test> {
        let value = self.shown_value(left)?;
        if let (BinaryOp::Re | BinaryOp::NotRe, ExprKind::Literal(Static::Str(pattern))) = (op, &right.kind) {
            return Ok(match crate::re2::compile_regex(pattern) {
                Ok(regex) => Test::Regex { value: Box::new(value), regex, negated: op == BinaryOp::NotRe },
                Err(_) => Test::Const(false),
            });
        }
        Ok(Test::Compare(op, Box::new((value, self.shown_value(right)?))))
    }

    /// A value whose fields show whatever they hold.
    fn shown_value(&mut self, expr: &Expr) -> Compiled<Value> {
        let before = std::mem::replace(&mut self.always, true);
        let value = self.value(expr);
        self.always = before;
        value
    }

    fn value(&mut self, expr: &Expr) -> Compiled<Value> {
        if let Some(folded) = fold(expr) {
            return Ok(folded.map_or(Value::Nil, Value::Const));
        }
        Ok(match &expr.kind {
            ExprKind::Literal(literal) => Value::Const(literal.clone()),
            ExprKind::Field(field) => {
                supported(field, expr.pos)?;
                let shown = self.slot(field, false);
                self.touch(shown).always = true;
                Value::Slot(self.slot(field, true))
            }
            ExprKind::Unary(UnaryOp::Neg, inner) => Value::Neg(Box::new(self.value(inner)?)),
            ExprKind::Binary(op, l, r) if !op.is_comparison() => {
                Value::Arithmetic(*op, Box::new((self.value(l)?, self.value(r)?)))
            }
            // A boolean inside a value: the item that the value is computed for is the current one.
            ExprKind::Logic(op, terms) => {
                let terms = terms.iter().map(|t| self.inner_test(t)).collect::<Compiled<_>>()?;
                Value::Test(Box::new(if *op == LogicOp::And { Test::And(terms) } else { Test::Or(terms) }))
            }
            _ => Value::Test(Box::new(self.inner_test(expr)?)),
        })
    }

    fn inner_test(&mut self, expr: &Expr) -> Compiled<Test> {
        match &expr.kind {
            ExprKind::Unary(UnaryOp::Not, inner) => Ok(Test::Not(Box::new(self.inner_test(inner)?))),
            ExprKind::Logic(..) => Ok(Test::Truth(Box::new(self.value(expr)?))),
            _ => self.atom(expr),
        }
    }

    fn slot(&mut self, field: &Field, compared: bool) -> usize {
        let default_empty = field.is_attribute(Scope::Resource, "service.name")
            || compared && field.is_attribute(Scope::None, "service.name");
        let slot = Slot { field: field.clone(), default_empty };
        self.slots.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    fn touch(&mut self, slot: usize) -> &mut Touch {
        let at = self.touches.iter().position(|t| t.slot == slot).unwrap_or_else(|| {
            self.touches.push(Touch { slot, always: false, predicates: Vec::new(), nil: false });
            self.touches.len() - 1
        });
        &mut self.touches[at]
    }
}

fn and(mut tests: Vec<Test>) -> Test {
    match tests.len() {
        1 => tests.remove(0),
        _ => Test::And(tests),
    }
}

/// Splits `a && b && …` into its terms; false if there is an `||` or a `!` anywhere.
fn conjunction<'a>(expr: &'a Expr, terms: &mut Vec<&'a Expr>) -> bool {
    match &expr.kind {
        ExprKind::Logic(LogicOp::And, inner) => inner.iter().all(|t| conjunction(t, terms)),
        ExprKind::Logic(LogicOp::Or, _) | ExprKind::Unary(UnaryOp::Not, _) => false,
        _ => {
            terms.push(expr);
            true
        }
    }
}

pub(super) fn reads(expr: &Expr) -> Reads {
    let join = |a: Reads, b: Reads| Reads { events: a.events || b.events, links: a.links || b.links };
    match &expr.kind {
        ExprKind::Literal(_) => Reads::default(),
        ExprKind::Field(field) => {
            let (events, links) = items_of(field);
            Reads { events, links }
        }
        ExprKind::Unary(_, e) | ExprKind::IsNil(e) | ExprKind::NotNil(e) => reads(e),
        ExprKind::Binary(_, l, r) => join(reads(l), reads(r)),
        ExprKind::Logic(_, terms) => terms.iter().map(reads).fold(Reads::default(), join),
    }
}

/// Whether a field belongs to events, and whether to links.
pub(super) fn items_of(field: &Field) -> (bool, bool) {
    use Intrinsic::{EventName, EventTimeSinceStart, LinkSpanId, LinkTraceId};
    match field {
        Field::Attribute(a) => (a.scope == Scope::Event, a.scope == Scope::Link),
        Field::Intrinsic(i) => {
            (matches!(i, EventName | EventTimeSinceStart), matches!(i, LinkTraceId | LinkSpanId))
        }
    }
}

/// Pairs of an event and a link are not compared: that would be quadratic.
fn one_kind(expr: &Expr) -> Compiled<Reads> {
    let reads = reads(expr);
    if reads.events && reads.links {
        return Err(Unsupported::new(format!("an expression over both events and links ({expr})"), expr.pos));
    }
    Ok(reads)
}

fn supported(field: &Field, pos: Pos) -> Compiled<()> {
    match field {
        Field::Intrinsic(Intrinsic::Parent) | Field::Attribute(Attribute { parent: true, .. }) => {
            Err(Unsupported::new(format!("a field of the parent span ({field})"), pos))
        }
        _ => Ok(()),
    }
}

/// What a literal asks of a field.
pub(super) fn predicate(field: &Field, op: BinaryOp, literal: Static) -> Predicate {
    let equal = op == BinaryOp::Eq;
    match (field, literal) {
        (_, Static::Str(pattern)) if matches!(op, BinaryOp::Re | BinaryOp::NotRe) => {
            match crate::re2::compile_regex(&pattern) {
                Ok(regex) => Predicate::Regex { regex, negated: op == BinaryOp::NotRe },
                Err(_) => Predicate::Never,
            }
        }
        (Field::Intrinsic(Intrinsic::TraceId | Intrinsic::LinkTraceId), Static::Str(text)) => {
            TraceId::parse(&text).map_or(Predicate::Never, |id| Predicate::TraceId { id, equal })
        }
        (Field::Intrinsic(i), Static::Str(text)) if i.is_id() => {
            ops::parse_span_id(&text).map_or(Predicate::Never, |id| Predicate::SpanId { id, equal })
        }
        (Field::Intrinsic(_), Static::Status(status)) => Predicate::Status { status, equal },
        (Field::Intrinsic(_), Static::Kind(kind)) => Predicate::Kind { kind, equal },
        (Field::Intrinsic(_), literal) => Predicate::Loose(op, literal),
        (Field::Attribute(_), literal) => Predicate::Strict(op, literal),
    }
}

fn constant(op: BinaryOp, left: Option<Static>, right: Option<Static>) -> Test {
    let (Some(l), Some(r)) = (left, right) else { return Test::Const(false) };
    if let (BinaryOp::Re | BinaryOp::NotRe, Static::Str(text), Static::Str(pattern)) = (op, &l, &r) {
        let hit = crate::re2::compile_regex(pattern).is_ok_and(|regex| regex.is_match(text));
        return Test::Const(hit == (op == BinaryOp::Re));
    }
    Test::Const(ops::compare(op, Val::of_static(&l), Val::of_static(&r)))
}

/// The value of a constant expression; `Some(None)` if it is constant and has none. Comparisons are
/// folded where they are compiled.
pub(crate) fn fold(expr: &Expr) -> Option<Option<Static>> {
    let value = match &expr.kind {
        ExprKind::Literal(literal) => return Some(Some(literal.clone())),
        ExprKind::Unary(UnaryOp::Neg, inner) => {
            fold(inner)?.map(|v| literal_of(ops::negate(Val::of_static(&v))))
        }
        ExprKind::Binary(op, l, r) if !op.is_comparison() => match (fold(l)?, fold(r)?) {
            (Some(l), Some(r)) => {
                Some(literal_of(ops::arithmetic(*op, Val::of_static(&l), Val::of_static(&r))))
            }
            _ => None,
        },
        _ => return None,
    };
    Some(value.flatten())
}

fn literal_of(value: Val<'_>) -> Option<Static> {
    match value {
        Val::Int(i) => Some(Static::Int(i)),
        Val::Float(x) => Some(Static::Float(x)),
        Val::Duration(ns) => Some(Static::Duration(ns)),
        _ => None,
    }
}
