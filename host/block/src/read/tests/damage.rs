//! Damaged blocks: an error or an answer, never a panic.

use super::support;
use crate::meta::BlockMeta;
use crate::read::{BlockReader, Cache, Filter, Projection, ReadError};
use bytes::Bytes;
use std::sync::Arc;

/// Everything that a query may do to a block.
pub(crate) fn exercise(meta: &Arc<BlockMeta>, data: Vec<u8>) -> Result<(), ReadError> {
    let block = BlockReader::open(meta.clone(), Arc::new(Bytes::from(data)), &Cache::new(1 << 20))?;
    let rows: Vec<u32> = (0..block.rows()?.min(64)).collect();
    let found = block.candidates(&Filter::All, 0..u64::MAX);
    let traces = block.read_traces(&rows, &Projection::full().with_derived())?;
    if let Some(info) = traces.infos.first() {
        block.find_trace(&info.trace_id)?;
    }
    found.map(drop)
}

#[test]
fn a_block_cut_anywhere_is_an_error() {
    for (meta, data) in support::blocks() {
        for len in (0..data.len()).step_by(data.len() / 60).chain(data.len() - 64..data.len()) {
            assert!(exercise(&meta, data[..len].to_vec()).is_err(), "{len} bytes");
            let meta = Arc::new(BlockMeta { size: len as u64, ..(*meta).clone() });
            assert!(exercise(&meta, data[..len].to_vec()).is_err(), "{len} bytes, and the meta agrees");
        }
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    // Odd, so that all bits of a byte have their turn.
    const STEP: usize = 1511;
    for (meta, data) in support::blocks() {
        for bit in (0..data.len() * 8).step_by(STEP) {
            let mut broken = data.to_vec();
            broken[bit / 8] ^= 1 << (bit % 8);
            let _ = exercise(&meta, broken);
        }
    }
}

#[test]
fn other_versions_and_other_leaves_are_refused_by_name() {
    let (meta, data) = support::tempo();
    for version in ["vParquet2", "vParquet3", "vParquet6-preview", "v2", ""] {
        let other = Arc::new(BlockMeta { format: version.to_owned(), ..(*meta).clone() });
        let error = exercise(&other, data.to_vec()).unwrap_err().to_string();
        assert_eq!(error, format!("unsupported version {version}: vParquet4, vParquet5 can be read"));
    }
}
