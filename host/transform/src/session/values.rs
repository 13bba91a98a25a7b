//! Values: reading them, writing new ones, and remembering what became of each distinct one.

use crate::compile::Const;
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Columns, ValueRef};
use foldhash::HashMap;

/// A value by its type and bits.
#[inline]
pub(crate) fn value_of(columns: &Columns, ty: AttrType, val: u64) -> ValueRef<'_> {
    match ty {
        AttrType::Absent => ValueRef::Absent,
        AttrType::Empty => ValueRef::Empty,
        AttrType::Str => ValueRef::Str(columns.values.str(val as u32)),
        AttrType::Int => ValueRef::Int(val as i64),
        AttrType::Double => ValueRef::Double(f64::from_bits(val)),
        AttrType::Bool => ValueRef::Bool(val != 0),
        AttrType::Array => ValueRef::Array(columns.raw.get(val as u32)),
        AttrType::Map => ValueRef::Map(columns.raw.get(val as u32)),
        AttrType::Bytes => ValueRef::Bytes(columns.raw.get(val as u32)),
    }
}

/// A value as rules see it: text of dictionaries is UTF-8, and most rules need no proof of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    Text(&'a [u8]),
    Other(ValueRef<'a>),
}

/// As [`value_of`].
#[inline]
pub(crate) fn seen_of(columns: &Columns, ty: AttrType, val: u64) -> Seen<'_> {
    match ty {
        AttrType::Str => Seen::Text(columns.values.get(val as u32)),
        _ => Seen::Other(value_of(columns, ty, val)),
    }
}

/// What a rule makes of a value; text and encoded values stand in the buffer that it was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// It does not apply.
    Keep,
    /// It applies and changes nothing.
    Note,
    Str,
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// A [`Shape`] in the terms of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Keep,
    Note,
    Set(AttrType, u64),
}

pub(crate) fn put_shape(columns: &mut Columns, shape: Shape, out: &[u8]) -> Outcome {
    match shape {
        Shape::Keep => Outcome::Keep,
        Shape::Note => Outcome::Note,
        Shape::Str => Outcome::Set(AttrType::Str, columns.values.intern(out).into()),
        Shape::Int(number) => Outcome::Set(AttrType::Int, number as u64),
        Shape::Double(number) => Outcome::Set(AttrType::Double, number.to_bits()),
        Shape::Bool(set) => Outcome::Set(AttrType::Bool, set.into()),
    }
}

/// An encoded AnyValue in the terms of the columns.
pub(crate) fn put_encoded(columns: &mut Columns, encoded: &[u8]) -> (AttrType, u64) {
    match any_value::value(encoded) {
        ValueRef::Absent | ValueRef::Empty => (AttrType::Empty, 0),
        ValueRef::Str(text) => (AttrType::Str, columns.values.intern(text.as_bytes()).into()),
        ValueRef::Int(number) => (AttrType::Int, number as u64),
        ValueRef::Double(number) => (AttrType::Double, number.to_bits()),
        ValueRef::Bool(set) => (AttrType::Bool, set.into()),
        ValueRef::Array(whole) => (AttrType::Array, columns.raw.intern(whole).into()),
        ValueRef::Map(whole) => (AttrType::Map, columns.raw.intern(whole).into()),
        ValueRef::Bytes(whole) => (AttrType::Bytes, columns.raw.intern(whole).into()),
    }
}

pub(crate) fn put_const(columns: &mut Columns, value: &Const) -> (AttrType, u64) {
    match value {
        Const::Str(text) => (AttrType::Str, columns.values.intern(text.as_bytes()).into()),
        Const::Int(number) => (AttrType::Int, *number as u64),
        Const::Double(number) => (AttrType::Double, number.to_bits()),
        Const::Bool(set) => (AttrType::Bool, (*set).into()),
        Const::Encoded(encoded) => put_encoded(columns, encoded),
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    stamp: u32,
    known: T,
}

/// Answers by distinct value, void as soon as the next question is put: stamps spare the clearing.
#[derive(Debug)]
pub(crate) struct Stamped<T> {
    entries: Vec<Entry<T>>,
    stamp: u32,
}

impl<T> Default for Stamped<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), stamp: 0 }
    }
}

impl<T: Copy> Stamped<T> {
    /// Forgets all answers and makes room for `len` codes.
    pub(crate) fn start(&mut self, len: usize, none: T) {
        if self.stamp == u32::MAX {
            self.entries.clear();
            self.stamp = 0;
        }
        self.stamp += 1;
        if self.entries.len() < len {
            self.entries.resize(len, Entry { stamp: 0, known: none });
        }
    }

    /// The answer for `code`.
    #[inline]
    pub(crate) fn get(&self, code: u64) -> Option<T> {
        let entry = self.entries.get(code as usize)?;
        (entry.stamp == self.stamp).then_some(entry.known)
    }

    /// Remembers an answer; a code beyond the room is simply asked again.
    #[inline]
    pub(crate) fn set(&mut self, code: u64, known: T) {
        if let Some(entry) = self.entries.get_mut(code as usize) {
            *entry = Entry { stamp: self.stamp, known };
        }
    }
}

/// What became of each distinct value in a step.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    texts: Stamped<Outcome>,
    raw: Stamped<Outcome>,
    scalars: HashMap<(u8, u64), Outcome>,
}

impl Memo {
    pub(crate) fn start(&mut self, columns: &Columns) {
        self.texts.start(columns.values.len(), Outcome::Keep);
        self.raw.start(columns.raw.len(), Outcome::Keep);
        self.scalars.clear();
    }

    #[inline]
    pub(crate) fn get(&self, ty: AttrType, val: u64) -> Option<Outcome> {
        match ty {
            AttrType::Str => self.texts.get(val),
            AttrType::Array | AttrType::Map | AttrType::Bytes => self.raw.get(val),
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => {
                self.scalars.get(&(ty as u8, val)).copied()
            }
        }
    }

    #[inline]
    pub(crate) fn set(&mut self, ty: AttrType, val: u64, outcome: Outcome) {
        match ty {
            AttrType::Str => self.texts.set(val, outcome),
            AttrType::Array | AttrType::Map | AttrType::Bytes => self.raw.set(val, outcome),
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => {
                self.scalars.insert((ty as u8, val), outcome);
            }
        }
    }
}
