//! Files that are replaced whole.

use cadenza_env::Disk;
use std::io;
use std::path::Path;

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
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&unfinished, path)?;
    disk.sync_dir(folder)
}
