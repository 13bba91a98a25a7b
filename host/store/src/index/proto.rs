//! `index.pb.zst`.

use super::{IndexError, TenantIndex, is_complete, unpack};
use crate::blocklist::Listed;
use cadenza_block::meta::{BlockMeta, DedicatedColumn, Time};
use prost::Message;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use std::io::{self, Write};
use uuid::Uuid;

const CREATED_AT: u32 = 1;
const META: u32 = 2;
const COMPACTED_META: u32 = 3;
/// Ours, far from the numbers that Tempo may come to use: it passes over what it does not know.
const CADENZA: u32 = 1000;
/// Tempo's own level is the fastest; the index is small either way.
const ZSTD_LEVEL: i32 = 3;

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Meta {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(bytes = "vec", tag = "2")]
    block_id: Vec<u8>,
    #[prost(string, tag = "5")]
    tenant_id: String,
    #[prost(message, optional, tag = "6")]
    start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    end_time: Option<Timestamp>,
    #[prost(int64, tag = "8")]
    total_objects: i64,
    #[prost(uint64, tag = "9")]
    size: u64,
    #[prost(uint32, tag = "10")]
    compaction_level: u32,
    #[prost(uint32, tag = "12")]
    index_page_size: u32,
    #[prost(uint32, tag = "13")]
    total_records: u32,
    #[prost(uint32, tag = "15")]
    bloom_shard_count: u32,
    #[prost(uint32, tag = "16")]
    footer_size: u32,
    /// JSON, as in `meta.json`.
    #[prost(bytes = "vec", tag = "17")]
    dedicated_columns: Vec<u8>,
    #[prost(uint32, tag = "18")]
    replication_factor: u32,
    #[prost(bytes = "vec", repeated, tag = "1000")]
    replaces: Vec<Vec<u8>>,
    #[prost(bool, tag = "1001")]
    cadenza: bool,
}

#[derive(Clone, PartialEq, Message)]
struct CompactedMeta {
    #[prost(message, optional, tag = "1")]
    block_meta: Option<Meta>,
    #[prost(message, optional, tag = "2")]
    compacted_time: Option<Timestamp>,
}

fn malformed(error: impl ToString) -> IndexError {
    IndexError::Malformed(error.to_string())
}

pub(super) fn unpacked(packed: &[u8]) -> Result<Vec<u8>, IndexError> {
    unpack(zstd::stream::read::Decoder::new(packed)?)
}

pub(super) fn parse(packed: &[u8]) -> Result<TenantIndex, IndexError> {
    parse_unpacked(&unpacked(packed)?)
}

/// Field by field: of each block only one form is in memory at a time.
pub(super) fn parse_unpacked(mut rest: &[u8]) -> Result<TenantIndex, IndexError> {
    let mut index = TenantIndex::default();
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest).map_err(malformed)?;
        match (tag, wire_type) {
            (CREATED_AT | META | COMPACTED_META, WireType::LengthDelimited) => {
                let length = decode_varint(&mut rest).map_err(malformed)?;
                let length = usize::try_from(length).ok().filter(|length| *length <= rest.len());
                let (message, behind) =
                    rest.split_at(length.ok_or_else(|| malformed("a length beyond the end"))?);
                rest = behind;
                match tag {
                    CREATED_AT => index.created_at = Timestamp::decode(message).map_err(malformed)?.into(),
                    META => index.live.push(Meta::decode(message).map_err(malformed)?.try_into()?),
                    _ => {
                        let compacted = CompactedMeta::decode(message).map_err(malformed)?;
                        let meta = compacted.block_meta.unwrap_or_default().try_into()?;
                        let marked = compacted.compacted_time.unwrap_or_default().seconds;
                        index.compacted.push((meta, u64::try_from(marked).unwrap_or(0)));
                    }
                }
            }
            (CADENZA, WireType::Varint) => {
                index.is_ours = decode_varint(&mut rest).map_err(malformed)? != 0;
            }
            _ => skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(malformed)?,
        }
    }
    Ok(index)
}

pub(super) fn encode(created_at: Time, listed: &Listed) -> io::Result<Vec<u8>> {
    let mut out = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    out.include_checksum(true)?;
    let mut buffer = Vec::new();
    let mut field = |tag: u32, message: &[u8]| {
        buffer.clear();
        encode_key(tag, WireType::LengthDelimited, &mut buffer);
        encode_varint(message.len() as u64, &mut buffer);
        out.write_all(&buffer)?;
        out.write_all(message)
    };
    field(CREATED_AT, &Timestamp::from(created_at).encode_to_vec())?;
    for block in &listed.live {
        field(META, &Meta::of(block.meta())?.encode_to_vec())?;
    }
    for compacted in &listed.compacted {
        let marked = i64::try_from(compacted.compacted_s).unwrap_or(i64::MAX);
        let message = CompactedMeta {
            block_meta: Some(Meta::of(compacted.block.meta())?),
            compacted_time: Some(Timestamp { seconds: marked, nanos: 0 }),
        };
        field(COMPACTED_META, &message.encode_to_vec())?;
    }
    buffer.clear();
    encode_key(CADENZA, WireType::Varint, &mut buffer);
    encode_varint(is_complete(listed).into(), &mut buffer);
    out.write_all(&buffer)?;
    out.finish()
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self { seconds: time.seconds(), nanos: time.subsec_nanos() as i32 }
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self::new(timestamp.seconds, u32::try_from(timestamp.nanos).unwrap_or(0))
    }
}

impl Meta {
    fn of(meta: &BlockMeta) -> io::Result<Self> {
        let dedicated_columns = match meta.dedicated_columns.is_empty() {
            true => Vec::new(),
            false => serde_json::to_vec(&meta.dedicated_columns)?,
        };
        Ok(Self {
            version: meta.format.clone(),
            block_id: meta.block_id.as_bytes().to_vec(),
            tenant_id: meta.tenant_id.clone(),
            start_time: Some(meta.start_time.into()),
            end_time: Some(meta.end_time.into()),
            total_objects: i64::try_from(meta.total_objects).unwrap_or(i64::MAX),
            size: meta.size,
            compaction_level: meta.compaction_level,
            index_page_size: meta.index_page_size,
            total_records: meta.total_records,
            bloom_shard_count: meta.bloom_shards,
            footer_size: meta.footer_size,
            dedicated_columns,
            replication_factor: meta.replication_factor,
            replaces: meta.replaces.iter().map(|id| id.as_bytes().to_vec()).collect(),
            cadenza: meta.is_ours,
        })
    }
}

impl TryFrom<Meta> for BlockMeta {
    type Error = IndexError;

    fn try_from(meta: Meta) -> Result<Self, IndexError> {
        let dedicated_columns: Vec<DedicatedColumn> = match meta.dedicated_columns.is_empty() {
            true => Vec::new(),
            false => serde_json::from_slice(&meta.dedicated_columns).map_err(malformed)?,
        };
        let time = |timestamp: Option<Timestamp>| timestamp.map(Time::from).unwrap_or_default();
        let replaces = meta.replaces.iter().map(|id| Uuid::from_slice(id).map_err(malformed));
        Ok(Self {
            format: meta.version,
            block_id: Uuid::from_slice(&meta.block_id).map_err(malformed)?,
            tenant_id: meta.tenant_id,
            start_time: time(meta.start_time),
            end_time: time(meta.end_time),
            total_objects: u64::try_from(meta.total_objects).unwrap_or(0),
            size: meta.size,
            compaction_level: meta.compaction_level,
            index_page_size: meta.index_page_size,
            total_records: meta.total_records,
            bloom_shards: meta.bloom_shard_count,
            footer_size: meta.footer_size,
            dedicated_columns,
            replication_factor: meta.replication_factor,
            replaces: replaces.collect::<Result<_, _>>()?,
            is_ours: meta.cadenza,
        })
    }
}
