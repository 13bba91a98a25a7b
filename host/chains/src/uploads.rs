//! Components that arrive over the admin API: tried, kept on disk, and only then in force.
//!
//! `dir/NAME.wasm` is what chains name; what it replaced is kept as `dir/.history/NAME/MILLIS-SHA256.wasm`.

use crate::slot::{Running, Wanted, join};
use crate::source::Sum;
use crate::{Chains, Entry, Fault, Source, UploadError, Workshop, files};
use cadenza_model::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Earlier revisions of a component that are kept.
const REVISIONS_MAX: usize = 5;
const HISTORY: &str = ".history";

/// A component that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// When it was replaced.
    pub replaced_unix_ms: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl Revision {
    fn file_name(&self) -> String {
        format!("{:020}-{}.wasm", self.replaced_unix_ms, self.sha256)
    }

    fn of(file_name: &str) -> Option<Self> {
        let (millis, sum) = file_name.strip_suffix(".wasm")?.split_once('-')?;
        Some(Self { replaced_unix_ms: millis.parse().ok()?, sha256: sum.to_owned() })
    }
}

fn disk_error(error: impl std::fmt::Display) -> UploadError {
    UploadError::Disk(error.to_string())
}

/// A version, unless entries of a source are left out of it, which is well for shadows but not for an upload.
fn complete(
    version: Option<Running>,
    wanted: &Wanted,
    source: &Source,
) -> Result<Option<Running>, Vec<Fault>> {
    let Some(running) = &version else { return Ok(version) };
    let named = |entry: &&Entry| entry.source == *source;
    let has = |entry: &&Entry| running.status.plugins.iter().any(|plugin| plugin.name == entry.name);
    let missing = wanted.entries.iter().filter(named).any(|entry| !has(&entry));
    if missing {
        let message = running.status.left_out.join("; ");
        let plugin = source.to_string();
        return Err(vec![Fault { plugin, message }]);
    }
    Ok(version)
}

impl<W: Workshop> Chains<W> {
    /// Takes a component under a name. Returns its digest once every chain that names it runs it. Blocking.
    ///
    /// # Errors
    /// When it cannot be used, or kept: then nothing has changed.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Result<String, UploadError> {
        self.place(name)?;
        let (length, bytes_max) = (bytes.len() as u64, self.0.config.component_bytes_max);
        if length > bytes_max {
            return Err(UploadError::TooLarge { bytes: length, bytes_max });
        }
        let sum = self.install(name, bytes)?;
        Ok(hex(&sum))
    }

    /// Puts an earlier revision back, the newest or the one whose digest begins with `to`. Blocking.
    ///
    /// # Errors
    /// When there is none, or it cannot be used any more.
    pub fn rollback(&self, name: &str, to: Option<&str>) -> Result<String, UploadError> {
        let (_, history) = self.place(name)?;
        let revisions = self.revisions(name)?;
        let chosen = revisions.iter().find(|revision| to.is_none_or(|to| revision.sha256.starts_with(to)));
        let chosen = chosen.ok_or_else(|| UploadError::NoRevision(name.to_owned()))?;
        let path = history.join(chosen.file_name());
        let bytes = self.0.env.disk.read_whole(&path, self.0.config.component_bytes_max);
        let bytes = bytes.map_err(disk_error)?;
        if hex(&Sha256::digest(&bytes)) != chosen.sha256 {
            return Err(UploadError::Disk(format!("{} is damaged", path.display())));
        }
        let sum = self.install(name, &bytes)?;
        Ok(hex(&sum))
    }

    /// Earlier revisions, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn revisions(&self, name: &str) -> Result<Vec<Revision>, UploadError> {
        let (_, history) = self.place(name)?;
        let entries = match self.0.env.disk.list(&history) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(disk_error(error)),
        };
        let mut revisions: Vec<_> = entries.iter().filter_map(|entry| Revision::of(&entry.name)).collect();
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.replaced_unix_ms));
        Ok(revisions)
    }

    /// The file of a name, and the folder of its history.
    fn place(&self, name: &str) -> Result<(PathBuf, PathBuf), UploadError> {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(ok) {
            return Err(UploadError::Name(name.to_owned()));
        }
        let dir = self.0.config.dir.as_ref().ok_or(UploadError::NoDir)?;
        Ok((dir.join(format!("{name}.wasm")), dir.join(HISTORY).join(name)))
    }

    fn install(&self, name: &str, bytes: &[u8]) -> Result<Sum, UploadError> {
        let (path, history) = self.place(name)?;
        let inner = &self.0;
        let source = Source::File(format!("{name}.wasm").into());
        let mut loader = inner.loader.lock();
        let sum = loader.sources.keep(bytes.to_vec());
        loader.sources.component(&sum, &inner.shop).map_err(UploadError::Component)?;
        let started = inner.env.clock.monotonic();
        let mut made = Vec::new();
        for slot in inner.slots() {
            let Some(wanted) = inner.wanted_with(&mut loader, &slot.tenant, &source, sum) else { continue };
            match inner
                .make(&mut loader, &slot, &wanted)
                .and_then(|version| complete(version, &wanted, &source))
            {
                Ok(version) => made.push((slot, wanted, version)),
                Err(faults) => {
                    let (tenant, reasons) = (slot.tenant.to_string(), join(&faults));
                    return Err(UploadError::Chain { tenant, reasons });
                }
            }
        }
        self.remember(&path, &history)?;
        files::write(inner.env.disk.as_ref(), &path, bytes).map_err(disk_error)?;
        tracing::info!(plugin = name, sha256 = hex(&sum), "component uploaded");
        for (slot, wanted, version) in made {
            inner.settle(&slot, wanted, Ok(version), started);
        }
        // Finds what it would make in force already; tenants that came meanwhile get theirs.
        inner.refresh(&mut loader);
        Ok(sum)
    }

    /// Keeps what is about to be replaced.
    fn remember(&self, path: &Path, history: &Path) -> Result<(), UploadError> {
        let disk = self.0.env.disk.as_ref();
        let bytes = match disk.read_whole(path, u64::MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(disk_error(error)),
        };
        let revision = Revision {
            replaced_unix_ms: self.0.env.clock.unix_ns() / 1_000_000,
            sha256: hex(&Sha256::digest(&bytes)),
        };
        files::write(disk, &history.join(revision.file_name()), &bytes).map_err(disk_error)?;
        let entries = disk.list(history).map_err(disk_error)?;
        let mut names: Vec<_> = entries
            .iter()
            .filter(|entry| Revision::of(&entry.name).is_some())
            .map(|entry| &entry.name)
            .collect();
        names.sort();
        for name in names.iter().rev().skip(REVISIONS_MAX) {
            disk.remove(&history.join(name)).map_err(disk_error)?;
        }
        Ok(())
    }
}
