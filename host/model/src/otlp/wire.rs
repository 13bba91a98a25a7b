//! The protobuf wire format: keys, varints, fields, skipping what is unknown.

use crate::error::DecodeError;

/// Deepest nesting of messages and groups, the request being level 0: what prost accepts, so that every
/// client built on it can read what we stored.
pub const DEPTH_MAX: u32 = 100;

/// Wire types.
pub(super) const VARINT: u8 = 0;
pub(super) const FIXED64: u8 = 1;
pub(super) const LEN: u8 = 2;
pub(super) const GROUP: u8 = 3;
pub(super) const GROUP_END: u8 = 4;
pub(super) const FIXED32: u8 = 5;

/// Field key of `field` with `wire_type`.
pub(super) const fn key(field: u32, wire_type: u8) -> u32 {
    field << 3 | wire_type as u32
}

/// What a message's parser knows about itself, for the fields it does not handle.
pub(super) struct Message {
    /// Its name in errors.
    pub(super) name: &'static str,
    /// Bit n: field n exists, and with another wire type it is refused rather than skipped.
    pub(super) fields: u32,
}

/// Reads one message's fields.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    buf: &'a [u8],
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(buf: &'a [u8]) -> Self {
        Self { buf }
    }

    /// What has not been read yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.buf
    }

    /// The next field's key, or nothing at the end of the message.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<u32>> {
        match *self.buf {
            [] => Ok(None),
            // One byte, and not field number 0.
            [first @ 8..0x80, ref rest @ ..] => {
                self.buf = rest;
                Ok(Some(first.into()))
            }
            _ => self.key_slow().map(Some),
        }
    }

    #[inline(never)]
    fn key_slow(&mut self) -> Result<u32> {
        let key = self.varint()?;
        if key > u64::from(u32::MAX) || key < 8 || key as u8 & 7 > FIXED32 {
            return Err(DecodeError::Key { key });
        }
        Ok(key as u32)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64> {
        match *self.buf {
            [first @ 0..0x80, ref rest @ ..] => {
                self.buf = rest;
                Ok(first.into())
            }
            [first, second @ 0..0x80, ref rest @ ..] => {
                self.buf = rest;
                Ok(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => self.varint_slow(),
        }
    }

    #[inline(never)]
    fn varint_slow(&mut self) -> Result<u64> {
        let mut value = 0;
        for (i, &byte) in self.buf.iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.buf = &self.buf[i + 1..];
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A length-delimited field's content.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        let len = usize::try_from(len).map_err(|_| DecodeError::Truncated)?;
        let (bytes, rest) = self.buf.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.buf = rest;
        Ok(bytes)
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Result<u64> {
        let (bytes, rest) = self.buf.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.buf = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Result<u32> {
        let (bytes, rest) = self.buf.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.buf = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Passes over a field that the parser of `message`, at nesting level `depth`, does not handle.
    #[inline(never)]
    pub(super) fn unknown(&mut self, key: u32, message: &Message, depth: u32) -> Result<()> {
        let (field, wire_type) = (key >> 3, key as u8 & 7);
        if field < 32 && message.fields >> field & 1 == 1 {
            return Err(DecodeError::WireType { message: message.name, field, wire_type });
        }
        self.skip(key, depth)
    }

    /// Passes over a field, groups with all they hold.
    pub(super) fn skip(&mut self, key: u32, depth: u32) -> Result<()> {
        if depth >= DEPTH_MAX {
            return Err(DecodeError::Depth);
        }
        match key as u8 & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LEN => self.bytes().map(drop),
            FIXED32 => self.fixed32().map(drop),
            GROUP => loop {
                let inner = self.key()?.ok_or(DecodeError::Group)?;
                if inner as u8 & 7 != GROUP_END {
                    self.skip(inner, depth + 1)?;
                } else if inner >> 3 == key >> 3 {
                    return Ok(());
                } else {
                    return Err(DecodeError::Group);
                }
            },
            GROUP_END => Err(DecodeError::Group),
            _ => Err(DecodeError::Key { key: key.into() }),
        }
    }

    /// Checks that `message` is a sequence of whole fields, whatever they hold.
    pub(super) fn check_fields(message: &[u8], depth: u32) -> Result<()> {
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            reader.skip(key, depth)?;
        }
        Ok(())
    }
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-delimited field.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(out, key(field, LEN).into());
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Text of a field that a later occurrence replaces: nobody else would check it.
pub(super) fn check_utf8(bytes: &[u8]) -> Result<()> {
    std::str::from_utf8(bytes).map(drop).map_err(|_| DecodeError::Utf8)
}
