//! What the operator's pages show; the binary supplies it.

use crate::ApiError;
use async_trait::async_trait;
use cadenza_model::TenantId;
use serde::Serialize;

/// The build, as `/api/status/buildinfo` spells it. Exactly six keys, all texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// The Tempo version whose API this is: Grafana switches features by it.
    pub version: String,
    /// Commit.
    pub revision: String,
    /// Branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When.
    pub build_date: String,
    /// The tool chain; the key's name is Tempo's.
    pub go_version: String,
}

/// One part of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `Running`, `Starting`, `Stopping`, `Failed`.
    pub state: String,
    /// Why it failed; empty otherwise.
    pub failure: String,
}

/// Which view of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigMode {
    /// What is in force.
    Full,
    /// What differs from the defaults.
    Diff,
    /// The defaults.
    Defaults,
}

/// The server as its operator sees it.
#[async_trait]
pub trait Status: Send + Sync + 'static {
    /// The build.
    fn build(&self) -> BuildInfo;

    /// Ready to serve, or the text of the 503.
    fn ready(&self) -> Result<(), String>;

    /// The parts and their states.
    fn services(&self) -> Vec<Service>;

    /// The configuration as YAML, secrets masked.
    fn config(&self, mode: ConfigMode) -> String;

    /// The per-tenant file in force as YAML; the defaults are left out in `Diff`.
    fn runtime_config(&self, mode: ConfigMode) -> String;

    /// Effective limits: of everyone, or of one tenant.
    fn overrides(&self, tenant: Option<&TenantId>) -> String;

    /// Every tenant's plugin chain as JSON: versions, counters, and why a candidate does not run.
    fn plugins(&self) -> String;

    /// Prometheus exposition text.
    fn metrics(&self) -> String;

    /// Cuts live traces and writes them as blocks, of one tenant or of all. Returns when it is done.
    async fn flush(&self, tenant: Option<TenantId>) -> Result<(), ApiError>;

    /// Takes no more spans, writes all there are as blocks, and has the server stop. When not everything can be
    /// stored, the server goes on.
    async fn shutdown(&self) -> Result<(), ApiError>;

    /// Whether this server is to leave nothing behind when it stops.
    fn is_downscale_prepared(&self) -> bool;

    /// Has the server leave nothing behind when it stops, or no more. Remembered over restarts.
    async fn prepare_downscale(&self, prepared: bool) -> Result<(), ApiError>;
}
