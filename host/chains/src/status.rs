//! What `/status/plugins` and the admin API say.

use serde::Serialize;
use serde_json::Value;

/// One tenant's chain.
#[derive(Debug, Clone, Serialize)]
pub struct ChainStatus {
    /// Whose.
    pub tenant: String,
    /// `running`, `none`, or `loading`: ingest waits.
    pub state: &'static str,
    /// The version that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionStatus>,
    /// Why the newest candidate is not the version that runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Versions before, the newest first: number and digest.
    pub earlier: Vec<(u64, String)>,
}

/// A version of a chain.
#[derive(Debug, Clone, Serialize)]
pub struct VersionStatus {
    /// Counts up in each process.
    pub number: u64,
    /// As recorded with spans.
    pub digest: String,
    /// When it was published.
    pub since_unix_seconds: u64,
    /// Its entries.
    pub plugins: Vec<EntryStatus>,
    /// Shadows that are not part of it, and why. Nothing waits for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How they do.
    pub counters: Value,
}

/// An entry of a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryStatus {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// How it works: `enforce`, `shadow`, `canary 10 %`.
    pub mode: String,
    /// SHA-256 of the component.
    pub sha256: String,
    /// What it says of itself.
    pub component: Value,
}
