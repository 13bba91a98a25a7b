//! Rules whose result depends on a value alone: each distinct value is looked at once.

use super::Running;
use crate::compile::Const;
use crate::hash::Keyed;
use crate::pattern::{Finder, Sub};
use crate::plan::{HashKind, Scope, ValueType};
use crate::session::{Outcome, Seen, Session, Shape, put_const, put_shape, seen_of};
use crate::text::put_text;
use cadenza_model::{AttrType, Columns, ValueRef};

impl Session {
    /// Runs a rule over the values of a selector; `rule` sees each distinct one once.
    fn map(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        columns: &mut Columns,
        texts_only: bool,
        mut rule: impl FnMut(Seen<'_>, &mut Vec<u8>) -> Shape,
    ) {
        let mut memo = std::mem::take(&mut self.values);
        let mut out = std::mem::take(&mut self.out);
        memo.start(columns);
        self.each(columns, scope, running.selector(sel), |session, columns, list, cell, key| {
            let (ty, val) = (list.ty[cell.at as usize], list.val[cell.at as usize]);
            if texts_only && ty != AttrType::Str || !running.reaches(session, scope, cell) {
                return;
            }
            let outcome = memo.get(ty, val).unwrap_or_else(|| {
                out.clear();
                let shape = rule(seen_of(columns, ty, val), &mut out);
                let outcome = put_shape(columns, shape, &out);
                memo.set(ty, val, outcome);
                outcome
            });
            if outcome == Outcome::Keep {
                return;
            }
            if let Some(tally) = running.step.tally {
                session.tables[scope as usize].tally(tally, cell, key);
            }
            if let Outcome::Set(ty, val) = outcome {
                session.set(list, cell, ty, val);
            }
        });
        self.values = memo;
        self.out = out;
    }

    pub(super) fn replace(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        value: &Const,
        columns: &mut Columns,
    ) {
        let (ty, val) = put_const(columns, value);
        let mut used = false;
        self.each(columns, scope, running.selector(sel), |session, _, list, cell, key| {
            if running.reaches(session, scope, cell) {
                if let Some(tally) = running.step.tally {
                    session.tables[scope as usize].tally(tally, cell, key);
                }
                session.set(list, cell, ty, val);
                used = true;
            }
        });
        // It is in a dictionary and nowhere else.
        self.stale |= !used;
    }

    pub(super) fn hash(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        kind: HashKind,
        columns: &mut Columns,
    ) {
        let keyed = &running.compiled.keyed;
        self.map(running, scope, sel, columns, false, |value, out| {
            match value {
                Seen::Text(text) => keyed.put(out, kind, text),
                Seen::Other(value) => keyed.put_value(out, kind, value),
            }
            Shape::Str
        });
    }

    pub(super) fn convert(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        to: ValueType,
        columns: &mut Columns,
    ) {
        self.map(running, scope, sel, columns, false, |value, out| {
            let value = match value {
                Seen::Text(text) => ValueRef::Str(std::str::from_utf8(text).unwrap_or_default()),
                Seen::Other(value) => value,
            };
            converted(value, to, out)
        });
    }

    pub(super) fn mask(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        (finders, unless, all_types): (&[(Finder, Sub)], &[Finder], bool),
        columns: &mut Columns,
    ) {
        let keyed = &running.compiled.keyed;
        let (mut text, mut spare) = (Vec::new(), Vec::new());
        self.map(running, scope, sel, columns, !all_types, |value, out| {
            text.clear();
            let text = match value {
                Seen::Text(text) => text,
                Seen::Other(other) => {
                    put_text(&mut text, other);
                    text.as_slice()
                }
            };
            if masked(text, finders, unless, keyed, out, &mut spare) { Shape::Str } else { Shape::Keep }
        });
    }

    pub(super) fn note(
        &mut self,
        running: &Running<'_>,
        scope: Scope,
        sel: usize,
        (finders, all_types): (&[Finder], bool),
        columns: &mut Columns,
    ) {
        let mut buffer = Vec::new();
        let texts_only = !all_types && !finders.is_empty();
        self.map(running, scope, sel, columns, texts_only, |value, _| {
            buffer.clear();
            let text = match value {
                _ if finders.is_empty() => return Shape::Note,
                Seen::Text(text) => text,
                Seen::Other(other) => {
                    put_text(&mut buffer, other);
                    buffer.as_slice()
                }
            };
            if finders.iter().any(|finder| finder.is_match(text)) { Shape::Note } else { Shape::Keep }
        });
    }
}

/// Puts the masked form of `text` into `out`; false if nothing matches or it is excepted.
pub(super) fn masked(
    text: &[u8],
    finders: &[(Finder, Sub)],
    unless: &[Finder],
    keyed: &Keyed,
    out: &mut Vec<u8>,
    spare: &mut Vec<u8>,
) -> bool {
    if unless.iter().any(|finder| finder.is_match(text)) {
        return false;
    }
    let mut any = false;
    for (finder, sub) in finders {
        spare.clear();
        let now = if any { out.as_slice() } else { text };
        if finder.replace(now, sub, keyed, spare) {
            std::mem::swap(out, spare);
            any = true;
        }
    }
    any
}

/// See `conversion` in `native.wit`.
fn converted(value: ValueRef<'_>, to: ValueType, out: &mut Vec<u8>) -> Shape {
    match (to, value) {
        (ValueType::Str, ValueRef::Str(_)) => Shape::Keep,
        (ValueType::Str, value) => {
            put_text(out, value);
            Shape::Str
        }
        (ValueType::Int, ValueRef::Double(number)) => {
            // Beyond this range there is no integer to convert to.
            let fits = number > -9.3e18 && (i64::MIN as f64..-(i64::MIN as f64)).contains(&number);
            if fits { Shape::Int(number as i64) } else { Shape::Keep }
        }
        (ValueType::Int, ValueRef::Bool(set)) => Shape::Int(set.into()),
        (ValueType::Int, ValueRef::Str(text)) => text.parse().map_or(Shape::Keep, Shape::Int),
        (ValueType::Double, ValueRef::Int(number)) => Shape::Double(number as f64),
        (ValueType::Double, ValueRef::Bool(set)) => Shape::Double(f64::from(u8::from(set))),
        (ValueType::Double, ValueRef::Str(text)) => double(text).map_or(Shape::Keep, Shape::Double),
        (ValueType::Boolean, ValueRef::Str("true")) => Shape::Bool(true),
        (ValueType::Boolean, ValueRef::Str("false")) => Shape::Bool(false),
        (ValueType::Boolean, ValueRef::Int(number)) => Shape::Bool(number != 0),
        (ValueType::Boolean, ValueRef::Double(number)) => Shape::Bool(number != 0.0),
        _ => Shape::Keep,
    }
}

/// A number as Go reads it in decimal: what overflows does not convert.
fn double(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    // Go takes `_` between digits.
    let separator = |at: usize| bytes[at] == b'_' && digit(at.checked_sub(1)) && digit(Some(at + 1));
    let number: f64 = match memchr::memchr(b'_', bytes) {
        None => text.parse().ok()?,
        Some(_) => {
            let plain = text.char_indices().filter(|(at, _)| !separator(*at)).map(|(_, c)| c);
            plain.collect::<String>().parse().ok()?
        }
    };
    let named = text.bytes().any(|b| matches!(b, b'n' | b'N'));
    (number.is_finite() || named).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_those_of_the_contract() {
        let check = |value, to, expect, text: &str| {
            let mut out = Vec::new();
            assert_eq!(converted(value, to, &mut out), expect, "{value:?} to {to:?}");
            assert_eq!(String::from_utf8_lossy(&out), text);
        };
        let none = "";
        check(ValueRef::Double(1e21), ValueType::Str, Shape::Str, "1e+21");
        check(ValueRef::Double(0.5), ValueType::Str, Shape::Str, "0.5");
        check(ValueRef::Int(-3), ValueType::Str, Shape::Str, "-3");
        check(ValueRef::Bool(true), ValueType::Str, Shape::Str, "true");
        check(ValueRef::Double(-1.9), ValueType::Int, Shape::Int(-1), none);
        check(ValueRef::Double(f64::NAN), ValueType::Int, Shape::Keep, none);
        check(ValueRef::Str("1_0.5"), ValueType::Double, Shape::Double(10.5), none);
        check(ValueRef::Str("1__0"), ValueType::Double, Shape::Keep, none);
        check(ValueRef::Str("1_"), ValueType::Double, Shape::Keep, none);
        check(ValueRef::Double(1e300), ValueType::Int, Shape::Keep, none);
        check(ValueRef::Str("42"), ValueType::Int, Shape::Int(42), none);
        check(ValueRef::Str(" 42"), ValueType::Int, Shape::Keep, none);
        check(ValueRef::Str("4.2"), ValueType::Int, Shape::Keep, none);
        check(ValueRef::Str("4.5"), ValueType::Double, Shape::Double(4.5), none);
        check(ValueRef::Str("1e999"), ValueType::Double, Shape::Keep, none);
        check(ValueRef::Str("true"), ValueType::Boolean, Shape::Bool(true), none);
        check(ValueRef::Str("TRUE"), ValueType::Boolean, Shape::Keep, none);
        check(ValueRef::Int(2), ValueType::Boolean, Shape::Bool(true), none);
        check(ValueRef::Empty, ValueType::Int, Shape::Keep, none);
    }
}
