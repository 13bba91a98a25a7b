//! What can go wrong between the server and its bucket.

use crate::index::IndexError;
use cadenza_block::merge::MergeError;
use cadenza_block::read::ReadError;
use uuid::Uuid;

/// A failed bucket operation. Tenants are not named: the caller knows whose request it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store refused or was out of reach; worth retrying.
    #[error("object {path}: {source}")]
    Object {
        /// Key of the object, without the configured prefix.
        path: String,
        /// What the client said.
        source: object_store::Error,
    },
    /// Blocks could not become one.
    #[error("block {output} could not be made: {source}")]
    Merge {
        /// What they were to become.
        output: Uuid,
        /// Why they did not.
        source: MergeError,
    },
    /// A tenant index cannot be used.
    #[error("tenant index {path}: {source}")]
    Index {
        /// Its key.
        path: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// There is no tenant index to go by.
    #[error("{tenant} has no index")]
    NoIndex {
        /// The tenant.
        tenant: String,
    },
    /// A tenant index is too old to go by.
    #[error(
        "the tenant index is {age_s} s old, more than blocklist_poll_stale_tenant_index allows ({max_s} s)"
    )]
    StaleIndex {
        /// Its age.
        age_s: u64,
        /// The limit.
        max_s: u64,
    },
    /// An object is there but not what it should be; retrying does not help.
    #[error("block {block_id}: {reason}")]
    Corrupt {
        /// The block that is hurt; all others are not.
        block_id: Uuid,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn object(path: &object_store::path::Path, source: object_store::Error) -> Self {
        Self::Object { path: path.to_string(), source }
    }

    /// The block that is damaged, as far as that is what the error says; trying again does not help.
    pub fn damaged_block(&self) -> Option<Uuid> {
        match self {
            Self::Corrupt { block_id, .. } => Some(*block_id),
            Self::Merge { source: MergeError::Read { source: ReadError::Io(_), .. }, .. } => None,
            Self::Merge { source, .. } => source.block_id(),
            Self::Object { .. } | Self::Index { .. } | Self::NoIndex { .. } | Self::StaleIndex { .. } => None,
        }
    }

    /// True when the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Object { source: object_store::Error::NotFound { .. }, .. })
    }
}
