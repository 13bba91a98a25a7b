//! `${secret:NAME}` of plugin configurations: files of one folder, as secret mounts lay them out. What is in
//! them goes into native rules only, never into a guest, a log line or a status page.

use cadenza_env::Disk;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

/// Longest secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// Most files that are looked at for changes.
const SECRETS_MAX: usize = 256;

/// The folder of secrets.
pub(crate) struct Secrets {
    disk: Arc<dyn Disk>,
    dir: Option<PathBuf>,
    seed: RandomState,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: Option<PathBuf>) -> Self {
        Self { disk, dir, seed: RandomState::new() }
    }

    /// The secret of a name, without the line end that editors put behind it.
    pub(crate) fn get(&self, name: &str) -> Result<String, String> {
        let dir = self.dir.as_ref().ok_or_else(|| {
            format!("secret {name}: no folder of secrets (`plugins.secrets_dir`; of a tool, `--secrets`)")
        })?;
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(ok) {
            return Err(format!("`{name}` cannot name a secret: letters, digits, `-`, `_` and `.`"));
        }
        let text = self.read(&dir.join(name)).map_err(|error| format!("secret {name}: {error}"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read(&self, path: &std::path::Path) -> std::io::Result<String> {
        let bytes = self.disk.read_whole(path, SECRET_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| std::io::Error::other("not UTF-8"))
    }

    /// A number that changes with the secrets.
    pub(crate) fn sum(&self) -> u64 {
        let Some(dir) = &self.dir else { return 0 };
        let mut names: Vec<_> = self.disk.list(dir).into_iter().flatten().map(|entry| entry.name).collect();
        names.sort();
        let mut hasher = self.seed.build_hasher();
        for name in names.iter().filter(|name| !name.starts_with('.')).take(SECRETS_MAX) {
            hasher.write(name.as_bytes());
            if let Ok(text) = self.read(&dir.join(name)) {
                hasher.write(text.as_bytes());
            }
        }
        hasher.finish()
    }
}
