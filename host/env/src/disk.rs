//! Files as an argument: the narrow set of calls whose failures durability is argued from.

use std::io;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

/// A file system. Paths are used as given; nothing is created implicitly.
pub trait Disk: Send + Sync + 'static {
    /// Creates a directory and its parents. Existing ones are fine. Not durable until the parent is synced.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The entries of a directory, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Creates a file that must not exist yet, readable and writable.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file, readable and writable.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading alone: mounts of configuration and secrets allow nothing else.
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    /// Replaces `to` by `from` atomically. Not durable until the directory is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Unlinks a file. Open handles stay readable. Not durable until the directory is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory. Not durable until its parent is synced.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes an exclusive lock that dies with the process or the guard. `WouldBlock` when taken.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Bytes an unprivileged writer may still use on the volume of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file with positioned I/O; no cursor, so readers and the writer never disturb each other.
pub trait DiskFile: Send + Sync + 'static {
    /// Current length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at `offset`; may be short, 0 at or after the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes the buffers one after the other from `offset`; **may be short**, returns bytes written.
    fn write_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Makes data and length durable. After an error nothing may be assumed about bytes written since
    /// the last success, and the call **must not be repeated** on this file: the kernel may have dropped
    /// the dirty pages and would answer success.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or extends the file. Not durable until [`DiskFile::sync_data`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Numbers that change when the content is replaced, so that an unchanged file need not be read; `None`
    /// where a disk has no such thing.
    fn stamp(&self) -> io::Result<Option<[u64; 3]>> {
        Ok(None)
    }
}

/// Holds a lock until dropped.
pub trait DiskLock: Send + Sync {}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File name without directory. Names that are not UTF-8 are left out of listings.
    pub name: String,
    /// Length in bytes; 0 for directories.
    pub bytes: u64,
    /// True for directories.
    pub is_dir: bool,
}

impl dyn DiskFile {
    /// Reads exactly `buf.len()` bytes, or fails with `UnexpectedEof`.
    pub fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }
}
