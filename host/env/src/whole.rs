//! Whole files and whole buffers.

use crate::{Disk, DiskFile};
use std::io::{self, IoSlice};
use std::path::Path;

impl dyn Disk {
    /// The content of a file that must not be longer than `bytes_max`.
    ///
    /// # Errors
    /// When it cannot be read, or is longer; the limit is named then.
    pub fn read_whole(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open_to_read(path)?;
        let length = file.len()?;
        if length > bytes_max {
            return Err(io::Error::other(format!("{length} bytes, the limit is {bytes_max}")));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

impl dyn DiskFile {
    /// Writes all of `bytes` from `offset`, however short the writes are.
    ///
    /// # Errors
    /// `WriteZero` where nothing more is taken.
    pub fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write_at(&[IoSlice::new(bytes)], offset)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[count..];
            offset += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Disk, RealDisk};

    #[test]
    fn what_may_only_be_read_is_read_up_to_its_limit() {
        // Nobody may write to a program that is running, whatever the rights.
        let program = std::env::current_exe().expect("a program");
        let disk: &dyn Disk = &RealDisk;
        assert!(disk.open(&program).is_err(), "this would prove nothing");
        assert!(disk.read_whole(&program, 1 << 30).expect("readable").starts_with(b"\x7fELF"));
        let error = disk.read_whole(&program, 9).expect_err("too long").to_string();
        assert!(error.ends_with("bytes, the limit is 9"), "{error}");
    }
}
