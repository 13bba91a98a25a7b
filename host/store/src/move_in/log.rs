//! A block under way: pages, each a whole Parquet file whose rows are in the order of arrival.

use super::{DONE, META, Moving, Obstacle, Outcome};
use cadenza_block::meta::{BlockMeta, META_BYTES_MAX};
use cadenza_block::read::{BlockReader, Cache, Projection};
use cadenza_block::schema::Version;
use cadenza_model::{Columns, TenantId};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Spans of one block: what a log of the default size holds, and little enough to hold in memory.
const SPANS_MAX: usize = 400_000;
/// Rows read at once.
const ROWS_MAX: u32 = 10_000;
/// Largest page that is read: Tempo cuts its logs at 50 MB by default.
const PAGE_BYTES_MAX: u64 = 2 << 30;
/// A page is read once, from one end to the other.
const CACHE_BYTES: usize = 1 << 20;
/// What [`META`] is renamed to when pages that cannot be read are all that is left.
const DAMAGED: &str = "meta.damaged.json";
/// The last bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";

impl Moving {
    pub(super) fn log(
        &self,
        tenant: &TenantId,
        block_id: Uuid,
        version: &str,
        path: &Path,
    ) -> Result<Outcome, Obstacle> {
        if self.has(path, DONE)? {
            self.remove(path)?;
            return Ok(Outcome::Removed);
        }
        self.must_rest(path)?;
        if self.has(path, DAMAGED)? {
            return Err(Obstacle::Ever("pages that cannot be read are left of it".to_owned()));
        }
        if Version::parse(version).is_err() {
            return Err(Obstacle::Ever(format!("its format, {version}, cannot be read")));
        }
        let meta = self.disk.read_whole(&path.join(META), META_BYTES_MAX as u64);
        let meta = meta.map_err(|error| Obstacle::Ever(format!("{META}: {error}")))?;
        let meta = BlockMeta::parse(&meta).map_err(|error| Obstacle::Ever(error.to_string()))?;
        if self.exists(tenant, block_id)? {
            // Stored by a run that ended before it could say so.
            self.settle(path, &meta)?;
            return Ok(Outcome::Removed);
        }
        let (mut spans, mut parts) = (Columns::new(), 0);
        for name in self.pages(path)? {
            if let Ok(reader) = self.page(&path.join(name), &meta) {
                self.read_page(&reader, tenant, block_id, &mut spans, &mut parts)?;
            }
        }
        let found = parts > 0 || !spans.spans.is_empty();
        if found {
            // The last part has the block's own id: once that exists, all of it does.
            self.store(tenant, block_id, &spans)?;
        }
        self.settle(path, &meta)?;
        Ok(if found { Outcome::Moved } else { Outcome::Removed })
    }

    /// Pages with something in them: the one that is being written is empty until it is closed.
    fn pages(&self, path: &Path) -> Result<Vec<String>, Obstacle> {
        let entries = self.disk.list(path)?.into_iter();
        let is_page = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let pages = entries.filter(|entry| !entry.is_dir && entry.bytes > 0 && is_page(&entry.name));
        Ok(pages.map(|entry| entry.name).collect())
    }

    /// Removes what was stored. As in Tempo, a page that cannot be read does not hold up the others; unlike
    /// there, it stays for whoever can mend it.
    fn settle(&self, path: &Path, meta: &BlockMeta) -> Result<(), Obstacle> {
        let mut damaged = Vec::new();
        let mut read = Vec::new();
        for name in self.pages(path)? {
            match self.page(&path.join(&name), meta) {
                Ok(_) => read.push(name),
                Err(reason) => damaged.push(format!("{name}: {reason}")),
            }
        }
        if damaged.is_empty() {
            return self.finish(path);
        }
        self.disk.rename(&path.join(META), &path.join(DAMAGED))?;
        self.disk.sync_dir(path)?;
        for name in read {
            self.disk.remove(&path.join(name))?;
        }
        Err(Obstacle::Ever(format!("some pages cannot be read and stay: {}", damaged.join("; "))))
    }

    /// A page as a block of its own.
    fn page(&self, path: &Path, meta: &BlockMeta) -> Result<BlockReader, String> {
        let bytes = self.disk.read_whole(path, PAGE_BYTES_MAX).map_err(|error| error.to_string())?;
        let tail = bytes.len().checked_sub(8).map(|at| &bytes[at..]);
        let tail = tail.filter(|tail| tail.ends_with(MAGIC)).ok_or("it is cut off")?;
        let footer_size = u32::from_le_bytes(tail[..4].try_into().expect("four bytes"));
        let meta = BlockMeta { size: bytes.len() as u64, footer_size, ..meta.clone() };
        let io = Arc::new(bytes::Bytes::from(bytes));
        BlockReader::open(Arc::new(meta), io, &Cache::new(CACHE_BYTES)).map_err(|error| error.to_string())
    }

    fn read_page(
        &self,
        reader: &BlockReader,
        tenant: &TenantId,
        block_id: Uuid,
        spans: &mut Columns,
        parts: &mut u128,
    ) -> Result<(), Obstacle> {
        let damaged = |error: cadenza_block::read::ReadError| Obstacle::Ever(error.to_string());
        let rows = reader.rows().map_err(damaged)?;
        let mut at = 0;
        while at < rows {
            let some: Vec<u32> = (at..rows.min(at + ROWS_MAX)).collect();
            let read = reader.read_traces(&some, &Projection::full()).map_err(damaged)?.columns;
            let all: Vec<u32> = (0..read.spans.len() as u32).collect();
            spans.append_rows(&read, &all).map_err(|error| Obstacle::Ever(error.to_string()))?;
            if spans.spans.len() >= SPANS_MAX {
                let part = Uuid::new_v5(&block_id, &parts.to_be_bytes());
                if !self.exists(tenant, part)? {
                    self.store(tenant, part, spans)?;
                }
                *parts += 1;
                *spans = Columns::new();
            }
            at += ROWS_MAX;
        }
        Ok(())
    }

    fn store(&self, tenant: &TenantId, block_id: Uuid, spans: &Columns) -> Result<(), Obstacle> {
        let mut block = (self.build)(tenant, block_id, spans).map_err(Obstacle::Ever)?;
        block.meta.is_ours = false;
        Ok(self.store.shared.runtime.block_on(self.store.put_block(tenant, block))?)
    }
}
