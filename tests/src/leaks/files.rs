//! Bytes of files as they lie on the disk.

use super::{Canaries, Found};
use std::path::{Path, PathBuf};

/// Every file below a folder.
pub fn all(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Searches every file, its name included. Gives how many bytes there were.
pub fn search(folder: &Path, canaries: &Canaries, found: &mut Found) -> u64 {
    let mut bytes = 0;
    for path in all(folder) {
        let source = path.display().to_string();
        canaries.search(&source, source.as_bytes(), found);
        // A file may go while the server runs: then what took its place is searched.
        let content = std::fs::read(&path).unwrap_or_default();
        canaries.search(&source, &content, found);
        bytes += content.len() as u64;
    }
    bytes
}
