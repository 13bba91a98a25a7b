//! What the fuzz targets run, and what must hold for any input.

use crate::meta::BlockMeta;

/// Reads `data` as meta.json.
///
/// # Panics
/// When a meta that was read doesn't come back the same after writing it.
pub fn meta_json(data: &[u8]) {
    let Ok(meta) = BlockMeta::parse(data) else { return };
    let json = meta.to_json().expect("a meta is always json");
    let again = BlockMeta::parse(&json).expect("what we write we can read");
    assert_eq!(again, meta);
}
