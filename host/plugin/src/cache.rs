//! Compiled components on disk.
//!
//! Loading compiled code trusts it, so an entry is only what this server has written: its MAC is checked over
//! the very bytes that are loaded, with a key that is not in the folder. Whatever is wrong with an entry, it
//! counts as not there.

use cadenza_env::{Disk, Env, Random};
use cadenza_model::hex;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// First bytes of an entry; changes with its layout.
const MAGIC: &[u8; 8] = b"CDZAOT01";
const MAC_BYTES: usize = 32;
/// Largest entry: that of the largest component.
const ENTRY_BYTES_MAX: u64 = 512 << 20;
/// Entries that are kept.
const ENTRIES_MAX: usize = 128;
const SUFFIX: &str = ".cwasm";
const TEMPORARY: &str = ".tmp";

/// A folder of compiled components.
pub(crate) struct Cache {
    disk: Arc<dyn Disk>,
    random: Arc<dyn Random>,
    dir: PathBuf,
    key: [u8; 32],
}

/// Names an entry: the component and what else the code depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) component: &'a [u8; 32],
    pub(crate) fingerprint: &'a [u8; 32],
}

impl Key<'_> {
    fn file_name(&self) -> String {
        format!("{}-{}{SUFFIX}", hex(self.component), hex(&self.fingerprint[..8]))
    }
}

impl Cache {
    /// Prepares the folder, for this user alone. Without it, components are compiled at each start.
    pub(crate) fn open(env: &Env, dir: &Path, key: [u8; 32]) -> Option<Self> {
        let private = rustix::fs::Mode::RWXU;
        let ready = env
            .disk
            .create_dir_all(dir)
            .and_then(|()| rustix::fs::chmod(dir, private).map_err(io::Error::from));
        if let Err(error) = ready {
            tracing::warn!(dir = %dir.display(), %error, "no cache for compiled plugins");
            return None;
        }
        let (disk, random) = (Arc::clone(&env.disk), Arc::clone(&env.random));
        // What a crash has left half-written.
        for entry in disk.list(dir).unwrap_or_default() {
            if entry.name.ends_with(TEMPORARY) {
                drop(disk.remove(&dir.join(&entry.name)));
            }
        }
        Some(Self { disk, random, dir: dir.to_owned(), key })
    }

    fn mac(&self, key: Key<'_>, code: &[u8]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.key);
        let mut mac = mac.expect("hmac takes keys of any length");
        mac.update(MAGIC);
        mac.update(key.component);
        mac.update(key.fingerprint);
        mac.update(code);
        mac
    }

    /// The code of a component, if there is an entry that this server has written.
    pub(crate) fn get(&self, key: Key<'_>) -> Option<Vec<u8>> {
        let path = self.dir.join(key.file_name());
        let mut bytes = match self.disk.read_whole(&path, ENTRY_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin not readable");
                return None;
            }
        };
        let head = MAGIC.len() + MAC_BYTES;
        let sound = bytes.len() > head
            && bytes.starts_with(MAGIC)
            && self.mac(key, &bytes[head..]).verify_slice(&bytes[MAGIC.len()..head]).is_ok();
        if !sound {
            tracing::warn!(path = %path.display(), "compiled plugin is damaged or foreign; it is made anew");
            return None;
        }
        bytes.drain(..head);
        Some(bytes)
    }

    /// Keeps code. Who writes the same entry at the same time writes the same, and the last one stays.
    pub(crate) fn put(&self, key: Key<'_>, code: &[u8]) {
        let name = key.file_name();
        if let Err(error) = self.write(&name, key, code) {
            tracing::warn!(dir = %self.dir.display(), %error, "compiled plugin not kept");
        }
    }

    fn write(&self, name: &str, key: Key<'_>, code: &[u8]) -> io::Result<()> {
        self.make_room(name)?;
        let mac = self.mac(key, code).finalize().into_bytes();
        let temporary = self.dir.join(format!("{:016x}{TEMPORARY}", self.random.next_u64()));
        let file = self.disk.create_new(&temporary)?;
        let mut bytes = Vec::with_capacity(MAGIC.len() + MAC_BYTES + code.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&mac);
        bytes.extend_from_slice(code);
        let written = (|| {
            file.write_all_at(&bytes, 0)?;
            self.disk.rename(&temporary, &self.dir.join(name))
        })();
        if written.is_err() {
            drop(self.disk.remove(&temporary));
        }
        written
    }

    /// Lets go of entries above the limit.
    fn make_room(&self, name: &str) -> io::Result<()> {
        let entries = self.disk.list(&self.dir)?;
        let kept = entries.iter().filter(|entry| entry.name.ends_with(SUFFIX) && entry.name != name);
        let spare = kept.clone().count().saturating_sub(ENTRIES_MAX - 1);
        for entry in kept.take(spare) {
            self.disk.remove(&self.dir.join(&entry.name))?;
        }
        Ok(())
    }
}
