//! Why a store cannot be opened.

use std::path::PathBuf;

/// A store that cannot be opened; retrying with the same configuration does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    /// A setting is missing, or cannot be honoured.
    #[error("storage.trace.{key}: {reason}")]
    Setting {
        /// The key below `storage.trace`.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a setting names.
    #[error("{}: {reason}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client of the store refused its settings.
    #[error("the store's client: {0}")]
    Client(#[from] object_store::Error),
}

impl ObjectsError {
    pub(crate) fn setting(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), reason: reason.into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::File { path: path.into(), reason: reason.to_string() }
    }
}
