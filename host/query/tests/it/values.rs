//! Values, compared and calculated by the letter.

use cadenza_traceql::ast::{BinaryOp, Static};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

/// A value; `Nil` also for what cannot be searched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum V {
    Nil,
    Int(i64),
    Float(f64),
    Dur(i64),
    Str(String),
    Bool(bool),
    Status(i32),
    Kind(i32),
    Trace(u128),
    Span(u64),
    Array(Vec<V>),
}

pub(crate) fn value(value: Option<&AnyValue>) -> V {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => V::Str(text.clone()),
        Some(Value::IntValue(number)) => V::Int(*number),
        Some(Value::DoubleValue(number)) => V::Float(*number),
        Some(Value::BoolValue(flag)) => V::Bool(*flag),
        Some(Value::ArrayValue(array)) => {
            let mut list: Vec<V> = array.values.iter().map(|v| self::value(Some(v))).collect();
            let alike = |a: &V, b: &V| std::mem::discriminant(a) == std::mem::discriminant(b);
            let plain = |v: &V| matches!(v, V::Str(_) | V::Int(_) | V::Float(_) | V::Bool(_));
            if list.is_empty() || !list.iter().all(|v| plain(v) && alike(v, &list[0])) {
                return V::Nil;
            }
            // Nested arrays of one element must not pass for their element.
            if array.values.iter().any(|v| matches!(v.value, Some(Value::ArrayValue(_)))) {
                return V::Nil;
            }
            if list.len() == 1 { list.remove(0) } else { V::Array(list) }
        }
        _ => V::Nil,
    }
}

pub(crate) fn of_static(literal: &Static) -> V {
    match literal {
        Static::Int(i) => V::Int(*i),
        Static::Float(x) => V::Float(*x),
        Static::Str(s) => V::Str(s.to_string()),
        Static::Bool(b) => V::Bool(*b),
        Static::Duration(ns) => V::Dur(*ns),
        Static::Status(s) => V::Status(s.0),
        Static::Kind(k) => V::Kind(k.0),
    }
}

fn is_match(pattern: &str, text: &str) -> bool {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, regex::Regex>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        let compile = || regex::Regex::new(&format!("^(?s:{pattern})$")).expect("a plain pattern");
        known.entry(pattern.to_owned()).or_insert_with(compile).is_match(text)
    })
}

pub(crate) fn number(value: &V) -> Option<f64> {
    match value {
        V::Int(i) | V::Dur(i) => Some(*i as f64),
        V::Float(x) => Some(*x),
        _ => None,
    }
}

/// A literal against an attribute: types must be equal.
pub(crate) fn strict(op: BinaryOp, value: &V, literal: &V) -> bool {
    match (value, literal) {
        (V::Array(list), _) => list.iter().any(|v| strict(op, v, literal)),
        (V::Int(_), V::Int(_))
        | (V::Float(_), V::Float(_))
        | (V::Str(_), V::Str(_))
        | (V::Bool(_), V::Bool(_)) => compare(op, value, literal),
        _ => false,
    }
}

/// Any two values; numbers of all types compare.
pub(crate) fn compare(op: BinaryOp, left: &V, right: &V) -> bool {
    let order = match (left, right) {
        (V::Array(_), V::Array(_)) => return false,
        (V::Array(list), _) => return list.iter().any(|v| compare(op, v, right)),
        (_, V::Array(list)) => return list.iter().any(|v| compare(op, left, v)),
        (V::Str(l), V::Str(r)) if matches!(op, BinaryOp::Re | BinaryOp::NotRe) => {
            return is_match(r, l) == (op == BinaryOp::Re);
        }
        (V::Str(l), V::Str(r)) => Some(l.cmp(r)),
        (V::Bool(l), V::Bool(r)) => Some(l.cmp(r)),
        (V::Status(l), V::Status(r)) | (V::Kind(l), V::Kind(r)) => Some(l.cmp(r)),
        (V::Int(l) | V::Dur(l), V::Int(r) | V::Dur(r)) => Some(l.cmp(r)),
        (V::Trace(l), V::Trace(r)) => Some(l.cmp(r)),
        (V::Span(l), V::Span(r)) => Some(l.cmp(r)),
        (V::Trace(id), V::Str(text)) | (V::Str(text), V::Trace(id)) => {
            u128::from_str_radix(text, 16).ok().map(|other| id.cmp(&other))
        }
        (V::Span(id), V::Str(text)) | (V::Str(text), V::Span(id)) => {
            u64::from_str_radix(text, 16).ok().map(|other| id.cmp(&other))
        }
        _ => match (number(left), number(right)) {
            (Some(l), Some(r)) => l.partial_cmp(&r),
            _ => None,
        },
    };
    let Some(order) = order else { return false };
    match op {
        BinaryOp::Eq => order == Ordering::Equal,
        BinaryOp::Ne => order != Ordering::Equal,
        BinaryOp::Lt => order == Ordering::Less,
        BinaryOp::Le => order != Ordering::Greater,
        BinaryOp::Gt => order == Ordering::Greater,
        BinaryOp::Ge => order != Ordering::Less,
        _ => false,
    }
}

pub(crate) fn arithmetic(op: BinaryOp, left: &V, right: &V) -> V {
    let (Some(x), Some(y)) = (number(left), number(right)) else { return V::Nil };
    let (a, b) = match (left, right) {
        (V::Int(a) | V::Dur(a), V::Int(b) | V::Dur(b)) => (*a, *b),
        _ => {
            return V::Float(match op {
                BinaryOp::Add => x + y,
                BinaryOp::Sub => x - y,
                BinaryOp::Mul => x * y,
                BinaryOp::Div => x / y,
                BinaryOp::Mod => x % y,
                _ => x.powf(y),
            });
        }
    };
    let whole = match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div | BinaryOp::Mod if b == 0 => return V::Nil,
        BinaryOp::Div => a.wrapping_div(b),
        BinaryOp::Mod => a.wrapping_rem(b),
        _ => x.powf(y) as i64,
    };
    if matches!((left, right), (V::Int(_), V::Int(_))) { V::Int(whole) } else { V::Dur(whole) }
}
