//! `meta.json`: what a block is, as Tempo spells it.
//!
//! Field order and omissions are Tempo's, so a meta that is read and written again keeps its bytes.

mod dedicated;
mod time;

pub use dedicated::{DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType, dedicated_default};
pub use time::{Time, TimeError};

use crate::schema::{Schema, UnsupportedVersion, Version};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Longest meta.json that is read. Tempo's are below 2 KB; a list of 40 dedicated columns with names of
/// 1 KB each still fits often.
pub const META_BYTES_MAX: usize = 1 << 20;

/// Why a meta.json was refused.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// Longer than [`META_BYTES_MAX`].
    #[error("meta.json has {actual} bytes, more than the limit of {META_BYTES_MAX}")]
    TooLong {
        /// Its length.
        actual: usize,
    },
    /// Not JSON, or a field of the wrong type.
    #[error("meta.json: {0}")]
    Json(#[from] serde_json::Error),
}

/// Tempo's block meta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockMeta {
    /// Name of a [`Version`], or one that we can't read.
    pub format: String,
    /// Names the block's directory.
    #[serde(rename = "blockID")]
    pub block_id: Uuid,
    /// Owner of the block.
    #[serde(rename = "tenantID")]
    pub tenant_id: String,
    /// Earliest span start.
    #[serde(default)]
    pub start_time: Time,
    /// Latest span end.
    #[serde(default)]
    pub end_time: Time,
    /// Number of traces, that is, of rows.
    #[serde(default)]
    pub total_objects: u64,
    /// Exact length of data.parquet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size: u64,
    /// 0 for blocks that were built from a log.
    #[serde(default)]
    pub compaction_level: u32,
    /// Always 0.
    #[serde(default)]
    pub index_page_size: u32,
    /// Number of row groups.
    #[serde(default)]
    pub total_records: u32,
    /// Number of bloom objects; read it through [`BlockMeta::bloom_shards`].
    #[serde(default)]
    pub bloom_shards: u32,
    /// Length of the Parquet footer without its last 8 bytes; 0 if the writer didn't say.
    #[serde(default)]
    pub footer_size: u32,
    /// Which attributes the spare columns hold, by position.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// 1 for blocks of Tempo 3; 0 for older ones, whose spans are in three blocks each.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub replication_factor: u32,
    /// Ours, which Tempo passes over: blocks whose spans are all in this one. Who sees both uses this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Uuid>,
    /// Ours, which Tempo passes over: true if no span of the block came here through a block of Tempo's.
    #[serde(default, skip_serializing_if = "is_false", rename = "cadenza")]
    pub is_ours: bool,
}

impl BlockMeta {
    /// Reads meta.json or meta.compacted.json.
    pub fn parse(json: &[u8]) -> Result<Self, MetaError> {
        if json.len() > META_BYTES_MAX {
            return Err(MetaError::TooLong { actual: json.len() });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// The object's bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The leaves of the block's data.
    pub fn schema(&self) -> Result<Arc<Schema>, UnsupportedVersion> {
        Ok(Schema::new(Version::parse(&self.format)?, &self.dedicated_columns))
    }

    /// Number of bloom objects, with the meaning of an absent number.
    pub fn bloom_shards(&self) -> u32 {
        if self.bloom_shards == 0 { crate::bloom::SHARDS_LEGACY } else { self.bloom_shards }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero_u32(n: &u32) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(b: &bool) -> bool {
    !*b
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DedicatedColumn>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
