//! What can be wrong with a chain or an upload.

/// Why an entry cannot be part of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin}: {message}")]
pub struct Fault {
    /// Name of the entry.
    pub plugin: String,
    /// What is wrong. Operators read it, and clients of a tenant that is held: no value of a span may be in it.
    pub message: String,
}

/// Why an upload or a rollback did not take effect. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// There is no place to keep it.
    #[error("uploads need `plugins.dir`")]
    NoDir,
    /// Not a name that a file may have.
    #[error("`{0}` cannot name a plugin: 1 to 64 of a-z, 0-9, `-` and `_`")]
    Name(String),
    /// Larger than the limit.
    #[error("the component has {bytes} bytes, the limit is {bytes_max} (plugins.limits.component_bytes_max)")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most it may be.
        bytes_max: u64,
    },
    /// The component itself is bad.
    #[error("the component cannot be used: {0}")]
    Component(String),
    /// A tenant's chain cannot be made with it.
    #[error("the chain of tenant {tenant} cannot be made with it: {reasons}")]
    Chain {
        /// Whose chain.
        tenant: String,
        /// Why.
        reasons: String,
    },
    /// There is no such revision.
    #[error("no earlier revision of `{0}` is kept")]
    NoRevision(String),
    /// The disk.
    #[error("it cannot be kept: {0}")]
    Disk(String),
}
