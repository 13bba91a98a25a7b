//! Why a block could not be read.

pub use super::page::PageError;

/// What is wrong with a block, or with reading it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store could not deliver the bytes.
    #[error("reading the block failed: {0}")]
    Io(#[from] std::io::Error),
    /// Fewer bytes than asked for: the object is shorter than `meta.json` says.
    #[error("data.parquet is cut short: asked for bytes {start}..{end}, got {got}")]
    Short {
        /// First byte asked for.
        start: u64,
        /// End of what was asked for.
        end: u64,
        /// Bytes delivered.
        got: u64,
    },
    /// A version of the format that this reader does not know.
    #[error(transparent)]
    Version(#[from] crate::schema::UnsupportedVersion),
    /// The footer or page index cannot be understood.
    #[error("footer: {0}")]
    Footer(String),
    /// Not the leaves of the format: a block to keep away from queries, not a reason to stop.
    #[error("leaf {index}: expected {expected}, found {found}")]
    Schema {
        /// Position of the leaf.
        index: usize,
        /// What the format has there.
        expected: String,
        /// What the file has there.
        found: String,
    },
    /// A page of a leaf is damaged.
    #[error("leaf {leaf}: {source}")]
    Page {
        /// Path of the leaf.
        leaf: String,
        /// What is wrong.
        source: PageError,
    },
    /// The leaves do not fit each other.
    #[error("leaf {leaf}: {what}")]
    Shape {
        /// Path of the leaf.
        leaf: String,
        /// What does not fit.
        what: &'static str,
    },
    /// A limit of this reader.
    #[error("{what} is {actual}, more than the limit of {limit}")]
    Limit {
        /// Which one.
        what: &'static str,
        /// What the block has.
        actual: u64,
        /// What is accepted.
        limit: u64,
    },
    /// Rows must be asked for in ascending order.
    #[error("row {row} was asked for after row {before}")]
    Order {
        /// The row in front.
        before: u32,
        /// The row out of order.
        row: u32,
    },
    /// A row that the block does not have.
    #[error("row {row} is not in the block, which has {rows}")]
    Row {
        /// As asked.
        row: u32,
        /// Rows of the block.
        rows: u32,
    },
}
