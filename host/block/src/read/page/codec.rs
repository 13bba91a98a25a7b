//! Decompression into a buffer that is used again for the next page.

use super::{Encoding, Page, PageError, PageHeader, PageKind};
use std::cell::RefCell;

/// Compression of a column chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// None.
    Plain,
    /// Snappy's raw form.
    Snappy,
    /// Zstandard.
    Zstd,
}

thread_local! {
    /// A Zstandard context is 160 KiB that the kernel hands out page by page: made once per leaf, as a trace
    /// by id would, it costs more than the decompression. A thread needs one.
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Output of one reader's decompression.
#[derive(Default)]
pub(crate) struct Scratch {
    out: Vec<u8>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("bytes", &self.out.len()).finish_non_exhaustive()
    }
}

impl Scratch {
    /// The sections of the data page with this header. `levels` says whether the leaf has
    /// (repetition, definition) levels.
    pub(crate) fn open<'a>(
        &'a mut self,
        header: &PageHeader,
        body: &'a [u8],
        codec: Codec,
        levels: (bool, bool),
    ) -> Result<Page<'a>, PageError> {
        let page =
            |rep, def, values| Page { entries: header.entries, rep, def, encoding: header.encoding, values };
        match header.kind {
            PageKind::Data => {
                let raw = self.decompress(codec, body, header.raw_bytes)?;
                let (rep, raw) = if levels.0 { section(raw)? } else { (&raw[..0], raw) };
                let (def, values) = if levels.1 { section(raw)? } else { (&raw[..0], raw) };
                Ok(page(rep, def, values))
            }
            PageKind::DataV2 { rep_len, def_len, compressed } => {
                let cut = PageError::Truncated("levels");
                let (rep, rest) = body.split_at_checked(rep_len).ok_or(cut.clone())?;
                let (def, values) = rest.split_at_checked(def_len).ok_or(cut)?;
                if !compressed || values.is_empty() {
                    return Ok(page(rep, def, values));
                }
                let raw = header.raw_bytes.checked_sub(rep_len + def_len);
                let raw = raw.ok_or(PageError::Malformed("page size"))?;
                let values = self.decompress(codec, values, raw)?;
                Ok(page(rep, def, values))
            }
            PageKind::Dictionary | PageKind::Other => Err(PageError::Malformed("data page")),
        }
    }

    /// The entries of a dictionary page, PLAIN.
    pub(crate) fn open_dictionary<'a>(
        &'a mut self,
        header: &PageHeader,
        body: &'a [u8],
        codec: Codec,
    ) -> Result<&'a [u8], PageError> {
        if header.kind != PageKind::Dictionary {
            return Err(PageError::Malformed("dictionary page"));
        }
        if !matches!(header.encoding, Encoding::Plain | Encoding::Dictionary) {
            return Err(PageError::Malformed("dictionary encoding"));
        }
        self.decompress(codec, body, header.raw_bytes)
    }

    fn decompress<'a>(&'a mut self, codec: Codec, body: &'a [u8], raw: usize) -> Result<&'a [u8], PageError> {
        let written = match codec {
            Codec::Plain => return Ok(body),
            Codec::Snappy => {
                let announced = snap::raw::decompress_len(body);
                if announced.map_err(|e| PageError::Decompress(e.to_string()))? != raw {
                    return Err(PageError::Malformed("snappy length"));
                }
                if self.out.len() < raw {
                    self.out.resize(raw, 0);
                }
                snap::raw::Decoder::new()
                    .decompress(body, &mut self.out[..raw])
                    .map_err(|e| PageError::Decompress(e.to_string()))?
            }
            Codec::Zstd => {
                if self.out.len() < raw {
                    self.out.resize(raw, 0);
                }
                let out = &mut self.out[..raw];
                ZSTD.with_borrow_mut(|context| {
                    let zstd = match context {
                        Some(zstd) => zstd,
                        none => none.insert(zstd::bulk::Decompressor::new()?),
                    };
                    zstd.decompress_to_buffer(body, out)
                })
                .map_err(failed)?
            }
        };
        if written != raw {
            return Err(PageError::Malformed("page size"));
        }
        Ok(&self.out[..raw])
    }
}

fn failed(error: std::io::Error) -> PageError {
    PageError::Decompress(error.to_string())
}

/// A length-prefixed level section of a version 1 page, and what follows.
fn section(raw: &[u8]) -> Result<(&[u8], &[u8]), PageError> {
    let cut = PageError::Truncated("levels");
    let (len, rest) = raw.split_first_chunk::<4>().ok_or(cut.clone())?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or(cut)
}
