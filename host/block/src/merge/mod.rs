//! Several blocks into one: what compaction does to data.
//!
//! A plan first, then leaf by leaf. `order` puts the rows of all inputs in order of their trace ids and
//! cuts them into row groups; a trace of which several inputs have a part is set apart, and `combine`
//! makes a small block in memory of those, which is then one more input. `copy` takes each leaf through
//! the row group: levels and values of whole rows, never a span or an attribute, and codes of one
//! dictionary for codes of another. Memory is the finished pages of one leaf (or of the seven of an
//! attribute list), a page of each input and the combined traces of one row group, however large the
//! blocks are. Finished leaves go straight to the sink.

mod combine;
mod copy;
mod cursor;
mod error;
mod order;
mod output;
mod window;

pub use error::MergeError;

use crate::bloom;
use crate::meta::BlockMeta;
use crate::read::{BlockReader, Cache, RangeRead};
use crate::write::{self, leaf::Codec};
use bytes::Bytes;
use cadenza_model::{TenantId, TraceId};
use order::Order;
use output::Counted;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::io::Write;
use std::sync::Arc;
use uuid::Uuid;

/// Most inputs of a merge: each has a window of its file and a page of each leaf in memory. Tempo's
/// selector takes 4 at a time.
pub const INPUTS_MAX: usize = 64;
/// Page lists of files without an offset index, while their leaves are being copied.
const CACHE_BYTES_MAX: usize = 8 << 20;

/// What the output is to be. Version and dedicated columns are those of the inputs.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Names the block.
    pub block_id: Uuid,
    /// Its owner.
    pub tenant: TenantId,
    /// Tempo's `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// Tempo's `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: u32,
    /// A row group ends before the trace that would bring its uncompressed pages above this.
    pub row_group_bytes_max: usize,
    /// A row group ends before the trace that would bring it above this.
    pub row_group_spans_max: usize,
}

impl MergeOptions {
    /// Tempo's defaults.
    pub fn new(block_id: Uuid, tenant: TenantId) -> Self {
        Self {
            block_id,
            tenant,
            bloom_false_positive: bloom::FALSE_POSITIVE_DEFAULT,
            bloom_shard_bytes: bloom::SHARD_BYTES_DEFAULT,
            row_group_bytes_max: write::ROW_GROUP_BYTES_MAX,
            row_group_spans_max: write::ROW_GROUP_SPANS_MAX,
        }
    }
}

/// One block to merge.
pub struct Input {
    /// Its meta.
    pub meta: Arc<BlockMeta>,
    /// Its `data.parquet`.
    pub data: Arc<dyn RangeRead>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("block", &self.meta.block_id).finish_non_exhaustive()
    }
}

/// What goes beside the data that the sink received.
#[derive(Debug, Clone)]
pub struct Merged {
    /// `meta.json`; goes last.
    pub meta: BlockMeta,
    /// `bloom-0` and so on.
    pub blooms: Vec<Bytes>,
    /// `index`.
    pub index: Bytes,
    /// Traces that several inputs had a part of.
    pub combined_traces: u64,
    /// Spans that were in more than one of those parts.
    pub deduped_spans: u64,
    /// Spans in the block.
    pub spans: u64,
}

/// Merges blocks of one tenant, version and set of dedicated columns into one, whose data goes to `sink`
/// from front to back. Every span of every input is in the output once (identity: span id and kind, within
/// a trace). The same inputs give the same bytes, in whatever order they are named.
///
/// # Errors
/// When an input is damaged (it is named), when the inputs do not belong together, or when the sink fails.
pub fn merge<W: Write + Send>(
    mut inputs: Vec<Input>,
    options: &MergeOptions,
    sink: W,
) -> Result<Merged, MergeError> {
    inputs.sort_by_key(|input| input.meta.block_id);
    check(&inputs)?;
    let cache = Cache::new(CACHE_BYTES_MAX);
    let readers = inputs.into_iter().map(|input| {
        let data = Arc::new(window::Window::new(input.data, input.meta.size));
        let id = input.meta.block_id;
        BlockReader::open(input.meta, data, &cache).map_err(MergeError::reading(id))
    });
    let readers: Vec<BlockReader> = readers.collect::<Result<_, _>>()?;
    let mut order = Order::new(&readers, options)?;
    // All inputs have the same one.
    let schema = readers[0].schema();
    let properties = WriterProperties::builder().set_created_by(write::created_by()).build();
    let root = schema.descriptor().root_schema_ptr();
    let mut file = SerializedFileWriter::new(Counted::new(sink), root, Arc::new(properties))?;
    let mut codec = Codec::new(write::ZSTD_LEVEL)?;
    let mut out = Totals::default();
    let mut traces = Vec::with_capacity(order.rows_at_most());
    let mut highest = Vec::new();
    while let Some(group) = order.next_group()? {
        let patches = combine::combine(&readers, &group.combined, options)?;
        out.combined_traces += group.combined.len() as u64;
        out.deduped_spans += patches.deduped_spans;
        out.spans += group.spans - patches.deduped_spans;
        let sources: Vec<&BlockReader> = readers.iter().chain(&patches.blocks).collect();
        let runs = patches.place(&group, readers.len());
        let mut writer = file.next_row_group()?;
        copy::copy(&sources, &runs, schema, &mut codec, &mut writer)?;
        writer.close()?;
        highest.extend(group.traces.last().copied());
        traces.extend(group.traces);
    }
    let counted = file.into_inner()?;
    let blooms = blooms(&traces, options)?;
    let meta = BlockMeta {
        block_id: options.block_id,
        tenant_id: options.tenant.as_str().to_owned(),
        total_objects: traces.len() as u64,
        size: counted.bytes(),
        total_records: highest.len() as u32,
        bloom_shards: blooms.len() as u32,
        footer_size: counted.footer_bytes(),
        ..joint_meta(&readers)
    };
    let index = write::index_json(&highest)?;
    let Totals { combined_traces, deduped_spans, spans } = out;
    Ok(Merged { meta, blooms, index, combined_traces, deduped_spans, spans })
}

#[derive(Default)]
struct Totals {
    combined_traces: u64,
    deduped_spans: u64,
    spans: u64,
}

/// Inputs that can become one block share these.
fn check(inputs: &[Input]) -> Result<(), MergeError> {
    let Some(first) = inputs.first() else { return Err(MergeError::NoInputs) };
    if inputs.len() > INPUTS_MAX {
        return Err(MergeError::Limit {
            what: "number of blocks",
            actual: inputs.len() as u64,
            limit: INPUTS_MAX as u64,
        });
    }
    let differs = |other: &BlockMeta| {
        let meta = &first.meta;
        if meta.format != other.format {
            Some("version")
        } else if meta.dedicated_columns != other.dedicated_columns {
            Some("dedicated columns")
        } else if meta.tenant_id != other.tenant_id {
            Some("tenant")
        } else if meta.replication_factor != other.replication_factor {
            Some("replication factor")
        } else {
            None
        }
    };
    for input in &inputs[1..] {
        if input.meta.block_id == first.meta.block_id {
            return Err(MergeError::Unlike { what: "is named twice", block_id: input.meta.block_id });
        }
        if let Some(what) = differs(&input.meta) {
            return Err(MergeError::Differs { what, block_id: input.meta.block_id });
        }
    }
    Ok(())
}

/// Time range, level, whom it replaces and all that the inputs have in common.
fn joint_meta(readers: &[BlockReader]) -> BlockMeta {
    let metas = || readers.iter().map(|reader| reader.meta());
    BlockMeta {
        start_time: metas().map(|meta| meta.start_time).min().unwrap_or_default(),
        end_time: metas().map(|meta| meta.end_time).max().unwrap_or_default(),
        compaction_level: metas().map(|meta| meta.compaction_level).max().unwrap_or(0).saturating_add(1),
        index_page_size: 0,
        replaces: metas().map(|meta| meta.block_id).collect(),
        is_ours: metas().all(|meta| meta.is_ours),
        ..(**readers[0].meta()).clone()
    }
}

fn blooms(traces: &[TraceId], options: &MergeOptions) -> Result<Vec<Bytes>, MergeError> {
    Ok(write::blooms(traces, options.bloom_false_positive, options.bloom_shard_bytes)?)
}
