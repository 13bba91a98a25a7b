//! The end of the file that is being written: its length and its footer's.

use std::io::{self, Write};

/// Passes everything on, counts it and remembers the last eight bytes.
pub(super) struct Counted<W> {
    inner: W,
    bytes: u64,
    tail: [u8; 8],
}

impl<W> Counted<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, bytes: 0, tail: [0; 8] }
    }

    /// Bytes written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A Parquet file ends with the length of its footer and four letters.
    pub(super) fn footer_bytes(&self) -> u32 {
        let [a, b, c, d, ..] = self.tail;
        u32::from_le_bytes([a, b, c, d])
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.bytes += written as u64;
        let new = &buf[written.saturating_sub(8)..written];
        self.tail.rotate_left(new.len());
        self.tail[8 - new.len()..].copy_from_slice(new);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
