//! Blocks to read.

use crate::meta::BlockMeta;
use crate::read::{BlockReader, Cache};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const TEMPO_BLOCK: &str = "369509f3-f85d-4807-bf3a-d0607e85699a";

fn tempo_path(file: &str) -> PathBuf {
    let root =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3/vParquet4/single-tenant");
    PathBuf::from(root).join(TEMPO_BLOCK).join(file)
}

#[expect(clippy::disallowed_methods, reason = "tests read their fixtures directly")]
pub(super) fn tempo() -> (Arc<BlockMeta>, Bytes) {
    let meta = std::fs::read(tempo_path("meta.json")).expect("the fixture's meta");
    let data = std::fs::read(tempo_path("data.parquet")).expect("the fixture's data");
    (Arc::new(BlockMeta::parse(&meta).expect("a valid meta")), Bytes::from(data))
}

pub(super) fn open(meta: &Arc<BlockMeta>, data: &Bytes) -> BlockReader {
    let cache = Cache::new(Cache::BYTES_MAX_DEFAULT);
    BlockReader::open(meta.clone(), Arc::new(data.clone()), &cache).expect("a readable block")
}
