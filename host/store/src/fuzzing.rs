//! What the fuzz targets run, and what must hold for any input.

/// Reads `data` as a tenant index, in both forms, packed and unpacked: never a panic, never more memory than
/// its limit.
pub fn tenant_index(data: &[u8]) {
    crate::index::fuzz_tenant_index(data);
}
