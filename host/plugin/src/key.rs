//! The host's secret: pseudonyms and the keys of the cache come from it.

use cadenza_env::Disk;
use std::io;
use std::path::Path;

const BYTES: usize = 32;

/// Reads the secret from a file, or makes one there, readable by this user alone.
///
/// # Errors
/// When the file cannot be read or made, or is not a secret.
pub fn host_secret(disk: &dyn Disk, path: &Path) -> io::Result<[u8; BYTES]> {
    let mut secret = [0; BYTES];
    match disk.open(path) {
        Ok(file) => {
            if file.len()? != BYTES as u64 {
                let text = format!("{}: {} bytes, where a secret has {BYTES}", path.display(), file.len()?);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            file.read_exact_at(&mut secret, 0)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let filled = rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty())?;
            if filled != BYTES {
                return Err(io::Error::other("the system gave too few random bytes"));
            }
            let temporary = path.with_extension("new");
            if let Err(error) = disk.remove(&temporary)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let file = disk.create_new(&temporary)?;
            // Before there is anything to read in it.
            rustix::fs::chmod(&temporary, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
            file.write_all_at(&secret, 0)?;
            file.sync_data()?;
            disk.rename(&temporary, path)?;
            if let Some(dir) = path.parent() {
                disk.sync_dir(dir)?;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(secret)
}
