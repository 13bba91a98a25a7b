//! Which faults a simulated disk injects, and how often.

/// Fault rates, per thousand calls. All zero: the disk works until it is crashed or fills up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// A write fails with EIO after having written any part of its bytes.
    pub write_eio_permille: u32,
    /// A write is short: some bytes, at least one.
    pub short_write_permille: u32,
    /// A sync of a file fails with EIO; its dirty sectors are lost or written, each by chance, and are
    /// clean afterwards: the next sync succeeds without them.
    pub sync_eio_permille: u32,
    /// A sync of a directory fails with EIO; nothing of it becomes durable by this call.
    pub sync_dir_eio_permille: u32,
    /// Creating a file fails with EIO.
    pub create_eio_permille: u32,
    /// A sync answers success and does nothing. No software survives it: for testing the tests.
    pub lying_sync: bool,
}
