//! Spansets, scalars and the operators between them: `<` compares numbers and relates spansets, so one
//! climber reads both and the operands decide.

use super::expr::{LEVEL_COMPARE, LEVEL_LOGIC, LEVEL_POWER, binary_op};
use super::{Parsed, Parser};
use crate::ast::{
    Aggregate, AggregateOp, BinaryOp, Expr, ExprKind, Form, Pipeline, Relation, ScalarExpr, ScalarFilter,
    SpansetExpr, SpansetFilter, SpansetOp, SpansetOperator, Stage, Static,
};
use crate::lex::Tok;

/// What a sequence of operands and operators turned out to be.
pub(super) enum Thing {
    /// Spansets only. `grouped`: every operand stands in parentheses, as pipelines need.
    Spanset { expr: SpansetExpr, grouped: bool },
    /// At least one operand is a pipeline in parentheses.
    Pipelines(SpansetExpr),
    /// A number.
    Scalar(ScalarExpr),
    /// A number computed by a pipeline.
    ScalarPipe(ScalarExpr),
    /// A comparison of numbers.
    Filter(ScalarFilter),
    /// A comparison of pipelines.
    PipeFilter(ScalarFilter),
}

/// A thing and its height.
pub(super) struct Sized {
    pub(super) thing: Thing,
    pub(super) height: u32,
}

impl Thing {
    pub(super) fn of(self, height: u32) -> Sized {
        Sized { thing: self, height }
    }
}

fn spanset_op(symbol: &str) -> Option<(SpansetOperator, u8)> {
    let (form, relation) = match symbol {
        "&&" => return Some((SpansetOperator::And, LEVEL_LOGIC)),
        "||" => return Some((SpansetOperator::Or, LEVEL_LOGIC)),
        _ if symbol.starts_with('!') => (Form::Negated, &symbol[1..]),
        _ if symbol.starts_with('&') => (Form::Union, &symbol[1..]),
        _ => (Form::Plain, symbol),
    };
    let relation = match relation {
        ">" => Relation::Child,
        "<" => Relation::Parent,
        ">>" => Relation::Descendant,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some((SpansetOperator::Structural(relation, form), LEVEL_COMPARE))
}

impl Parser<'_> {
    /// Operands joined by operators of `level` and above.
    pub(super) fn things(&mut self, level: u8) -> Parsed<Sized> {
        self.nested(|p| {
            let mut left = p.operand()?;
            loop {
                let Some(symbol) = p.sym() else { return Ok(left) };
                left = match left.thing {
                    Thing::Spanset { .. } | Thing::Pipelines(_) => match spanset_op(symbol) {
                        Some((op, l)) if l >= level => p.spanset_step(left, op, l)?,
                        _ => return Ok(left),
                    },
                    Thing::Scalar(_) | Thing::ScalarPipe(_) => match binary_op(symbol) {
                        Some((BinaryOp::Re | BinaryOp::NotRe, _)) => return Ok(left),
                        Some((op, l)) if l >= level => p.scalar_step(left, op, l)?,
                        _ => return Ok(left),
                    },
                    Thing::Filter(_) | Thing::PipeFilter(_) => return Ok(left),
                };
                p.check_depth(left.height)?;
            }
        })
    }

    fn spanset_step(&mut self, left: Sized, op: SpansetOperator, level: u8) -> Parsed<Sized> {
        let pos = self.pos();
        self.advance();
        let right_at = self.at;
        let right = self.things(level + 1)?;
        let height = left.height.max(right.height) + 1;
        let join = |left, right| SpansetExpr::Op(Box::new(SpansetOp { op, left, right, pos }));
        let thing = match (left.thing, right.thing) {
            (Thing::Spanset { expr: l, grouped: a }, Thing::Spanset { expr: r, grouped: b }) => {
                Thing::Spanset { expr: join(l, r), grouped: a && b }
            }
            (Thing::Spanset { expr: l, grouped: true }, Thing::Pipelines(r))
            | (Thing::Pipelines(l), Thing::Spanset { expr: r, grouped: true } | Thing::Pipelines(r)) => {
                Thing::Pipelines(join(l, r))
            }
            _ => return Err(self.unexpected_at(right_at, &[])),
        };
        Ok(thing.of(height))
    }

    fn scalar_step(&mut self, left: Sized, op: BinaryOp, level: u8) -> Parsed<Sized> {
        let left_pos = self.last_pos();
        self.advance();
        let right_at = self.at;
        if op.is_comparison()
            && let Thing::ScalarPipe(l) = left.thing
        {
            return self.pipe_comparison(l, op);
        }
        let right = self.things(if op == BinaryOp::Pow { LEVEL_POWER } else { level + 1 })?;
        let height = left.height.max(right.height) + 1;
        let pos = left_pos.to(self.last_pos());
        let thing = match (left.thing, right.thing) {
            (Thing::Scalar(left), Thing::Scalar(right)) if op.is_comparison() => {
                Thing::Filter(ScalarFilter { op, left, right, pos })
            }
            (Thing::Scalar(l), Thing::Scalar(r)) => {
                Thing::Scalar(ScalarExpr::Binary(op, Box::new(l), Box::new(r)))
            }
            (Thing::ScalarPipe(l), Thing::ScalarPipe(r)) => {
                Thing::ScalarPipe(ScalarExpr::Binary(op, Box::new(l), Box::new(r)))
            }
            _ => return Err(self.unexpected_at(right_at, &[])),
        };
        Ok(thing.of(height))
    }

    /// `( … | count() ) > …`: another such pipeline or any literal.
    fn pipe_comparison(&mut self, left: ScalarExpr, op: BinaryOp) -> Parsed<Sized> {
        let start = self.pos();
        let right_at = self.at;
        let right = if self.sym() == Some("(") {
            match self.things(LEVEL_COMPARE + 1)?.thing {
                Thing::ScalarPipe(right) => right,
                _ => return Err(self.unexpected_at(right_at, &[])),
            }
        } else {
            let literal = self.literal()?.ok_or_else(|| self.unexpected(&[]))?;
            ScalarExpr::Literal(literal, start)
        };
        Ok(Thing::PipeFilter(ScalarFilter { op, left, right, pos: start.to(self.last_pos()) }).of(1))
    }

    fn operand(&mut self) -> Parsed<Sized> {
        let start = self.pos();
        match self.sym() {
            Some("{") => {
                let filter = self.filter()?;
                return Ok(Thing::Spanset { expr: SpansetExpr::Filter(filter), grouped: false }.of(1));
            }
            Some("(") => {
                self.advance();
                let inner = self.group()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Some("-") => {
                self.advance();
                let literal = self.number(true)?;
                return Ok(Thing::Scalar(ScalarExpr::Literal(literal, start.to(self.last_pos()))).of(1));
            }
            _ => {}
        }
        if let Some(aggregate) = self.aggregate()? {
            return Ok(Thing::Scalar(ScalarExpr::Aggregate(aggregate)).of(1));
        }
        match self.peek() {
            Tok::Int(_) | Tok::Float(_) | Tok::Duration(_) => {
                let literal = self.number(false)?;
                Ok(Thing::Scalar(ScalarExpr::Literal(literal, start)).of(1))
            }
            _ => Err(self.unexpected(&[])),
        }
    }

    /// An integer, float or duration, after a minus when `negative`.
    pub(super) fn number(&mut self, negative: bool) -> Parsed<Static> {
        let literal = match *self.peek() {
            Tok::Int(i) => Static::Int(if negative { -i } else { i }),
            Tok::Float(x) => Static::Float(if negative { -x } else { x }),
            Tok::Duration(ns) => Static::Duration(if negative { -ns } else { ns }),
            _ => return Err(self.unexpected(&["INTEGER", "FLOAT", "DURATION"])),
        };
        self.advance();
        Ok(literal)
    }

    /// `{ … }`
    pub(super) fn filter(&mut self) -> Parsed<SpansetFilter> {
        let start = self.pos();
        self.expect("{")?;
        let expr = if self.sym() == Some("}") {
            Expr { kind: ExprKind::Literal(Static::Bool(true)), pos: start.to(self.pos()) }
        } else {
            self.expr()?
        };
        if self.sym() != Some("}") {
            return Err(self.unexpected(&[]));
        }
        let pos = start.to(self.pos());
        self.advance();
        Ok(SpansetFilter { expr, pos })
    }

    /// `count()`, `avg(expr)` …, if one stands here.
    pub(super) fn aggregate(&mut self) -> Parsed<Option<Aggregate>> {
        let start = self.pos();
        let Tok::Word(word) = self.peek() else { return Ok(None) };
        let op = match *word {
            "count" => AggregateOp::Count,
            "max" => AggregateOp::Max,
            "min" => AggregateOp::Min,
            "avg" => AggregateOp::Avg,
            "sum" => AggregateOp::Sum,
            _ => return Ok(None),
        };
        self.advance();
        self.expect("(")?;
        let expr = if op == AggregateOp::Count { None } else { Some(Box::new(self.expr()?)) };
        self.expect(")")?;
        Ok(Some(Aggregate { op, expr, pos: start.to(self.last_pos()) }))
    }

    /// What stands between parentheses.
    fn group(&mut self) -> Parsed<Sized> {
        let start = self.pos();
        let (pipeline, height) = match self.pipeline(true)? {
            super::pipeline::Read::Thing(sized) => return Ok(sized),
            super::pipeline::Read::Pipeline(pipeline, height) => (pipeline, height),
        };
        let pos = start.to(self.last_pos());
        let mut stages = pipeline.stages;
        Ok(match (stages.pop(), stages.is_empty()) {
            (Some(Stage::Spanset(expr)), true) => Thing::Spanset { expr, grouped: true }.of(height),
            (last, _) => {
                stages.extend(last);
                Thing::Pipelines(SpansetExpr::Pipeline(Box::new(Pipeline { stages }), pos)).of(height + 1)
            }
        })
    }
}
