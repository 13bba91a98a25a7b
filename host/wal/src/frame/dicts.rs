//! Dictionaries as sections: entries in the order of their codes, code 0 left out.

use super::ROWS_MAX;
use super::pack::{Input, put_varint};
use super::wellknown;
use crate::error::Malformed;
use cadenza_model::{Code, Dict};

/// Appends a dictionary of names: well-known ones as `number << 1 | 1`, others as `length << 1` and
/// their bytes after all lengths.
pub(crate) fn put_names(out: &mut Vec<u8>, dict: &Dict, own: &mut Vec<u8>) {
    own.clear();
    put_varint(out, dict.len() as u64 - 1);
    for code in 1..dict.len() as Code {
        let entry = dict.get(code);
        if let Some(number) = wellknown::number(entry) {
            put_varint(out, u64::from(number) << 1 | 1);
        } else {
            put_varint(out, (entry.len() as u64) << 1);
            own.extend_from_slice(entry);
        }
    }
    out.extend_from_slice(own);
}

/// Reads what [`put_names`] wrote.
pub(crate) fn names(mut input: Input<'_>) -> Result<Dict, Malformed> {
    let count = input.count(ROWS_MAX)?;
    // Every entry takes a byte at least.
    if count > input.rest().len() {
        return Err(Malformed("dictionary is too short"));
    }
    let mut lengths = input;
    let mut own_bytes = 0;
    for _ in 0..count {
        let word = input.varint()?;
        if word & 1 == 0 {
            own_bytes += usize::try_from(word >> 1).unwrap_or(usize::MAX).min(input.rest().len() + 1);
        }
        if own_bytes > input.rest().len() {
            return Err(Malformed("dictionary is too short"));
        }
    }
    let mut arena = Vec::with_capacity(own_bytes);
    let mut ends = Vec::with_capacity(count + 1);
    ends.push(0);
    for _ in 0..count {
        let word = lengths.varint()?;
        if word & 1 == 1 {
            let name = wellknown::name(word >> 1).ok_or(Malformed("well-known name is unknown"))?;
            arena.extend_from_slice(name.as_bytes());
        } else {
            arena.extend_from_slice(input.take((word >> 1) as usize)?);
        }
        ends.push(u32::try_from(arena.len()).map_err(|_| Malformed("dictionary is too large"))?);
    }
    input.end()?;
    utf8(dict(arena, ends)?)
}

/// Appends a dictionary of values: lengths, then bytes.
pub(crate) fn put_values(out: &mut Vec<u8>, dict: &Dict) {
    put_varint(out, dict.len() as u64 - 1);
    let mut start = 0;
    for &end in &dict.ends()[1..] {
        put_varint(out, u64::from(end - start));
        start = end;
    }
    out.extend_from_slice(dict.arena());
}

/// Reads one dictionary that [`put_values`] wrote.
pub(crate) fn values(input: &mut Input<'_>) -> Result<Dict, Malformed> {
    let count = input.count(ROWS_MAX)?;
    // Every length takes a byte at least.
    if count > input.rest().len() {
        return Err(Malformed("dictionary is too short"));
    }
    let mut ends = Vec::with_capacity(count + 1);
    let mut bytes = 0u64;
    ends.push(0);
    for _ in 0..count {
        bytes = bytes.saturating_add(input.varint()?);
        if bytes > input.rest().len() as u64 {
            return Err(Malformed("dictionary is too short"));
        }
        ends.push(bytes as u32);
    }
    dict(input.take(bytes as usize)?.to_vec(), ends)
}

fn dict(arena: Vec<u8>, ends: Vec<u32>) -> Result<Dict, Malformed> {
    Dict::from_parts(arena, ends).map_err(|_| Malformed("dictionary offsets are wrong"))
}

/// The dictionary, if all of it is text.
pub(crate) fn utf8(dict: Dict) -> Result<Dict, Malformed> {
    if dict.is_utf8_from(0) { Ok(dict) } else { Err(Malformed("dictionary entry is not utf-8")) }
}
