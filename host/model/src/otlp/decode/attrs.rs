//! `KeyValue`: the innermost loop of decoding.

use super::{Result, merge, replace};
use crate::otlp::any_value::{
    ANY_VALUE, ARRAY, BOOL, BYTES, DOUBLE, FIRST, INT, KEY_VALUE, KVLIST, STRING, VALUE, canonical, check,
};
use crate::otlp::wire::Reader;
use crate::{AttrType, Attrs, Dict};
use std::borrow::Cow;

/// The dictionaries that decoding fills.
pub(super) struct Interner<'a> {
    pub(super) names: &'a mut Dict,
    pub(super) values: &'a mut Dict,
    pub(super) raw: &'a mut Dict,
}

/// The key and the encoded value of a KeyValue written the usual way: key, value, nothing else, each
/// shorter than 128 bytes.
#[inline]
fn usual(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let [tag, len, rest @ ..] = pair else { return None };
    if u32::from(*tag) != FIRST || *len >= 0x80 {
        return None;
    }
    let (name, rest) = rest.split_at_checked(*len as usize)?;
    let [tag, len, value @ ..] = rest else { return None };
    // A length of two bytes never equals what follows, having its high bit set.
    if u32::from(*tag) != VALUE || *len >= 0x80 || *len as usize != value.len() {
        return None;
    }
    Some((name, value))
}

impl Interner<'_> {
    /// Appends a KeyValue at nesting level `depth` to the list being filled.
    #[inline]
    pub(super) fn attr(&mut self, attrs: &mut Attrs, pair: &[u8], depth: u32) -> Result<()> {
        let Some((name, value)) = usual(pair) else { return self.attr_slow(attrs, pair, depth) };
        let key = self.names.intern(name);
        let (ty, val) = self.value(value, depth + 1)?;
        attrs.push(key, ty, val);
        Ok(())
    }

    #[inline(never)]
    fn attr_slow(&mut self, attrs: &mut Attrs, pair: &[u8], depth: u32) -> Result<()> {
        let mut reader = Reader::new(pair);
        let (mut name, mut value): (&[u8], Option<Cow<'_, [u8]>>) = (&[], None);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => replace(&mut name, reader.bytes()?)?,
                VALUE => merge(&mut value, reader.bytes()?, depth + 1)?,
                other => reader.unknown(other, &KEY_VALUE, depth)?,
            }
        }
        let key = self.names.intern(name);
        let (ty, val) = match value {
            None => (AttrType::Absent, 0),
            Some(value) => self.value(&value, depth + 1)?,
        };
        attrs.push(key, ty, val);
        Ok(())
    }

    /// Type and column value of an encoded AnyValue at nesting level `depth`.
    #[inline]
    fn value(&mut self, value: &[u8], depth: u32) -> Result<(AttrType, u64)> {
        // The string that fills the message: two of three values.
        if let [tag, len, text @ ..] = value
            && u32::from(*tag) == STRING
            && *len < 0x80
            && *len as usize == text.len()
        {
            return Ok((AttrType::Str, self.values.intern(text).into()));
        }
        self.value_slow(value, depth)
    }

    fn value_slow(&mut self, value: &[u8], depth: u32) -> Result<(AttrType, u64)> {
        let mut reader = Reader::new(value);
        let Some(key) = reader.key()? else { return Ok((AttrType::Empty, 0)) };
        let read = match key {
            STRING => {
                let text = reader.bytes()?;
                if !reader.rest().is_empty() {
                    return self.value_rewritten(value, depth);
                }
                (AttrType::Str, self.values.intern(text).into())
            }
            INT => (AttrType::Int, reader.varint()?),
            DOUBLE => (AttrType::Double, reader.fixed64()?),
            BOOL => (AttrType::Bool, u64::from(reader.varint()? != 0)),
            ARRAY | KVLIST | BYTES => {
                if !check(value, depth)? {
                    return self.value_rewritten(value, depth);
                }
                let ty = match key {
                    ARRAY => AttrType::Array,
                    KVLIST => AttrType::Map,
                    _ => AttrType::Bytes,
                };
                return Ok((ty, self.raw.intern(value).into()));
            }
            other => {
                reader.unknown(other, &ANY_VALUE, depth)?;
                return self.value_rewritten(value, depth);
            }
        };
        if reader.rest().is_empty() { Ok(read) } else { self.value_rewritten(value, depth) }
    }

    /// A value that says something twice, or something we do not know.
    #[cold]
    fn value_rewritten(&mut self, value: &[u8], depth: u32) -> Result<(AttrType, u64)> {
        check(value, depth)?;
        let mut one = Vec::new();
        canonical(value, &mut one, depth)?;
        // Canonical: one known field at most, so this comes back here no second time.
        self.value_slow(&one, depth)
    }
}
