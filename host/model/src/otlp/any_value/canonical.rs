//! Checking encoded values, and rewriting those that say something twice.

use super::{
    ANY_VALUE, ARRAY, ARRAY_VALUE, BOOL, BYTES, DOUBLE, FIRST, INT, KEY_VALUE, KEY_VALUE_LIST, KVLIST,
    STRING, VALUE,
};
use crate::error::DecodeError;
use crate::otlp::wire::{DEPTH_MAX, Message, Reader, check_utf8, put_bytes};

type Result<T> = std::result::Result<T, DecodeError>;

fn enter(depth: u32) -> Result<()> {
    if depth > DEPTH_MAX { Err(DecodeError::Depth) } else { Ok(()) }
}

/// Checks an encoded AnyValue at nesting level `depth`; tells whether it is canonical.
pub(in crate::otlp) fn check(value: &[u8], depth: u32) -> Result<bool> {
    enter(depth)?;
    let mut reader = Reader::new(value);
    let (mut fields, mut canonical) = (0, true);
    while let Some(key) = reader.key()? {
        fields += 1;
        match key {
            STRING => check_utf8(reader.bytes()?)?,
            BOOL | INT => drop(reader.varint()?),
            DOUBLE => drop(reader.fixed64()?),
            ARRAY => canonical &= check_list(reader.bytes()?, depth + 1, &ARRAY_VALUE, check)?,
            KVLIST => canonical &= check_list(reader.bytes()?, depth + 1, &KEY_VALUE_LIST, check_pair)?,
            BYTES => drop(reader.bytes()?),
            other => {
                canonical = false;
                reader.unknown(other, &ANY_VALUE, depth)?;
            }
        }
    }
    Ok(canonical && fields <= 1)
}

fn check_list(
    list: &[u8],
    depth: u32,
    message: &Message,
    element: impl Fn(&[u8], u32) -> Result<bool>,
) -> Result<bool> {
    enter(depth)?;
    let mut reader = Reader::new(list);
    let mut canonical = true;
    while let Some(key) = reader.key()? {
        if key == FIRST {
            canonical &= element(reader.bytes()?, depth + 1)?;
        } else {
            canonical = false;
            reader.unknown(key, message, depth)?;
        }
    }
    Ok(canonical)
}

fn check_pair(pair: &[u8], depth: u32) -> Result<bool> {
    enter(depth)?;
    let mut reader = Reader::new(pair);
    let (mut keys, mut values, mut canonical) = (0, 0, true);
    while let Some(key) = reader.key()? {
        match key {
            FIRST => {
                keys += 1;
                check_utf8(reader.bytes()?)?;
            }
            VALUE => {
                values += 1;
                canonical &= check(reader.bytes()?, depth + 1)?;
            }
            other => {
                canonical = false;
                reader.unknown(other, &KEY_VALUE, depth)?;
            }
        }
    }
    Ok(canonical && keys <= 1 && values <= 1)
}

/// The field of an AnyValue that counts: the last one; of a message sent in parts, all its parts.
enum Winner<'a> {
    Nothing,
    /// The field with its key, as sent.
    Scalar(&'a [u8]),
    List(u32, Vec<&'a [u8]>),
}

/// Appends the canonical form of a value that passed [`check`].
pub(in crate::otlp) fn canonical(value: &[u8], out: &mut Vec<u8>, depth: u32) -> Result<()> {
    enter(depth)?;
    let mut reader = Reader::new(value);
    let mut winner = Winner::Nothing;
    loop {
        let field = reader.rest();
        let Some(key) = reader.key()? else { break };
        match key {
            STRING | BOOL | INT | DOUBLE | BYTES => {
                reader.skip(key, 0)?;
                winner = Winner::Scalar(&field[..field.len() - reader.rest().len()]);
            }
            ARRAY | KVLIST => {
                let part = reader.bytes()?;
                match &mut winner {
                    Winner::List(same, parts) if *same == key => parts.push(part),
                    other => *other = Winner::List(key, vec![part]),
                }
            }
            other => reader.unknown(other, &ANY_VALUE, depth)?,
        }
    }
    match winner {
        Winner::Nothing => {}
        Winner::Scalar(field) => out.extend_from_slice(field),
        Winner::List(key, parts) => {
            let element = if key == ARRAY { canonical } else { canonical_pair };
            let mut list = Vec::new();
            for part in parts {
                canonical_list(part, &mut list, depth + 1, element)?;
            }
            put_bytes(out, key >> 3, &list);
        }
    }
    Ok(())
}

type Element = fn(&[u8], &mut Vec<u8>, u32) -> Result<()>;

fn canonical_list(list: &[u8], out: &mut Vec<u8>, depth: u32, element: Element) -> Result<()> {
    let mut reader = Reader::new(list);
    let mut one = Vec::new();
    while let Some(key) = reader.key()? {
        if key == FIRST {
            one.clear();
            element(reader.bytes()?, &mut one, depth + 1)?;
            put_bytes(out, 1, &one);
        } else {
            reader.skip(key, depth)?;
        }
    }
    Ok(())
}

fn canonical_pair(pair: &[u8], out: &mut Vec<u8>, depth: u32) -> Result<()> {
    let mut reader = Reader::new(pair);
    let (mut name, mut value): (&[u8], Option<Vec<u8>>) = (&[], None);
    while let Some(key) = reader.key()? {
        match key {
            FIRST => name = reader.bytes()?,
            // Parts of one message, one after another, are that message.
            VALUE => value.get_or_insert_default().extend_from_slice(reader.bytes()?),
            other => reader.skip(other, depth)?,
        }
    }
    if !name.is_empty() {
        put_bytes(out, 1, name);
    }
    if let Some(value) = value {
        let mut one = Vec::new();
        canonical(&value, &mut one, depth + 1)?;
        put_bytes(out, 2, &one);
    }
    Ok(())
}
