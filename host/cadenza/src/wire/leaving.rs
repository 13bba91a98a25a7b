//! Whether this server leaves for good when it stops: then nothing may stay in its log.

use cadenza_env::Disk;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The marker of a prepared departure, by the name that Tempo's has.
const MARKER: &str = "shutdown-requested.txt";

/// Remembered on disk: whoever prepared it must be able to rely on it over a restart.
pub(crate) struct Leaving {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    prepared: AtomicBool,
}

impl Leaving {
    /// Looks for a marker of an earlier run.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        let prepared = AtomicBool::new(disk.open_to_read(&folder.join(MARKER)).is_ok());
        Self { disk, folder, prepared }
    }

    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Acquire)
    }

    /// Durable when it returns.
    pub(crate) fn prepare(&self, prepared: bool) -> io::Result<()> {
        let marker = self.folder.join(MARKER);
        if prepared {
            self.disk.create_dir_all(&self.folder)?;
            match self.disk.create_new(&marker) {
                Ok(file) => file.sync_data()?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            self.disk.sync_dir(&self.folder)?;
        } else {
            match self.disk.remove(&marker) {
                Ok(()) => self.disk.sync_dir(&self.folder)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.prepared.store(prepared, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_env::RealDisk;

    #[test]
    fn a_prepared_departure_is_remembered_until_it_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let leaving = || Leaving::new(Arc::new(RealDisk), folder.path().join("marker"));
        assert!(!leaving().is_prepared());
        leaving().prepare(false).expect("nothing to take back");
        for _ in 0..2 {
            leaving().prepare(true).expect("a disk that works");
            assert!(leaving().is_prepared());
        }
        leaving().prepare(false).expect("a disk that works");
        assert!(!leaving().is_prepared());
    }
}
