//! Page headers: the compact-thrift walk, reduced to the fields a reader needs.

use super::{DATA_PAGE_BYTES_MAX, DICTIONARY_BYTES_MAX, PAGE_ENTRIES_MAX, PageError};

/// Nesting of thrift structures in a page header; real ones have three levels.
const DEPTH_MAX: u32 = 16;

/// Value encodings in use by some Tempo version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Back to back.
    Plain,
    /// Codes into the chunk's dictionary.
    Dictionary,
    /// The level encoding, for booleans.
    Rle,
    /// DELTA_BINARY_PACKED.
    Delta,
    /// DELTA_LENGTH_BYTE_ARRAY.
    DeltaLength,
    /// DELTA_BYTE_ARRAY.
    DeltaBytes,
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Version 1: levels are compressed with the values.
    Data,
    /// Version 2: levels lie uncompressed in front.
    DataV2 {
        /// Bytes of repetition levels.
        rep_len: usize,
        /// Bytes of definition levels.
        def_len: usize,
        /// Whether the values are compressed.
        compressed: bool,
    },
    /// The dictionary of the chunk.
    Dictionary,
    /// Something to skip over.
    Other,
}

/// A page header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// What the page is.
    pub(crate) kind: PageKind,
    /// Bytes of the header itself.
    pub(crate) header_bytes: usize,
    /// Bytes that follow it in the file.
    pub(crate) body_bytes: usize,
    /// Bytes after decompression, levels of version 2 included.
    pub(crate) raw_bytes: usize,
    /// Levels, or dictionary entries.
    pub(crate) entries: usize,
    /// Encoding of the values.
    pub(crate) encoding: Encoding,
}

/// What a header says of its kind of page. Fields that Parquet requires have no default: one flipped bit makes
/// a field another one.
#[derive(Default)]
struct Inner {
    entries: Option<i64>,
    encoding: Option<i64>,
    def_len: i64,
    rep_len: i64,
    compressed: Option<bool>,
}

impl PageHeader {
    /// Reads the header at the start of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PageError> {
        let mut walk = Walk { bytes, at: 0 };
        let (mut kind, mut raw, mut body) = (None, 0, 0);
        let mut inner = Inner::default();
        let mut last = 0;
        while let Some((id, ty)) = walk.field(&mut last)? {
            match (id, ty) {
                (1, 5) => kind = Some(walk.int()?),
                (2, 5) => raw = walk.int()?,
                (3, 5) => body = walk.int()?,
                (5 | 7, 12) => inner = walk.inner(false)?,
                (8, 12) => inner = walk.inner(true)?,
                (_, ty) => walk.skip(ty, DEPTH_MAX)?,
            }
        }
        let kind = kind.ok_or(PageError::Malformed("page header"))?;
        Self::check(kind, raw, body, &inner, walk.at)
    }

    fn check(kind: i64, raw: i64, body: i64, inner: &Inner, header_bytes: usize) -> Result<Self, PageError> {
        let limit = if kind == 2 { DICTIONARY_BYTES_MAX } else { DATA_PAGE_BYTES_MAX };
        let kind = match kind {
            0 => PageKind::Data,
            2 => PageKind::Dictionary,
            3 => PageKind::DataV2 {
                rep_len: bounded("repetition levels", inner.rep_len, limit)?,
                def_len: bounded("definition levels", inner.def_len, limit)?,
                compressed: inner.compressed.unwrap_or(true),
            },
            _ => PageKind::Other,
        };
        let required = if kind == PageKind::Other { 0 } else { -1 };
        Ok(Self {
            kind,
            header_bytes,
            body_bytes: bounded("page", body, limit)?,
            raw_bytes: bounded("page", raw, limit)?,
            entries: bounded("page entries", inner.entries.unwrap_or(required), PAGE_ENTRIES_MAX)?,
            encoding: encoding(inner.encoding.unwrap_or(required))?,
        })
    }

    /// Whether the page holds rows.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self.kind, PageKind::Data | PageKind::DataV2 { .. })
    }
}

fn bounded(what: &'static str, number: i64, limit: usize) -> Result<usize, PageError> {
    let actual = u64::try_from(number).map_err(|_| PageError::Malformed(what))?;
    if actual > limit as u64 {
        return Err(PageError::TooLarge { what, actual, limit: limit as u64 });
    }
    Ok(actual as usize)
}

fn encoding(number: i64) -> Result<Encoding, PageError> {
    Ok(match number {
        0 => Encoding::Plain,
        2 | 8 => Encoding::Dictionary,
        3 => Encoding::Rle,
        5 => Encoding::Delta,
        6 => Encoding::DeltaLength,
        7 => Encoding::DeltaBytes,
        number => return Err(PageError::Unsupported { what: "encoding", number }),
    })
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn byte(&mut self) -> Result<u8, PageError> {
        let byte = *self.bytes.get(self.at).ok_or(PageError::Truncated("page header"))?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, PageError> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            out |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(out);
            }
        }
        Err(PageError::Malformed("page header"))
    }

    fn int(&mut self) -> Result<i64, PageError> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// Id and type of the next field; `None` at the end of the structure.
    fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, PageError> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.int()?,
            delta => last.saturating_add(i64::from(delta)),
        };
        Ok(Some((*last, byte & 15)))
    }

    fn inner(&mut self, v2: bool) -> Result<Inner, PageError> {
        let mut out = Inner::default();
        let mut last = 0;
        while let Some((id, ty)) = self.field(&mut last)? {
            match (id, ty) {
                (1, 5) => out.entries = Some(self.int()?),
                (2, 5) if !v2 => out.encoding = Some(self.int()?),
                (4, 5) if v2 => out.encoding = Some(self.int()?),
                (5, 5) if v2 => out.def_len = self.int()?,
                (6, 5) if v2 => out.rep_len = self.int()?,
                (7, 1 | 2) if v2 => out.compressed = Some(ty == 1),
                (_, ty) => self.skip(ty, DEPTH_MAX)?,
            }
        }
        Ok(out)
    }

    fn skip(&mut self, ty: u8, depth: u32) -> Result<(), PageError> {
        let depth = depth.checked_sub(1).ok_or(PageError::Malformed("page header"))?;
        match ty {
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.advance(8)?,
            8 => {
                let len = self.varint()?;
                self.advance(usize::try_from(len).map_err(|_| PageError::Truncated("page header"))?)?;
            }
            9 | 10 => {
                let head = self.byte()?;
                let len = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                for _ in 0..len {
                    self.skip_element(head & 15, depth)?;
                }
            }
            12 => {
                let mut last = 0;
                while let Some((_, ty)) = self.field(&mut last)? {
                    self.skip(ty, depth)?;
                }
            }
            _ => return Err(PageError::Malformed("page header")),
        }
        Ok(())
    }

    /// Booleans take a byte in a list and none as a field.
    fn skip_element(&mut self, ty: u8, depth: u32) -> Result<(), PageError> {
        match ty {
            1 | 2 => self.byte().map(drop),
            ty => self.skip(ty, depth),
        }
    }

    fn advance(&mut self, by: usize) -> Result<(), PageError> {
        let end = self.at.checked_add(by).filter(|&end| end <= self.bytes.len());
        self.at = end.ok_or(PageError::Truncated("page header"))?;
        Ok(())
    }
}
