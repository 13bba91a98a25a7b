//! What can go wrong with a block.

/// Why a block could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing to write: Tempo has no blocks without rows.
    #[error("a block needs at least one span")]
    Empty,
    /// A limit of the format.
    #[error("{what} is {actual}, more than the limit of {limit}")]
    Limit {
        /// Which one.
        what: &'static str,
        /// What the input has.
        actual: u64,
        /// What fits.
        limit: u64,
    },
    /// The Parquet library refused the file's description.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A page could not be compressed.
    #[error("zstd: {0}")]
    Compress(#[source] std::io::Error),
    /// The bloom filter's configuration makes no filter.
    #[error(transparent)]
    Bloom(#[from] crate::bloom::BloomError),
    /// The index object or the meta could not be encoded.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
}
