//! Which plugin chain each tenant has, and how one version takes the place of another.
//!
//! A chain is one unit of code and configuration. A change of either makes a candidate: loaded, configured,
//! tried on the last batches of the tenant, and only then published. A candidate that fails leaves the
//! version before it running and says why. A tenant whose first chain is not there yet waits: its ingest is
//! refused with a delay, since spans must not go on without their scrubber.
//!
//! This crate knows no WebAssembly: a [`Workshop`] makes components from bytes and chains from components.

pub mod chain;
mod config;
mod error;
mod files;
mod manager;
mod metrics;
mod record;
mod slot;
mod source;
mod status;
mod uploads;

pub use config::{Config, Entry, Mode, Share, Source};
pub use error::{Fault, UploadError};
pub use manager::{Chains, Specs};
pub use metrics::Metrics;
pub use status::{ChainStatus, EntryStatus, VersionStatus};
pub use uploads::Revision;

use cadenza_ingest::chain::Chain;
use cadenza_model::{Columns, TenantId};
use std::sync::Arc;

/// Makes components from bytes, and chains from components.
pub trait Workshop: Send + Sync + 'static {
    /// Code that is ready to be instantiated.
    type Component: Send + Sync + 'static;

    /// The bytes of `builtin:NAME`.
    fn builtin(&self, name: &str) -> Option<&'static [u8]>;

    /// Checks and compiles. Takes as long as it takes: never on the way of a request.
    ///
    /// # Errors
    /// What is wrong with the component.
    fn load(&self, bytes: &[u8]) -> Result<Self::Component, String>;

    /// What a component says of itself, for status pages: name, version, kind.
    fn describe(&self, component: &Self::Component) -> serde_json::Value;

    /// Configures, checks and warms a chain of one tenant. Entries of a later kind may stand before those of
    /// an earlier one: they run in the order of kinds. Entries in [`Mode::Shadow`] that cannot be part of it are
    /// left out.
    ///
    /// # Errors
    /// What is wrong with which entry.
    fn assemble(&self, tenant: &TenantId, parts: &[Part<Self::Component>]) -> Result<Assembly, Vec<Fault>>;
}

/// A chain as far as it could be made.
pub struct Assembly {
    /// The chain.
    pub chain: Arc<dyn Assembled>,
    /// Shadows that are not part of it, and why.
    pub left_out: Vec<Fault>,
}

impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembly").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// An entry and its component.
#[derive(Debug)]
pub struct Part<C> {
    /// What the operator wrote.
    pub entry: Entry,
    /// The code.
    pub component: Arc<C>,
}

/// A chain that can run, and say how it does.
pub trait Assembled: Chain {
    /// Runs over a batch that was processed before, and leaves no trace of that: no metric, no state.
    ///
    /// # Errors
    /// Which plugin fails on it, and why.
    fn trial(&self, columns: Columns) -> Result<(), Fault>;

    /// State of each plugin, for status pages.
    fn status(&self) -> serde_json::Value;
}
