//! Stages over the spansets of a trace.

use super::TraceView;
use super::bind::Bound;
use super::fields::At;
use super::program::{Spans, Step};
use super::structural::relate;
use super::value::{Val, Value};
use crate::ast::SpansetOperator;
use crate::error::EvalError;
use std::collections::HashMap;

/// Spans of one trace that belong together in a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanset {
    /// Positions in the trace's rows, ascending.
    pub positions: Vec<u32>,
    /// What `by()` and aggregates say of it, by their text.
    pub attributes: Vec<(String, Value)>,
}

impl Bound<'_> {
    /// The spansets that the query finds in a trace; none if it does not match.
    pub fn run(&mut self, trace: &TraceView<'_>) -> Result<Vec<Spanset>, EvalError> {
        let all = Spanset { positions: (0..trace.rows.len() as u32).collect(), attributes: Vec::new() };
        let program = self.program;
        self.steps(&program.stages, vec![all], trace)
    }

    fn steps(
        &mut self,
        steps: &[Step],
        mut spansets: Vec<Spanset>,
        trace: &TraceView<'_>,
    ) -> Result<Vec<Spanset>, EvalError> {
        for step in steps {
            spansets = self.step(step, spansets, trace)?;
            if spansets.is_empty() {
                break;
            }
        }
        Ok(spansets)
    }

    fn step(
        &mut self,
        step: &Step,
        spansets: Vec<Spanset>,
        trace: &TraceView<'_>,
    ) -> Result<Vec<Spanset>, EvalError> {
        let mut out = Vec::with_capacity(spansets.len());
        match step {
            Step::Spanset(spans) => {
                for input in spansets {
                    out.extend(self.spans(spans, input, trace)?);
                }
            }
            Step::Scalar { aggregate, expr, op, literal, key } => {
                for mut input in spansets {
                    let result = self.aggregate(*aggregate, expr.as_ref(), &input.positions, trace);
                    if super::ops::compare(*op, result, Val::of_static(literal)) {
                        input.attributes.push((key.clone(), result.to_owned()));
                        out.push(input);
                    }
                }
            }
            Step::Group { expr, key } => {
                for input in spansets {
                    self.group(expr, key, input, trace, &mut out);
                }
            }
            Step::Coalesce => out.extend(
                union(spansets.into_iter()).map(|positions| Spanset { positions, attributes: Vec::new() }),
            ),
            Step::Select => return Ok(spansets),
        }
        Ok(out)
    }

    fn spans(
        &mut self,
        spans: &Spans,
        mut input: Spanset,
        trace: &TraceView<'_>,
    ) -> Result<Vec<Spanset>, EvalError> {
        let (op, left, right) = match spans {
            Spans::Filter(test) => {
                input.positions.retain(|&p| self.test(test, At::new(trace, p as usize)));
                return Ok(if input.positions.is_empty() { Vec::new() } else { vec![input] });
            }
            Spans::Pipeline(steps) => return self.steps(steps, vec![input], trace),
            Spans::Op(op, left, right) => (*op, left, right),
        };
        let left = self.spans(left, input.clone(), trace)?;
        let right = self.spans(right, input, trace)?;
        let attributes = joined_attributes(&left, &right);
        let positions = match op {
            SpansetOperator::And if left.is_empty() || right.is_empty() => None,
            SpansetOperator::And | SpansetOperator::Or => union(left.into_iter().chain(right)),
            SpansetOperator::Structural(relation, form) => {
                if left.len() > 1 || right.len() > 1 {
                    return Err(EvalError::MultipleSpansets);
                }
                let of =
                    |side: Vec<Spanset>| side.into_iter().next().map(|s| s.positions).unwrap_or_default();
                Some(relate(trace, &of(left), &of(right), relation, form)).filter(|kept| !kept.is_empty())
            }
        };
        Ok(positions.map(|positions| Spanset { positions, attributes }).into_iter().collect())
    }

    /// Splits a spanset by value, in order of first appearance.
    fn group(
        &mut self,
        expr: &super::program::Value,
        key: &str,
        input: Spanset,
        trace: &TraceView<'_>,
        out: &mut Vec<Spanset>,
    ) {
        let mut groups: HashMap<GroupKey, usize> = HashMap::new();
        for &position in &input.positions {
            let value = self.first_value(expr, At::new(trace, position as usize));
            let group = *groups.entry(GroupKey::of(value)).or_insert_with(|| {
                let mut attributes = input.attributes.clone();
                attributes.push((key.to_owned(), value.to_owned()));
                out.push(Spanset { positions: Vec::new(), attributes });
                out.len() - 1
            });
            out[group].positions.push(position);
        }
    }
}

/// All spans of the spansets once, ascending; none if there are none.
fn union(spansets: impl Iterator<Item = Spanset>) -> Option<Vec<u32>> {
    let mut positions: Vec<u32> = spansets.flat_map(|s| s.positions).collect();
    positions.sort_unstable();
    positions.dedup();
    Some(positions).filter(|p| !p.is_empty())
}

/// Attributes of both sides, each key once.
fn joined_attributes(left: &[Spanset], right: &[Spanset]) -> Vec<(String, Value)> {
    let mut attributes: Vec<(String, Value)> = Vec::new();
    for (key, value) in left.iter().chain(right).flat_map(|s| &s.attributes) {
        if attributes.iter().all(|(k, _)| k != key) {
            attributes.push((key.clone(), value.clone()));
        }
    }
    attributes
}

/// A value as `by()` tells values apart: also by type.
#[derive(PartialEq, Eq, Hash)]
enum GroupKey {
    Nil,
    Int(i64),
    Float(u64),
    Duration(i64),
    Str(String),
    Bool(bool),
    Status(i32),
    Kind(i32),
    Array(Vec<u8>),
}

impl GroupKey {
    fn of(value: Val<'_>) -> Self {
        match value {
            Val::Nil => Self::Nil,
            Val::Int(i) => Self::Int(i),
            // One group for all that is no number, and one for zero of either sign.
            Val::Float(x) => Self::Float(if x.is_nan() { f64::NAN } else { x + 0.0 }.to_bits()),
            Val::Duration(ns) => Self::Duration(ns),
            Val::Str(s) => Self::Str(s.to_owned()),
            Val::Bool(b) => Self::Bool(b),
            Val::Status(s) => Self::Status(s.0),
            Val::Kind(k) => Self::Kind(k.0),
            Val::TraceId(id) => Self::Str(id.short_hex()),
            Val::SpanId(id) => Self::Str(id.to_string()),
            Val::Array(array) => Self::Array(array.encoded().to_vec()),
        }
    }
}
