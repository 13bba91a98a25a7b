//! Comparison and arithmetic of values. Nothing here fails: what has no answer is no value.

use super::value::Val;
use crate::ast::BinaryOp;
use cadenza_model::{SpanId, TraceId};
use std::cmp::Ordering;

/// `left op right` with numeric coercion, for operands computed while running. Never a regex operator.
pub(crate) fn compare(op: BinaryOp, left: Val<'_>, right: Val<'_>) -> bool {
    match (left, right) {
        // Upstream refuses two arrays with an error; no pair of them compares.
        (Val::Array(_), Val::Array(_)) => false,
        (Val::Array(array), right) => array.elements().any(|e| compare(op, e, right)),
        (left, Val::Array(array)) => array.elements().any(|e| compare(op, left, e)),
        (left, right) => holds(op, order(left, right)),
    }
}

/// `value op literal` on an attribute: types must be equal, an integer is no double.
pub(crate) fn compare_strict(op: BinaryOp, value: Val<'_>, literal: Val<'_>) -> bool {
    match (value, literal) {
        (Val::Array(array), literal) => array.elements().any(|e| compare_strict(op, e, literal)),
        (Val::Int(_), Val::Int(_))
        | (Val::Float(_), Val::Float(_))
        | (Val::Str(_), Val::Str(_))
        | (Val::Bool(_), Val::Bool(_)) => holds(op, order(value, literal)),
        _ => false,
    }
}

/// True if the value, or an element of it, is text that `test` accepts.
pub(crate) fn any_text(value: Val<'_>, test: &mut impl FnMut(&str) -> bool) -> bool {
    match value {
        Val::Str(text) => test(text),
        Val::Array(array) => array.elements().any(|e| matches!(e, Val::Str(text) if test(text))),
        _ => false,
    }
}

fn holds(op: BinaryOp, order: Option<Ordering>) -> bool {
    let Some(order) = order else { return false };
    match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::Ne => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Le => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        BinaryOp::Ge => order.is_ge(),
        _ => false,
    }
}

/// None for values of different types, for no value and for NaN: no comparison holds.
fn order(left: Val<'_>, right: Val<'_>) -> Option<Ordering> {
    match (left, right) {
        (Val::Str(l), Val::Str(r)) => Some(l.as_bytes().cmp(r.as_bytes())),
        (Val::Bool(l), Val::Bool(r)) => Some(l.cmp(&r)),
        (Val::Status(l), Val::Status(r)) => Some(l.0.cmp(&r.0)),
        (Val::Kind(l), Val::Kind(r)) => Some(l.0.cmp(&r.0)),
        (Val::TraceId(l), Val::TraceId(r)) => Some(l.cmp(&r)),
        (Val::SpanId(l), Val::SpanId(r)) => Some(l.cmp(&r)),
        (Val::TraceId(id), Val::Str(text)) | (Val::Str(text), Val::TraceId(id)) => {
            TraceId::parse(text).map(|other| id.cmp(&other))
        }
        (Val::SpanId(id), Val::Str(text)) | (Val::Str(text), Val::SpanId(id)) => {
            parse_span_id(text).map(|other| id.cmp(&other))
        }
        _ => match (number(left)?, number(right)?) {
            (Number::Int(l), Number::Int(r)) => Some(l.cmp(&r)),
            (l, r) => l.float().partial_cmp(&r.float()),
        },
    }
}

/// 1 to 16 hex digits of either case, shorter ones as if padded with zeros.
pub(crate) fn parse_span_id(text: &str) -> Option<SpanId> {
    let hex = !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u64::from_str_radix(text, 16).ok().map(SpanId) } else { None }
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(x) => x,
        }
    }
}

fn number(value: Val<'_>) -> Option<Number> {
    match value {
        Val::Int(i) | Val::Duration(i) => Some(Number::Int(i)),
        Val::Float(x) => Some(Number::Float(x)),
        _ => None,
    }
}

/// The value as a double, if it is a number.
pub(crate) fn as_float(value: Val<'_>) -> Option<f64> {
    number(value).map(Number::float)
}

/// `-value`
pub(crate) fn negate<'a>(value: Val<'_>) -> Val<'a> {
    match value {
        Val::Int(i) => Val::Int(i.wrapping_neg()),
        Val::Duration(ns) => Val::Duration(ns.wrapping_neg()),
        Val::Float(x) => Val::Float(-x),
        _ => Val::Nil,
    }
}

/// Arithmetic: integers wrap, a zero divisor of integers has no value, a double makes all doubles and a
/// duration makes integers durations.
pub(crate) fn arithmetic<'a>(op: BinaryOp, left: Val<'_>, right: Val<'_>) -> Val<'a> {
    let (Some(l), Some(r)) = (number(left), number(right)) else { return Val::Nil };
    let (Number::Int(a), Number::Int(b)) = (l, r) else {
        return float_arithmetic(op, l.float(), r.float()).map_or(Val::Nil, Val::Float);
    };
    let Some(result) = int_arithmetic(op, a, b) else { return Val::Nil };
    match (left, right) {
        (Val::Int(_), Val::Int(_)) => Val::Int(result),
        _ => Val::Duration(result),
    }
}

fn float_arithmetic(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        _ => return None,
    })
}

fn int_arithmetic(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div if b != 0 => a.wrapping_div(b),
        BinaryOp::Mod if b != 0 => a.wrapping_rem(b),
        // By way of doubles, as for every other power; out of range it saturates.
        BinaryOp::Pow => match u32::try_from(b).ok().and_then(|b| a.checked_pow(b)) {
            Some(exact) => exact,
            None => (a as f64).powf(b as f64) as i64,
        },
        _ => return None,
    })
}
