//! Where finished cuts go: built into blocks, and stored.

use cadenza_env::BoxFuture;
use cadenza_model::{Columns, TenantId};
use uuid::Uuid;

/// Builds and stores blocks.
pub trait BlockSink: Send + Sync + 'static {
    /// Lays out the block of these spans. Called on a thread that may block.
    ///
    /// # Errors
    /// When the spans cannot be laid out; it will be tried again.
    fn build(
        &self,
        tenant: &TenantId,
        block: Uuid,
        spans: &Columns,
    ) -> Result<Box<dyn PreparedBlock>, String>;

    /// True if the store has this block, or had it and has compacted it since; then it answers for the
    /// block's spans from now on.
    fn exists<'a>(&'a self, tenant: &'a TenantId, block: Uuid) -> BoxFuture<'a, Result<bool, String>>;
}

/// A block in memory.
pub trait PreparedBlock: Send + Sync {
    /// Its size.
    fn bytes(&self) -> u64;

    /// Stores it, its meta last. When this returns, a list of blocks taken afterwards has it. May be
    /// called again after an error.
    fn put(&self) -> BoxFuture<'_, Result<(), String>>;
}
