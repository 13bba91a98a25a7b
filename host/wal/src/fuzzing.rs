//! Entry points for fuzzing: any bytes, no panic.

/// A frame of spans or control entries, as replay and queries decode it. Checksums are skipped: they
/// would keep every mutation out. What decodes must be consistent.
pub fn wal_frame(data: &[u8]) {
    // Either outcome is fine; only a panic is not.
    let _ = crate::measure::decode_anything(data);
    if let Ok(columns) = crate::measure::decode_unchecked(data) {
        assert_eq!(columns.check(), Ok(()), "decoded columns are inconsistent");
    }
}
