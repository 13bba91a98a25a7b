//! Whole files through the disk seam.

use cadenza_env::Disk;
use std::io::{self, IoSlice};
use std::path::Path;

/// Reads a file that must not be longer than `bytes_max`.
pub(crate) fn read(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = file.len()?;
    if length > bytes_max {
        return Err(io::Error::other(format!("{length} bytes, the limit is {bytes_max}")));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes a file whole or not at all, and durably.
pub(crate) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a path without a folder"))?;
    disk.create_dir_all(folder)?;
    let unfinished = path.with_extension("part");
    match disk.remove(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create_new(&unfinished)?;
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&[IoSlice::new(&bytes[written..])], written as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => written += n,
        }
    }
    file.sync_data()?;
    disk.rename(&unfinished, path)?;
    disk.sync_dir(folder)
}
