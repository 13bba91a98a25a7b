//! Values at run time: borrowed while evaluating, owned in results.

use crate::ast::{Kind, Static, Status, go_duration};
use cadenza_model::otlp::any_value::array_elements;
use cadenza_model::{SpanId, TraceId, ValueRef};

/// A value while evaluating. Nothing is allocated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Val<'a> {
    /// No value, or one that TraceQL cannot search.
    Nil,
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Str(&'a str),
    Bool(bool),
    Status(Status),
    Kind(Kind),
    TraceId(TraceId),
    SpanId(SpanId),
    /// At least two elements of one searchable type.
    Array(Array<'a>),
}

/// A searchable array: its encoded AnyValue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Array<'a>(&'a [u8]);

impl<'a> Array<'a> {
    pub(crate) fn elements(self) -> impl Iterator<Item = Val<'a>> {
        array_elements(self.0).map(scalar)
    }

    pub(crate) fn encoded(self) -> &'a [u8] {
        self.0
    }
}

fn scalar(value: ValueRef<'_>) -> Val<'_> {
    match value {
        ValueRef::Str(s) => Val::Str(s),
        ValueRef::Int(i) => Val::Int(i),
        ValueRef::Double(x) => Val::Float(x),
        ValueRef::Bool(b) => Val::Bool(b),
        ValueRef::Absent | ValueRef::Empty | ValueRef::Array(_) | ValueRef::Map(_) | ValueRef::Bytes(_) => {
            Val::Nil
        }
    }
}

impl<'a> Val<'a> {
    /// An attribute value as TraceQL sees it: arrays only if all elements have one scalar type, an array
    /// of one as its element, maps and byte strings not at all.
    pub(crate) fn of(value: ValueRef<'a>) -> Self {
        let ValueRef::Array(encoded) = value else { return scalar(value) };
        let mut elements = array_elements(encoded).map(scalar);
        let Some(first) = elements.next() else { return Self::Nil };
        let mut rest = elements.peekable();
        if matches!(first, Self::Nil) || rest.peek().is_none() {
            return first;
        }
        let kind = std::mem::discriminant(&first);
        if rest.all(|e| std::mem::discriminant(&e) == kind) { Self::Array(Array(encoded)) } else { Self::Nil }
    }

    pub(crate) fn of_static(literal: &'a Static) -> Self {
        match literal {
            Static::Int(i) => Self::Int(*i),
            Static::Float(x) => Self::Float(*x),
            Static::Str(s) => Self::Str(s),
            Static::Bool(b) => Self::Bool(*b),
            Static::Duration(ns) => Self::Duration(*ns),
            Static::Status(s) => Self::Status(*s),
            Static::Kind(k) => Self::Kind(*k),
        }
    }

    pub(crate) fn is_nil(self) -> bool {
        matches!(self, Self::Nil)
    }

    pub(crate) fn to_owned(self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Int(i) => Value::Int(i),
            Self::Float(x) => Value::Float(x),
            Self::Duration(ns) => Value::Duration(ns),
            Self::Str(s) => Value::Str(s.to_owned()),
            Self::Bool(b) => Value::Bool(b),
            Self::Status(s) => Value::Status(s),
            Self::Kind(k) => Value::Kind(k),
            Self::TraceId(id) => Value::Str(id.short_hex()),
            Self::SpanId(id) => Value::Str(id.to_string()),
            Self::Array(array) => Value::Array(array.elements().map(Val::to_owned).collect()),
        }
    }
}

/// A value in a result. On the wire numbers and booleans keep their type, arrays become arrays, the rest
/// is text: see [`Value::text`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value: shown as the text `nil`.
    Nil,
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// Nanoseconds; shown as Go writes durations.
    Duration(i64),
    /// Text.
    Str(String),
    /// A boolean.
    Bool(bool),
    /// Shown by name.
    Status(Status),
    /// Shown by name.
    Kind(Kind),
    /// Elements of one type.
    Array(Vec<Value>),
}

impl Value {
    /// The text shown for values that have no wire type of their own; none for numbers, booleans and
    /// arrays.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Nil => "nil".to_owned(),
            Self::Duration(ns) => go_duration(*ns),
            Self::Str(s) => s.clone(),
            Self::Status(s) => s.to_string(),
            Self::Kind(k) => k.to_string(),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Array(_) => return None,
        })
    }
}
