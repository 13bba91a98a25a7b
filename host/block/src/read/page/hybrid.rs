//! The RLE / bit-packed hybrid: runs of levels, dictionary codes and booleans.

use super::{PageError, bits};

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run<'a> {
    /// `len` times the same value.
    Same {
        /// How often.
        len: usize,
        /// What.
        value: u32,
    },
    /// `len` values back to back; the last group of eight may be padding.
    Packed {
        /// How many, padding left out where the caller's count says so.
        len: usize,
        /// The bits.
        bytes: &'a [u8],
    },
}

/// Walks the runs of a section that holds at most `left` values.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    src: &'a [u8],
    width: u32,
    left: usize,
}

impl<'a> Runs<'a> {
    /// `count` values of `width` bits.
    pub(crate) fn new(src: &'a [u8], width: u32, count: usize) -> Self {
        Self { src, width, left: count }
    }

    /// Values not yet returned.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The next run; `None` once all values are out or the bytes end.
    pub(crate) fn next_run(&mut self) -> Result<Option<Run<'a>>, PageError> {
        if self.left == 0 || self.src.is_empty() {
            return Ok(None);
        }
        let header = self.varint()?;
        let len = header >> 1;
        if header & 1 == 1 {
            let bytes = len.checked_mul(self.width as usize).ok_or(PageError::Malformed("run"))?;
            // Some writers leave the padding of the last group out.
            let bytes = bytes.min(self.src.len());
            let (run, rest) = self.src.split_at(bytes);
            self.src = rest;
            let fits = if self.width == 0 { usize::MAX } else { bytes * 8 / self.width as usize };
            let len = len.saturating_mul(8).min(self.left).min(fits);
            self.left -= len;
            return Ok(Some(Run::Packed { len, bytes: run }));
        }
        let bytes = self.width.div_ceil(8) as usize;
        let (value, rest) = self.src.split_at_checked(bytes).ok_or(PageError::Truncated("run"))?;
        let value = value.iter().rev().fold(0u32, |value, &byte| value << 8 | u32::from(byte));
        if self.width < 32 && value >> self.width != 0 {
            return Err(PageError::Malformed("run value"));
        }
        self.src = rest;
        let len = len.min(self.left);
        self.left -= len;
        Ok(Some(Run::Same { len, value }))
    }

    fn varint(&mut self) -> Result<usize, PageError> {
        let mut out = 0u64;
        for (i, &byte) in self.src.iter().take(6).enumerate() {
            out |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.src = &self.src[i + 1..];
                return Ok(out as usize);
            }
        }
        Err(PageError::Malformed("run header"))
    }
}

/// Appends up to `count` values; fewer if the section ends, which is for the caller to judge.
pub(crate) fn decode(src: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Result<(), PageError> {
    out.reserve(count.min(src.len().saturating_mul(8).max(1 << 16)));
    let mut runs = Runs::new(src, width, count);
    while let Some(run) = runs.next_run()? {
        match run {
            Run::Same { len, value } => out.resize(out.len() + len, value),
            Run::Packed { len, bytes } => bits::unpack_u32(bytes, width, len, out)?,
        }
    }
    Ok(())
}
