//! Columns to a block: plan once, then unit by unit through all leaves.
//!
//! The input comes in order of arrival, the spans of a trace scattered. `plan` orders it; then
//! `unit` gathers some 64 traces at a time into the page buffers of all leaves, which `leaf` encodes
//! and compresses as they fill; `chunk` puts the pages of a row group together. Above the input, this
//! holds the finished pages, one page buffer a leaf, and the dictionaries.

mod attrs;
pub(crate) mod chunk;
mod dictionary;
pub(crate) mod leaf;
pub(crate) mod levels;
mod own;
mod owners;
mod plan;
mod routes;
mod unit;
mod values;

use crate::bloom;
use crate::error::WriteError;
use crate::meta::{BlockMeta, DedicatedColumn, Time};
use crate::schema::{Schema, Version};
use base64::Engine as _;
use bytes::Bytes;
use cadenza_model::{Columns, TenantId, TraceId};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::sync::Arc;
use uuid::Uuid;

/// Level of all pages: 9 saves 5 of 75 bytes a span and doubles the time.
pub const ZSTD_LEVEL: i32 = 3;
/// Uncompressed size at which a row group ends: Tempo's default.
pub const ROW_GROUP_BYTES_MAX: usize = 100_000_000;
/// Spans at which a row group ends: a cut holds no more, so a block from the log is one row group.
pub const ROW_GROUP_SPANS_MAX: usize = 512 * 1024;
/// Most entries of a dictionary of the input: the writer marks codes by their highest bit.
const CODES_MAX: usize = 1 << 31;
/// Most spans of an input: plan and pages count in 32 bits, events and attributes included.
const SPANS_MAX: usize = 1 << 30;

/// What a block is to be.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Names the block.
    pub block_id: Uuid,
    /// Its owner.
    pub tenant: TenantId,
    /// Of the format.
    pub version: Version,
    /// As configured; what the version can't hold is left out.
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// Tempo's `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// Tempo's `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: u32,
    /// The block's start time is not before this: now - retention.
    pub start_floor_ns: u64,
    /// The block's end time is not after this: last append + slack.
    pub end_cap_ns: u64,
    /// A row group ends after the trace that brings its uncompressed pages to this.
    pub row_group_bytes_max: usize,
    /// A row group ends after the trace that brings it to this.
    pub row_group_spans_max: usize,
    /// 0 for blocks from a log.
    pub compaction_level: u32,
}

impl WriteOptions {
    /// Tempo's defaults, no bounds on times.
    pub fn new(block_id: Uuid, tenant: TenantId) -> Self {
        Self {
            block_id,
            tenant,
            version: Version::V4,
            dedicated_columns: crate::meta::dedicated_default(),
            bloom_false_positive: bloom::FALSE_POSITIVE_DEFAULT,
            bloom_shard_bytes: bloom::SHARD_BYTES_DEFAULT,
            start_floor_ns: 0,
            end_cap_ns: u64::MAX,
            row_group_bytes_max: ROW_GROUP_BYTES_MAX,
            row_group_spans_max: ROW_GROUP_SPANS_MAX,
            compaction_level: 0,
        }
    }
}

/// The objects of a block.
#[derive(Debug, Clone)]
pub struct BuiltBlock {
    /// `meta.json`; goes last.
    pub meta: BlockMeta,
    /// `data.parquet`.
    pub data: Bytes,
    /// `bloom-0` and so on.
    pub blooms: Vec<Bytes>,
    /// `index`.
    pub index: Bytes,
}

/// `index`: the highest trace id of each row group.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    row_groups: Vec<String>,
}

/// Builds a block of all spans of `columns`, which belong to one tenant. Spans that are twice
/// in the input are twice in the block.
pub fn build(columns: &Columns, options: &WriteOptions) -> Result<BuiltBlock, WriteError> {
    build_as(columns, options.version.dedicated(&options.dedicated_columns), options)
}

/// [`build`] with the dedicated columns of another block's meta.
pub(crate) fn build_as(
    columns: &Columns,
    dedicated: Vec<DedicatedColumn>,
    options: &WriteOptions,
) -> Result<BuiltBlock, WriteError> {
    check_sizes(columns)?;
    let schema = Schema::new(options.version, &dedicated);
    let owners = owners::Owners::new(columns, &schema);
    let plan = plan::Plan::new(columns, &owners);
    let codec = leaf::Codec::new(ZSTD_LEVEL)?;
    let mut writers = unit::Writers::new(columns, &plan, &owners, &schema, codec);

    let schema = schema.descriptor();
    let properties = WriterProperties::builder().set_created_by(created_by()).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), Arc::new(properties))?;
    let mut highest = Vec::new();
    let (mut next, mut first) = (0, 0);
    while next < plan.traces.len() {
        next = writers.unit(next)?;
        let spans = writers.spans_before(next) - writers.spans_before(first);
        let full = spans >= options.row_group_spans_max || writers.raw_bytes() >= options.row_group_bytes_max;
        if full || next == plan.traces.len() {
            let mut group = file.next_row_group()?;
            for (leaf, descriptor) in writers.leaves.iter_mut().zip(schema.columns()) {
                chunk::append(leaf, columns, descriptor.clone(), &mut writers.codec, &mut group)?;
            }
            group.close()?;
            highest.push(plan.traces[next - 1]);
            first = next;
        }
    }
    drop(writers);
    let data = Bytes::from(file.into_inner()?);
    let meta = meta(columns, options, dedicated, &plan.traces, &data, highest.len());
    let blooms = blooms(&plan.traces, options.bloom_false_positive, options.bloom_shard_bytes)?;
    let meta = BlockMeta { bloom_shards: blooms.len() as u32, ..meta };
    let index = index_json(&highest)?;
    Ok(BuiltBlock { meta, data, blooms, index })
}

fn check_sizes(columns: &Columns) -> Result<(), WriteError> {
    if columns.spans.is_empty() {
        return Err(WriteError::Empty);
    }
    let limits = [
        ("number of spans", columns.spans.len(), SPANS_MAX),
        ("number of names", columns.names.len(), CODES_MAX),
        ("number of values", columns.values.len(), CODES_MAX),
    ];
    for (what, actual, limit) in limits {
        if actual > limit {
            return Err(WriteError::Limit { what, actual: actual as u64, limit: limit as u64 });
        }
    }
    Ok(())
}

/// The object `index`, from the highest trace id of each row group.
pub fn index_json(highest: &[TraceId]) -> Result<Bytes, serde_json::Error> {
    let encode = |id: &TraceId| base64::engine::general_purpose::STANDARD.encode(id.0);
    Ok(serde_json::to_vec(&Index { row_groups: highest.iter().map(encode).collect() })?.into())
}

/// What files of ours say about their writer.
pub(crate) fn created_by() -> String {
    format!("cadenza version {}", env!("CARGO_PKG_VERSION"))
}

/// Size of a chunk of these pages, headers included.
fn chunk_bytes(pages: &[leaf::Page]) -> usize {
    /// A page header with sizes, counts and encodings in compact thrift.
    const HEADER_BYTES: usize = 40;
    pages.iter().map(|page| page.compressed.len() + HEADER_BYTES).sum()
}

/// All shards of the bloom filter of a block of these traces.
pub(crate) fn blooms(
    traces: &[TraceId],
    false_positive: f64,
    shard_bytes: u32,
) -> Result<Vec<Bytes>, WriteError> {
    let sizing = bloom::Sizing::new(traces.len(), false_positive, shard_bytes)?;
    let mut builder = bloom::Builder::new(sizing);
    traces.iter().for_each(|id| builder.add(id));
    Ok(builder.finish())
}

fn meta(
    columns: &Columns,
    options: &WriteOptions,
    dedicated_columns: Vec<DedicatedColumn>,
    traces: &[TraceId],
    data: &Bytes,
    row_groups: usize,
) -> BlockMeta {
    let (start, end) = time_range(columns, options);
    // The file ends with the footer's length and the magic.
    let footer = data.len().checked_sub(8).and_then(|at| data[at..].first_chunk());
    BlockMeta {
        format: options.version.name().to_owned(),
        block_id: options.block_id,
        tenant_id: options.tenant.as_str().to_owned(),
        start_time: Time::from_ns(start),
        end_time: Time::from_ns(end),
        total_objects: traces.len() as u64,
        size: data.len() as u64,
        compaction_level: options.compaction_level,
        index_page_size: 0,
        total_records: row_groups as u32,
        bloom_shards: 0,
        footer_size: footer.map_or(0, |bytes| u32::from_le_bytes(*bytes)),
        dedicated_columns,
        replication_factor: 1,
        replaces: Vec::new(),
        is_ours: true,
    }
}

/// Earliest start and latest end or start, within the bounds of the options. Spans without a start don't
/// count for the earliest.
fn time_range(columns: &Columns, options: &WriteOptions) -> (u64, u64) {
    let spans = &columns.spans;
    let start = spans.start_ns.iter().copied().filter(|&ns| ns != 0).min().unwrap_or(0);
    let end = spans.end_ns.iter().chain(&spans.start_ns).copied().max().unwrap_or(0);
    let start = start.max(options.start_floor_ns);
    (start, end.min(options.end_cap_ns).max(start))
}
