//! One file of the log, and its header.

use super::unlink::Unlinker;
use crate::error::Malformed;
use crate::frame::BLOCK_BYTES;
use crate::replay::DamageKind;
use cadenza_env::{Disk, DiskFile};
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const MAGIC: [u8; 8] = *b"CADZWAL\0";
const VERSION: u32 = 1;
/// Length of one copy of the header.
const HEADER_BYTES: usize = 64;
/// Copies lie in sectors of their own: one bad sector, or one flipped bit, costs one copy.
const COPIES_APART: usize = 1024;
/// Where the first commit starts.
pub(crate) const FIRST_COMMIT: u64 = BLOCK_BYTES;

/// What a segment's file begins with.
///
/// `previous` and `previous_good` say what came before: the segments between `previous` and this one hold
/// nothing (a failed sync voided them), and of `previous` only the first `previous_good` bytes count, since
/// what followed was refused or is repeated here. [`u64::MAX`]: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) segment: u64,
    pub(crate) salt: u64,
    pub(crate) created_unix_ns: u64,
    pub(crate) previous: u64,
    pub(crate) previous_good: u64,
}

impl FileHeader {
    /// The first block of the file.
    pub(crate) fn block(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_BYTES);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        for number in [self.segment, self.salt, self.created_unix_ns, self.previous, self.previous_good] {
            copy.extend_from_slice(&number.to_le_bytes());
        }
        copy.extend_from_slice(&[0; 4]);
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        let mut block = vec![0; BLOCK_BYTES as usize];
        for at in (0..block.len()).step_by(COPIES_APART) {
            block[at..at + HEADER_BYTES].copy_from_slice(&copy);
        }
        block
    }

    fn parse_copy(copy: &[u8]) -> Option<Self> {
        let (body, crc) = copy.split_last_chunk::<4>()?;
        let number = |at: usize| Some(u64::from_le_bytes(*body.get(at..)?.first_chunk()?));
        if body[..8] != MAGIC
            || body[8..12] != VERSION.to_le_bytes()
            || crc32c::crc32c(body) != u32::from_le_bytes(*crc)
        {
            return None;
        }
        Some(Self {
            segment: number(16)?,
            salt: number(24)?,
            created_unix_ns: number(32)?,
            previous: number(40)?,
            previous_good: number(48)?,
        })
    }

    /// From the first block, as much of it as there is.
    pub(crate) fn parse(block: &[u8], segment: u64) -> Result<Self, DamageKind> {
        let copies = || block.chunks(COPIES_APART).filter_map(|copy| copy.get(..HEADER_BYTES));
        if let Some(header) = copies().filter_map(Self::parse_copy).find(|header| header.segment == segment) {
            return Ok(header);
        }
        // Damage hits one copy; a version is the same in all.
        let other = |copy: &[u8]| copy[..8] == MAGIC && copy[8..12] != VERSION.to_le_bytes();
        if copies().filter(|copy| other(copy)).count() > 1 {
            return Err(DamageKind::UnknownVersion);
        }
        Err(DamageKind::FileHeader)
    }
}

/// The file name of a segment.
pub(crate) fn file_name(segment: u64) -> String {
    format!("{segment:010}.wal")
}

/// The segment of a file name.
pub(crate) fn parse_file_name(name: &str) -> Option<u64> {
    let segment = name.strip_suffix(".wal")?.parse().ok()?;
    (file_name(segment) == name).then_some(segment)
}

/// A segment on the disk. When it was retired and nobody uses it any more, its file goes.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) path: PathBuf,
    disk: Arc<dyn Disk>,
    file: Mutex<Option<Arc<dyn DiskFile>>>,
    header: Mutex<Option<FileHeader>>,
    /// Bytes of the file that count.
    pub(crate) bytes: AtomicU64,
    /// Frames of spans that are durable here, as far as known.
    pub(crate) frames: AtomicU64,
    /// Appends may go here.
    pub(crate) active: AtomicBool,
    /// Given up by the caller, or found to hold nothing.
    pub(crate) released: AtomicBool,
    /// Not readable: never unlinked, and in nobody's way.
    pub(crate) inert: AtomicBool,
    /// There before this process.
    pub(crate) old: bool,
    unlinker: Arc<Unlinker>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment({})", self.id)
    }
}

impl Segment {
    /// A segment of an earlier process.
    pub(crate) fn found(
        id: u64,
        dir: &Path,
        bytes: u64,
        disk: Arc<dyn Disk>,
        unlinker: Arc<Unlinker>,
    ) -> Self {
        Self {
            id,
            path: dir.join(file_name(id)),
            disk,
            file: Mutex::new(None),
            header: Mutex::new(None),
            bytes: AtomicU64::new(bytes),
            frames: AtomicU64::new(0),
            active: AtomicBool::new(false),
            released: AtomicBool::new(false),
            inert: AtomicBool::new(false),
            old: true,
            unlinker,
        }
    }

    /// A segment just made.
    pub(crate) fn made(
        header: FileHeader,
        file: Arc<dyn DiskFile>,
        dir: &Path,
        disk: Arc<dyn Disk>,
        unlinker: Arc<Unlinker>,
    ) -> Self {
        let mut segment = Self::found(header.segment, dir, 0, disk, unlinker);
        segment.file = Mutex::new(Some(file));
        segment.header = Mutex::new(Some(header));
        segment.active = AtomicBool::new(true);
        segment.old = false;
        segment
    }

    /// The open file.
    pub(crate) fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        let mut file = self.file.lock();
        if let Some(file) = &*file {
            return Ok(file.clone());
        }
        let opened = self.disk.open(&self.path)?;
        *file = Some(opened.clone());
        Ok(opened)
    }

    /// The header, if it has been read.
    pub(crate) fn known_header(&self) -> Option<FileHeader> {
        *self.header.lock()
    }

    /// The header.
    pub(crate) fn header(&self) -> io::Result<Result<FileHeader, DamageKind>> {
        if let Some(header) = self.known_header() {
            return Ok(Ok(header));
        }
        let file = self.file()?;
        let mut block = vec![0; BLOCK_BYTES as usize];
        let len = read_up_to(&*file, &mut block, 0)?;
        let parsed = FileHeader::parse(&block[..len], self.id);
        if let Ok(header) = parsed {
            *self.header.lock() = Some(header);
        }
        Ok(parsed)
    }

    /// Bytes at `offset`, all of them.
    pub(crate) fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        self.file()?.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    }

    /// The error of a frame that cannot be where it should.
    pub(crate) fn no_header() -> Malformed {
        Malformed("file header is damaged")
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.unlinker.unused(self.id);
    }
}

/// Fills as much of `buffer` as the file has.
pub(crate) fn read_up_to(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// True if the segment may go as soon as it is the oldest.
pub(crate) fn is_released(segment: &Segment) -> bool {
    segment.released.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: FileHeader =
        FileHeader { segment: 7, salt: 1, created_unix_ns: 2, previous: 5, previous_good: 8192 };

    #[test]
    fn any_copy_of_the_file_header_is_enough() {
        for kept in 0..4 {
            let mut block = HEADER.block();
            for copy in (0..4).filter(|&copy| copy != kept) {
                block[copy * COPIES_APART + 20] ^= 1;
            }
            assert_eq!(FileHeader::parse(&block, 7), Ok(HEADER));
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        let block = HEADER.block();
        assert_eq!(FileHeader::parse(&[], 7), Err(DamageKind::FileHeader));
        assert_eq!(FileHeader::parse(&block[..63], 7), Err(DamageKind::FileHeader));
        assert_eq!(FileHeader::parse(&block[..64], 7), Ok(HEADER));
        assert_eq!(FileHeader::parse(&block, 8), Err(DamageKind::FileHeader), "renamed");
        let mut newer = block.clone();
        for copy in 0..4 {
            newer[copy * COPIES_APART + 8] = 2;
        }
        assert_eq!(FileHeader::parse(&newer, 7), Err(DamageKind::UnknownVersion));
        for (name, segment) in [("0000000007.wal", Some(7)), ("7.wal", None), ("0000000007", None)] {
            assert_eq!(parse_file_name(name), segment);
        }
    }
}
