//! Components by where they come from: read when they changed, compiled once per content.

use crate::{Config, Source, Workshop};
use cadenza_env::Disk;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// SHA-256 of a component.
pub(crate) type Sum = [u8; 32];

/// What stands for the content of a file without reading it.
type Stamp = [u64; 3];

/// The state of a source: its content, or why there is none.
pub(crate) type Content = Result<Sum, String>;

/// All sources that chains name.
pub(crate) struct Sources<W: Workshop> {
    read: BTreeMap<Source, (Option<Stamp>, Content)>,
    components: BTreeMap<Sum, Result<Arc<W::Component>, String>>,
    /// Contents that have not been compiled yet.
    bytes: BTreeMap<Sum, Vec<u8>>,
}

impl<W: Workshop> Default for Sources<W> {
    fn default() -> Self {
        Self { read: BTreeMap::new(), components: BTreeMap::new(), bytes: BTreeMap::new() }
    }
}

impl<W: Workshop> Sources<W> {
    /// Looks at a source again.
    pub(crate) fn look(&mut self, source: &Source, config: &Config, disk: &dyn Disk, shop: &W) -> Content {
        let path = match source {
            Source::Builtin(name) => {
                if let Some((_, content)) = self.read.get(source) {
                    return content.clone();
                }
                let bytes = shop.builtin(name).ok_or_else(|| format!("there is no builtin:{name}"));
                return self.note(source, None, bytes.map(<[u8]>::to_vec));
            }
            Source::File(path) => match &config.dir {
                Some(dir) => dir.join(path),
                None => return Err("`plugins.dir` is not set".to_owned()),
            },
        };
        let stamp = disk.open_to_read(&path).and_then(|file| file.stamp());
        let stamp = match stamp {
            Ok(stamp) => stamp,
            Err(error) => {
                let content = Err(format!("cannot read {}: {error}", path.display()));
                self.read.insert(source.clone(), (None, content.clone()));
                return content;
            }
        };
        if let Some((Some(known), content)) = self.read.get(source)
            && Some(*known) == stamp
        {
            return content.clone();
        }
        let bytes = disk
            .read_whole(&path, config.component_bytes_max)
            .map_err(|error| format!("cannot read {}: {error}", path.display()));
        self.note(source, stamp, bytes)
    }

    fn note(&mut self, source: &Source, stamp: Option<Stamp>, bytes: Result<Vec<u8>, String>) -> Content {
        let content = bytes.map(|bytes| self.keep(bytes));
        self.read.insert(source.clone(), (stamp, content.clone()));
        content
    }

    /// Remembers a content until it is compiled.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) -> Sum {
        let sum: Sum = Sha256::digest(&bytes).into();
        if !self.components.contains_key(&sum) {
            self.bytes.insert(sum, bytes);
        }
        sum
    }

    /// The component of a content, compiled at the first call.
    pub(crate) fn component(&mut self, sum: &Sum, shop: &W) -> Result<Arc<W::Component>, String> {
        if let Some(bytes) = self.bytes.remove(sum) {
            let made = shop.load(&bytes).map(Arc::new);
            self.components.insert(*sum, made);
        }
        self.components.get(sum).cloned().unwrap_or_else(|| Err("its content is gone".to_owned()))
    }

    /// A failure that may pass, a time-out of the compiler for one, is tried again after this.
    pub(crate) fn forget_failures(&mut self) {
        self.components.retain(|_, made| made.is_ok());
        let components = &self.components;
        self.read.retain(|_, (_, content)| content.as_ref().is_ok_and(|sum| components.contains_key(sum)));
    }

    /// Lets go of everything but these.
    pub(crate) fn retain(&mut self, sources: &BTreeSet<Source>, sums: &BTreeSet<Sum>) {
        self.read.retain(|source, _| sources.contains(source));
        let read: BTreeSet<Sum> =
            self.read.values().filter_map(|(_, content)| content.as_ref().ok()).copied().collect();
        self.components.retain(|sum, _| sums.contains(sum) || read.contains(sum));
        self.bytes.retain(|sum, _| read.contains(sum));
    }
}
