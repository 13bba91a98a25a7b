//! Aggregates over the spans of a spanset.

use super::TraceView;
use super::bind::Bound;
use super::fields::At;
use super::ops::{as_float, compare};
use super::program::{Items, Test, Value};
use super::value::Val;
use crate::ast::{AggregateOp, BinaryOp};

impl<'a> Bound<'a> {
    /// The aggregate; no value if no span has one. `count()` counts spans.
    pub(super) fn aggregate<'t>(
        &mut self,
        op: AggregateOp,
        expr: Option<&'t Value>,
        positions: &[u32],
        trace: &'t TraceView<'t>,
    ) -> Val<'t>
    where
        'a: 't,
    {
        let Some(expr) = expr else { return Val::Int(positions.len() as i64) };
        let mut values = Vec::with_capacity(positions.len());
        for &position in positions {
            self.each_value(expr, At::new(trace, position as usize), &mut |value| {
                if as_float(value).is_some_and(|x| !x.is_nan()) {
                    values.push(value);
                }
            });
        }
        let Some(&first) = values.first() else { return Val::Nil };
        let extreme = |better: BinaryOp| {
            values.iter().copied().reduce(|best, v| if compare(better, v, best) { v } else { best })
        };
        match op {
            AggregateOp::Count => Val::Int(values.len() as i64),
            AggregateOp::Max => extreme(BinaryOp::Gt).unwrap_or(Val::Nil),
            AggregateOp::Min => extreme(BinaryOp::Lt).unwrap_or(Val::Nil),
            AggregateOp::Sum | AggregateOp::Avg => {
                // Later values of another type than the first do not count.
                let kind = std::mem::discriminant(&first);
                values.retain(|v| std::mem::discriminant(v) == kind);
                if op == AggregateOp::Sum { sum(&values) } else { mean(&values) }
            }
        }
    }

    /// Calls `take` with the value of a span, or of each of its events or links.
    fn each_value<'t>(&mut self, expr: &'t Value, mut at: At<'t>, take: &mut impl FnMut(Val<'t>))
    where
        'a: 't,
    {
        let Some(items) = self.items_of_value(expr) else { return take(self.value(expr, at)) };
        for item in self.items(items, at.row) {
            at.item = Some(item);
            take(self.value(expr, at));
        }
    }

    /// The value of a span; of several events or links, the first that has one.
    pub(super) fn first_value<'t>(&mut self, expr: &'t Value, at: At<'t>) -> Val<'t>
    where
        'a: 't,
    {
        let mut first = Val::Nil;
        self.each_value(expr, at, &mut |value| {
            if first.is_nil() {
                first = value;
            }
        });
        first
    }

    fn items_of_value(&self, value: &Value) -> Option<Items> {
        match value {
            Value::Const(_) | Value::Nil => None,
            Value::Slot(slot) => self.items_of_slot(*slot),
            Value::Neg(inner) => self.items_of_value(inner),
            Value::Arithmetic(_, sides) => {
                self.items_of_value(&sides.0).or_else(|| self.items_of_value(&sides.1))
            }
            Value::Test(test) => self.items_of_test(test),
        }
    }

    fn items_of_test(&self, test: &Test) -> Option<Items> {
        match test {
            Test::Const(_) => None,
            Test::And(terms) | Test::Or(terms) => terms.iter().find_map(|t| self.items_of_test(t)),
            Test::Not(inner) | Test::Any(_, inner) => self.items_of_test(inner),
            Test::Leaf(leaf) => self.items_of_slot(leaf.slot),
            Test::Compare(_, sides) => {
                self.items_of_value(&sides.0).or_else(|| self.items_of_value(&sides.1))
            }
            Test::Regex { value, .. } | Test::IsNil(value) | Test::NotNil(value) | Test::Truth(value) => {
                self.items_of_value(value)
            }
        }
    }
}

/// The same for any order of the values, so that one trace has one answer however it is stored.
fn float_sum(values: &[Val<'_>]) -> f64 {
    let mut floats: Vec<f64> = values.iter().filter_map(|v| as_float(*v)).collect();
    floats.sort_unstable_by(f64::total_cmp);
    floats.iter().sum()
}

/// Integers exactly; the sum of all spans of a trace fits 128 bits.
fn int_sum(values: &[Val<'_>]) -> i128 {
    let int = |v: &Val<'_>| match v {
        Val::Int(i) | Val::Duration(i) => i128::from(*i),
        _ => 0,
    };
    values.iter().map(int).sum()
}

fn clamp(sum: i128) -> i64 {
    sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn sum<'a>(values: &[Val<'_>]) -> Val<'a> {
    match values[0] {
        Val::Int(_) => Val::Int(clamp(int_sum(values))),
        Val::Duration(_) => Val::Duration(clamp(int_sum(values))),
        _ => Val::Float(float_sum(values)),
    }
}

fn mean<'a>(values: &[Val<'_>]) -> Val<'a> {
    let n = values.len();
    match values[0] {
        Val::Duration(_) => Val::Duration(clamp(int_sum(values) / n as i128)),
        Val::Int(_) => Val::Float(int_sum(values) as f64 / n as f64),
        _ => Val::Float(float_sum(values) / n as f64),
    }
}
