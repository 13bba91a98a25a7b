//! Blocks to read.

use crate::meta::{BlockMeta, DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType};
use crate::read::{BlockReader, Cache, Projection};
use crate::schema::Version;
use crate::write::{self, WriteOptions};
use bytes::Bytes;
use cadenza_model::otlp::any_value;
use cadenza_model::{Columns, TenantId, ValueRef};
use std::path::PathBuf;
use std::sync::Arc;

/// Tempo's blocks, by directory.
const TEMPO_BLOCKS: [&str; 2] = [
    "vParquet4/single-tenant/369509f3-f85d-4807-bf3a-d0607e85699a",
    "vParquet5/single-tenant/f84a9779-aa37-44af-a205-8b7dd39c9d37",
];

#[expect(clippy::disallowed_methods, reason = "tests read their fixtures directly")]
fn tempo_block(block: &str) -> (Arc<BlockMeta>, Bytes) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");
    let directory = PathBuf::from(root).join(block);
    let meta = std::fs::read(directory.join("meta.json")).expect("the fixture's meta");
    let data = std::fs::read(directory.join("data.parquet")).expect("the fixture's data");
    (Arc::new(BlockMeta::parse(&meta).expect("a valid meta")), Bytes::from(data))
}

/// Tempo's block in its default version.
pub(super) fn tempo() -> (Arc<BlockMeta>, Bytes) {
    tempo_block(TEMPO_BLOCKS[0])
}

/// Blocks of all versions of the same spans: Tempo's, and ours with as much as possible in spares.
pub(super) fn blocks() -> Vec<(Arc<BlockMeta>, Bytes)> {
    let mut out: Vec<_> = TEMPO_BLOCKS.into_iter().map(tempo_block).collect();
    let (meta, data) = tempo();
    let block = open(&meta, &data);
    let rows: Vec<u32> = (0..block.rows().expect("a footer")).collect();
    let columns = block.read_traces(&rows, &Projection::full()).expect("the fixture's spans").columns;
    for version in Version::ALL {
        let options = WriteOptions {
            version,
            dedicated_columns: busy(&columns),
            ..WriteOptions::new(uuid::Uuid::from_u128(1), TenantId::single())
        };
        let block = write::build(&columns, &options).expect("a block");
        out.push((Arc::new(block.meta), block.data));
    }
    out
}

/// A dedicated column for every attribute that has strings, integers or arrays of them, for as long as there
/// are spares.
fn busy(columns: &Columns) -> Vec<DedicatedColumn> {
    let owners = [
        (DedicatedScope::Resource, &columns.resource_attrs),
        (DedicatedScope::Span, &columns.span_attrs),
        (DedicatedScope::Event, &columns.event_attrs),
    ];
    let mut out: Vec<DedicatedColumn> = Vec::new();
    for (scope, attrs) in owners {
        for i in 0..attrs.key.len() {
            let name = columns.key(attrs, i).to_owned();
            let first = match columns.value(attrs, i) {
                ValueRef::Array(encoded) => any_value::array_elements(encoded).next(),
                value => Some(value),
            };
            let ty = match first {
                Some(ValueRef::Str(_)) => DedicatedType::String,
                Some(ValueRef::Int(_)) => DedicatedType::Int,
                _ => continue,
            };
            let is_known = out.iter().any(|other| other.scope == scope && other.name == name);
            if !name.is_empty() && !is_known {
                let options = if out.len().is_multiple_of(5) { vec![DedicatedOption::Blob] } else { vec![] };
                out.push(DedicatedColumn { scope, name, ty, options });
            }
        }
    }
    out
}

pub(super) fn open(meta: &Arc<BlockMeta>, data: &Bytes) -> BlockReader {
    let cache = Cache::new(Cache::BYTES_MAX_DEFAULT);
    BlockReader::open(meta.clone(), Arc::new(data.clone()), &cache).expect("a readable block")
}
