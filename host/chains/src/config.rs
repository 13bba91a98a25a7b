//! What an operator can set, in plain types; the binary maps the configuration onto it.

use cadenza_transform::OnFailure;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of all chains.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where sources that are paths lie, and where uploads are kept.
    pub dir: Option<PathBuf>,
    /// Largest component.
    pub component_bytes_max: u64,
    /// How often files and specifications are looked at.
    pub reload_interval: Duration,
    /// Batches of a tenant in its chain at once; more are refused with a delay. One tenant must not hold all
    /// threads for blocking work.
    pub tenant_batches_max: usize,
}

/// Half of the threads for blocking work.
const TENANT_BATCHES_MAX: usize = 32;
/// The largest plugin language makes 18 MB.
const COMPONENT_BYTES_MAX: u64 = 32 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: None,
            component_bytes_max: COMPONENT_BYTES_MAX,
            reload_interval: Duration::from_secs(1),
            tenant_batches_max: TENANT_BATCHES_MAX,
        }
    }
}

/// One plugin of a chain, as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In metrics, status and errors; once per chain.
    pub name: String,
    /// Where its component comes from.
    pub source: Source,
    /// Its configuration; secrets are still `${secret:NAME}`.
    pub config_json: String,
    /// What happens with spans it fails on; `None` leaves it to the plugin.
    pub on_failure: Option<OnFailure>,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Embedded in the server.
    Builtin(String),
    /// Below [`Config::dir`].
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
