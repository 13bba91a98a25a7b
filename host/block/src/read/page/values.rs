//! The present values of a page, typed.

use super::{ByteList, DATA_PAGE_BYTES_MAX, Encoding, Page, PageError, delta, hybrid};

/// How a leaf stores its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Physical {
    /// Bits.
    Bool,
    /// Widened to `i64` when decoded.
    Int32,
    /// As it is.
    Int64,
    /// As it is.
    Double,
    /// Byte strings.
    Bytes,
}

/// The entries of a dictionary page.
#[derive(Debug, Clone)]
pub(crate) enum Dictionary {
    /// INT32 and INT64.
    Ints(Vec<i64>),
    /// DOUBLE.
    Doubles(Vec<f64>),
    /// BYTE_ARRAY.
    Bytes(ByteList<'static>),
}

/// Present values in order.
#[derive(Debug, Clone)]
pub(crate) enum Values<'a> {
    /// Codes into the dictionary; none lies beyond its end.
    Codes(Vec<u32>),
    /// INT32 and INT64.
    Ints(Vec<i64>),
    /// DOUBLE.
    Doubles(Vec<f64>),
    /// BOOLEAN.
    Bools(Vec<bool>),
    /// BYTE_ARRAY.
    Bytes(ByteList<'a>),
}

impl Dictionary {
    /// Decodes the PLAIN entries of a dictionary page.
    pub(crate) fn decode(src: &[u8], physical: Physical, entries: usize) -> Result<Self, PageError> {
        let dictionary = match plain(src, physical, entries)? {
            Values::Ints(v) => Self::Ints(v),
            Values::Doubles(v) => Self::Doubles(v),
            Values::Bytes(v) => Self::Bytes(v.into_owned()),
            Values::Bools(_) | Values::Codes(_) => {
                return Err(PageError::Malformed("dictionary of booleans"));
            }
        };
        if dictionary.len() != entries {
            return Err(PageError::Truncated("dictionary"));
        }
        Ok(dictionary)
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(v) => v.len(),
            Self::Doubles(v) => v.len(),
            Self::Bytes(v) => v.len(),
        }
    }

    /// Heap bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Ints(v) => v.len() * 8,
            Self::Doubles(v) => v.len() * 8,
            Self::Bytes(v) => v.memory_bytes(),
        }
    }
}

impl Values<'_> {
    /// The same values with buffers of their own.
    pub(crate) fn into_owned(self) -> Values<'static> {
        match self {
            Self::Codes(v) => Values::Codes(v),
            Self::Ints(v) => Values::Ints(v),
            Self::Doubles(v) => Values::Doubles(v),
            Self::Bools(v) => Values::Bools(v),
            Self::Bytes(v) => Values::Bytes(v.into_owned()),
        }
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Codes(v) => v.len(),
            Self::Ints(v) => v.len(),
            Self::Doubles(v) => v.len(),
            Self::Bools(v) => v.len(),
            Self::Bytes(v) => v.len(),
        }
    }
}

impl<'a> Page<'a> {
    /// All present values. There may be fewer than entries, and (padding) more than are present: `present`
    /// bounds them where the caller knows it, else [`Page::entries`] does. `dictionary_len` is the number
    /// of dictionary entries, if the chunk has a dictionary.
    pub(crate) fn decode(
        &self,
        physical: Physical,
        dictionary_len: Option<usize>,
        present: Option<usize>,
        pool: &mut Vec<u32>,
    ) -> Result<Values<'a>, PageError> {
        let count = present.unwrap_or(self.entries);
        let values = match (self.encoding, physical) {
            (Encoding::Dictionary, _) => {
                let len = dictionary_len.ok_or(PageError::Malformed("page without a dictionary"))?;
                Values::Codes(codes(self.values, count, present.is_some(), len, pool)?)
            }
            (Encoding::Plain, _) => plain(self.values, physical, count)?,
            (Encoding::Rle, Physical::Bool) => {
                let cut = PageError::Truncated("booleans");
                let (len, rest) = self.values.split_first_chunk::<4>().ok_or(cut.clone())?;
                let src = rest.get(..u32::from_le_bytes(*len) as usize).ok_or(cut)?;
                let mut bits = Vec::new();
                hybrid::decode(src, 1, count, &mut bits)?;
                Values::Bools(bits.iter().map(|&bit| bit == 1).collect())
            }
            (Encoding::Delta, Physical::Int32 | Physical::Int64) => {
                let mut out = Vec::new();
                if !self.values.is_empty() {
                    delta::decode(self.values, &mut out)?;
                }
                if physical == Physical::Int32 {
                    out.iter_mut().for_each(|v| *v = i64::from(*v as i32));
                }
                Values::Ints(out)
            }
            (Encoding::DeltaLength, Physical::Bytes) => {
                let mut out = ByteList::default();
                if !self.values.is_empty() {
                    delta::decode_lengths(self.values, &mut Vec::new(), &mut out)?;
                }
                Values::Bytes(out)
            }
            (Encoding::DeltaBytes, Physical::Bytes) => {
                let mut out = ByteList::default();
                if !self.values.is_empty() {
                    delta::decode_prefixed(self.values, &mut Vec::new(), DATA_PAGE_BYTES_MAX, &mut out)?;
                }
                Values::Bytes(out)
            }
            (encoding, _) => {
                return Err(PageError::Unsupported {
                    what: "encoding of this type",
                    number: encoding as i64,
                });
            }
        };
        if let Some(present) = present
            && values.len() < present
        {
            return Err(PageError::Truncated("values"));
        }
        Ok(values)
    }
}

/// Dictionary codes; without an exact count the (zero) padding of the last run is among them.
fn codes(
    src: &[u8],
    count: usize,
    exact: bool,
    dictionary_len: usize,
    pool: &mut Vec<u32>,
) -> Result<Vec<u32>, PageError> {
    let mut out = std::mem::take(pool);
    out.clear();
    let Some((&width, src)) = src.split_first() else { return Ok(out) };
    if width > 32 {
        return Err(PageError::Malformed("bit width of codes"));
    }
    hybrid::decode(src, u32::from(width), count, &mut out)?;
    let largest = out.iter().copied().max();
    if largest.is_some_and(|largest| largest as usize >= dictionary_len) {
        // Without values there is no dictionary entry, and all that was read is padding.
        if exact || dictionary_len > 0 {
            return Err(PageError::Malformed("dictionary code"));
        }
        out.clear();
    }
    Ok(out)
}

/// PLAIN values; decodes at most `count`.
fn plain(src: &[u8], physical: Physical, count: usize) -> Result<Values<'_>, PageError> {
    Ok(match physical {
        Physical::Bool => {
            let bits = src.iter().flat_map(|&byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            Values::Bools(bits.take(count).collect())
        }
        Physical::Int32 => {
            let words = src.as_chunks::<4>().0.iter().take(count);
            Values::Ints(words.map(|b| i64::from(i32::from_le_bytes(*b))).collect())
        }
        Physical::Int64 => {
            let words = src.as_chunks::<8>().0.iter().take(count);
            Values::Ints(words.map(|b| i64::from_le_bytes(*b)).collect())
        }
        Physical::Double => {
            let words = src.as_chunks::<8>().0.iter().take(count);
            Values::Doubles(words.map(|b| f64::from_le_bytes(*b)).collect())
        }
        Physical::Bytes => {
            let mut out = ByteList::default();
            out.decode_plain(src, count)?;
            Values::Bytes(out)
        }
    })
}
