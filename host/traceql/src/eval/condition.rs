//! Conditions of a plan as programs: for candidates among rows whose traces are not assembled yet.

use super::bind::Bound;
use super::compile::{Compiler, items_of, predicate};
use super::fields::At;
use super::program::{Items, Predicate, Program, Spans, Step, Test};
use super::run::holds;
use super::value::Val;
use super::{TraceInfo, TraceView};
use crate::ast::{BinaryOp, Expr, Field, Static};
use crate::plan::{self, Condition, is_span_local};
use cadenza_model::TraceId;

/// Stands for the trace of a row that is looked at alone; no condition that is left reads it.
const NO_TRACE: TraceInfo<'static> =
    TraceInfo { trace_id: TraceId([0; 16]), start_ns: 0, end_ns: 0, root_name: "", root_service: "" };

impl Program {
    /// Compiles a condition for [`Bound::matches_row`]. Fields of the whole trace count as met.
    pub fn compile_condition(condition: &Condition) -> Self {
        let mut compiler = Compiler::default();
        let test = compiler.condition(condition);
        compiler.finish(vec![Step::Spanset(Spans::Filter(test))])
    }
}

impl Bound<'_> {
    /// Whether the span in `row` satisfies the condition that the program was compiled from.
    pub fn matches_row(&mut self, row: u32) -> bool {
        let trace = TraceView { rows: &[row], info: &NO_TRACE, tree: None };
        match self.program.stages.first() {
            Some(Step::Spanset(Spans::Filter(test))) => self.test(test, At::new(&trace, 0)),
            _ => true,
        }
    }
}

impl Compiler {
    fn condition(&mut self, condition: &Condition) -> Test {
        match condition {
            Condition::True => Test::Const(true),
            Condition::False => Test::Const(false),
            Condition::And(terms) => Test::And(terms.iter().map(|t| self.condition(t)).collect()),
            Condition::Or(terms) => Test::Or(terms.iter().map(|t| self.condition(t)).collect()),
            Condition::Leaf(leaf) => self.condition_leaf(leaf),
        }
    }

    fn condition_leaf(&mut self, leaf: &plan::Leaf) -> Test {
        if !is_span_local(&leaf.field) {
            return Test::Const(true);
        }
        let test = match &leaf.test {
            plan::Test::Compare(op, literal) => {
                self.leaf(&leaf.field, predicate(&leaf.field, *op, literal.clone()))
            }
            plan::Test::Exists => self.exists(&leaf.field),
        };
        match items_of(&leaf.field) {
            (true, _) => Test::Any(Items::Events, Box::new(test)),
            (_, true) => Test::Any(Items::Links, Box::new(test)),
            _ => test,
        }
    }
}

/// What a literal asks of a field, for callers that hold the values themselves.
#[derive(Debug, Clone)]
pub struct LeafTest(Predicate);

impl LeafTest {
    /// `field op literal`
    pub fn new(field: &Field, op: BinaryOp, literal: &Static) -> Self {
        Self(predicate(field, op, literal.clone()))
    }

    /// True if no value can satisfy it.
    pub fn never(&self) -> bool {
        match &self.0 {
            Predicate::Never => true,
            Predicate::Strict(_, literal) => {
                matches!(literal, Static::Duration(_) | Static::Status(_) | Static::Kind(_))
            }
            _ => false,
        }
    }

    /// Whether this text satisfies it.
    pub fn accepts_text(&self, text: &str) -> bool {
        holds(&self.0, Val::Str(text))
    }

    /// Whether this integer satisfies it.
    pub fn accepts_int(&self, value: i64) -> bool {
        holds(&self.0, Val::Int(value))
    }

    /// Whether this double satisfies it.
    pub fn accepts_float(&self, value: f64) -> bool {
        holds(&self.0, Val::Float(value))
    }

    /// Whether this boolean satisfies it.
    pub fn accepts_bool(&self, value: bool) -> bool {
        holds(&self.0, Val::Bool(value))
    }

    /// Whether this duration satisfies it, in nanoseconds.
    pub fn accepts_duration(&self, ns: i64) -> bool {
        holds(&self.0, Val::Duration(ns))
    }

    /// Whether this status satisfies it, by its OTLP number.
    pub fn accepts_status(&self, status: i32) -> bool {
        holds(&self.0, Val::Status(crate::ast::Status(status)))
    }

    /// Whether this kind satisfies it, by its OTLP number.
    pub fn accepts_kind(&self, kind: i32) -> bool {
        holds(&self.0, Val::Kind(crate::ast::Kind(kind)))
    }

    /// Whether this trace id satisfies it.
    pub fn accepts_trace_id(&self, id: TraceId) -> bool {
        holds(&self.0, Val::TraceId(id))
    }

    /// Whether this span id satisfies it.
    pub fn accepts_span_id(&self, id: cadenza_model::SpanId) -> bool {
        holds(&self.0, Val::SpanId(id))
    }
}

/// Whether an expression reads events, and whether it reads links.
pub(crate) fn reads_items(expr: &Expr) -> (bool, bool) {
    let reads = super::compile::reads(expr);
    (reads.events, reads.links)
}
