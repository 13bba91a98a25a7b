//! What is in the bucket, block by block, bad ones included: for tools that work without a server.

use crate::range::ObjectRange;
use crate::store::Store;
use crate::{StoreError, StoredBlock, layout};
use cadenza_block::read::{BlockReader, Cache, Projection, ReadError};
use cadenza_model::{TenantId, TraceId};
use futures::{StreamExt, stream};
use object_store::ObjectStoreExt;
use serde::Deserialize;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Rows decoded at a time: a few MB of usual traces, and few enough requests.
const ROWS_PER_STEP: u32 = 128;

/// A block's directory.
#[derive(Debug)]
pub struct Inspected {
    /// Its name.
    pub block_id: Uuid,
    /// Its meta says that others took its place, or that it is past its age.
    pub is_compacted: bool,
    /// `None` without a meta: the block does not exist, or not yet.
    pub block: Option<Result<Arc<StoredBlock>, Fault>>,
}

/// What was found in a block that is whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows.
    pub traces: u64,
    /// In all rows.
    pub spans: u64,
}

/// Why a block is not known to be whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is there, but not what it should be.
    #[error("{0}")]
    Damaged(String),
    /// The store does not give it now: out of reach, forbidden, archived. Says nothing about the block.
    #[error("{0}")]
    Unreachable(String),
}

impl Fault {
    fn object(name: &str, error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Damaged(format!("{name} is missing")),
            other => Self::Unreachable(format!("{name}: {other}")),
        }
    }

    fn read(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => Self::Damaged("data.parquet is missing".to_owned()),
                io::ErrorKind::UnexpectedEof => Self::Damaged("data.parquet ends early".to_owned()),
                _ => Self::Unreachable(format!("data.parquet: {error}")),
            },
            other => Self::Damaged(other.to_string()),
        }
    }

    fn store(error: StoreError) -> Self {
        match error {
            StoreError::Object { path, source } => {
                let name = path.rsplit('/').next().unwrap_or_default();
                Self::object(name, source)
            }
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Store {
    /// Every block directory of a tenant, by id.
    ///
    /// # Errors
    /// When the bucket cannot be listed. A block whose meta cannot be had or understood is in the list.
    pub async fn inspect(&self, tenant: &TenantId) -> Result<Vec<Inspected>, StoreError> {
        let directories = stream::iter(self.list_blocks(tenant).await?);
        let found = directories.map(|(block_id, directory)| async move {
            let is_compacted = !directory.live && directory.compacted_s.is_some();
            let name = if is_compacted { layout::META_COMPACTED } else { layout::META };
            let block = match directory.live || is_compacted {
                true => Some(self.inspect_meta(tenant, block_id, name).await),
                false => None,
            };
            Inspected { block_id, is_compacted, block }
        });
        Ok(found.buffered(self.config.poll_concurrency_max.max(1)).collect().await)
    }

    async fn inspect_meta(
        &self,
        tenant: &TenantId,
        block_id: Uuid,
        name: &str,
    ) -> Result<Arc<StoredBlock>, Fault> {
        let path = layout::object(tenant, block_id, name);
        let read = async { self.shared.objects.get(&path).await?.bytes().await };
        let bytes = read.await.map_err(|error| Fault::object(name, error))?;
        let meta = cadenza_block::meta::BlockMeta::parse(&bytes)
            .map_err(|error| Fault::Damaged(error.to_string()))?;
        if meta.block_id != block_id {
            return Err(Fault::Damaged(format!("{name} names another block, {}", meta.block_id)));
        }
        Ok(self.stored(tenant, Arc::new(meta)))
    }
}

/// The object `index`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    row_groups: Vec<String>,
}

impl StoredBlock {
    /// Reads the whole block: length, footer and leaves, every trace, the counts of the meta, the order of ids,
    /// the bloom filter and the index. `on_rows` hears how many rows are done. Blocks the thread.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, on_rows: &mut dyn FnMut(u64)) -> Result<Checked, Fault> {
        let meta = self.meta();
        let path = layout::object(&self.tenant, meta.block_id, layout::DATA);
        let head = self.shared.runtime.block_on(self.shared.objects.head(&path));
        let size = head.map_err(|error| Fault::object(layout::DATA, error))?.size;
        expect("bytes of data.parquet", size, "size", meta.size)?;
        let source = ObjectRange {
            store: Arc::clone(&self.shared.objects),
            path,
            runtime: self.shared.runtime.clone(),
        };
        // A cache of its own: nothing that was read earlier may stand in for what is in the bucket.
        const CACHE_BYTES: usize = 32 << 20;
        let reader = BlockReader::open(Arc::clone(meta), Arc::new(source), &Cache::new(CACHE_BYTES))
            .map_err(Fault::read)?;
        let groups = reader.row_group_rows().map_err(Fault::read)?;
        expect("row groups", groups.len() as u64, "totalRecords", meta.total_records.into())?;
        let rows = reader.rows().map_err(Fault::read)?;
        expect("traces", rows.into(), "totalObjects", meta.total_objects)?;

        let projection = Projection::full().with_derived();
        let mut ids: Vec<TraceId> = Vec::new();
        let mut spans = 0;
        let mut first = 0;
        while first < rows {
            let wanted: Vec<u32> = (first..rows.min(first.saturating_add(ROWS_PER_STEP))).collect();
            let read = reader.read_traces(&wanted, &projection).map_err(Fault::read)?;
            spans += u64::from(read.trace_ends.last().copied().unwrap_or(0));
            for info in &read.infos {
                if ids.last().is_some_and(|last| *last >= info.trace_id) {
                    return Err(Fault::Damaged(format!("trace {} is out of order", info.trace_id)));
                }
                if !self.may_contain(&info.trace_id).map_err(Fault::store)? {
                    return Err(Fault::Damaged(format!("the bloom filter lacks trace {}", info.trace_id)));
                }
                ids.push(info.trace_id);
            }
            first += wanted.len() as u32;
            on_rows(first.into());
        }
        self.check_index(&groups, &ids)?;
        Ok(Checked { traces: rows.into(), spans })
    }

    fn check_index(&self, groups: &[u32], ids: &[TraceId]) -> Result<(), Fault> {
        let path = layout::object(&self.tenant, self.meta().block_id, layout::INDEX);
        let read = async { self.shared.objects.get(&path).await?.bytes().await };
        let bytes = self.shared.runtime.block_on(read);
        let bytes = bytes.map_err(|error| Fault::object(layout::INDEX, error))?;
        let stored: Index = serde_json::from_slice(&bytes)
            .map_err(|error| Fault::Damaged(format!("index is not understood: {error}")))?;
        let mut end = 0;
        let mut highest = Vec::with_capacity(groups.len());
        for rows in groups {
            end += *rows as usize;
            highest.extend(end.checked_sub(1).and_then(|last| ids.get(last)).copied());
        }
        let ours = cadenza_block::write::index_json(&highest)
            .map_err(|error| Fault::Damaged(format!("index cannot be made: {error}")))?;
        let ours: Index = serde_json::from_slice(&ours)
            .map_err(|error| Fault::Damaged(format!("index cannot be made: {error}")))?;
        match ours.row_groups == stored.row_groups {
            true => Ok(()),
            false => Err(Fault::Damaged("index has other trace ids than the data".to_owned())),
        }
    }
}

fn expect(what: &str, found: u64, key: &str, said: u64) -> Result<(), Fault> {
    match found == said {
        true => Ok(()),
        false => Err(Fault::Damaged(format!("{found} {what}, but its meta says {said} ({key})"))),
    }
}
