//! Why blocks could not be merged.

use crate::WriteError;
use crate::read::ReadError;
use uuid::Uuid;

/// What is wrong with a merge. An error that names a block says that this block is to be left out.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Nothing to merge.
    #[error("a merge needs at least one block")]
    NoInputs,
    /// A block that cannot be in one with the others.
    #[error("block {block_id} has another {what} than the blocks it was to be merged with")]
    Differs {
        /// What it differs in.
        what: &'static str,
        /// The block.
        block_id: Uuid,
    },
    /// The list of inputs is wrong.
    #[error("block {block_id} {what}")]
    Unlike {
        /// What is wrong with it.
        what: &'static str,
        /// The block.
        block_id: Uuid,
    },
    /// An input is damaged or out of reach.
    #[error("block {block_id}: {source}")]
    Read {
        /// The block.
        block_id: Uuid,
        /// What is wrong.
        source: ReadError,
    },
    /// The output could not be made.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// More than a merge may hold.
    #[error("{what} is {actual}, more than the limit of {limit}")]
    Limit {
        /// Which one.
        what: &'static str,
        /// What the inputs have.
        actual: u64,
        /// What is accepted.
        limit: u64,
    },
}

impl MergeError {
    /// Names the block in an error of its reader.
    pub(super) fn reading(block_id: Uuid) -> impl Fn(ReadError) -> Self {
        move |source| Self::Read { block_id, source }
    }

    /// The block that is at fault, if one is.
    pub fn block_id(&self) -> Option<Uuid> {
        match self {
            Self::Differs { block_id, .. } | Self::Unlike { block_id, .. } | Self::Read { block_id, .. } => {
                Some(*block_id)
            }
            Self::NoInputs | Self::Write(_) | Self::Limit { .. } => None,
        }
    }
}

impl From<parquet::errors::ParquetError> for MergeError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Write(error.into())
    }
}

impl From<serde_json::Error> for MergeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Write(error.into())
    }
}
