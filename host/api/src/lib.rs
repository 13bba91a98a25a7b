//! The HTTP surface: routes, parameters, negotiation, tenancy, error texts and the operator's pages.
//!
//! It knows nothing of storage: it asks a [`cadenza_query::QueryService`] and a [`Status`]. Everything a
//! client of Tempo can see of a request — status, text, form — is decided here.

mod config;
mod convert;
mod duration;
mod error;
mod handlers;
mod json;
mod llm;
mod logfmt;
mod metrics;
mod negotiate;
mod pages;
mod params;
mod query_string;
mod routes;
mod server;
mod status;
pub mod tempopb;
mod tenant;
mod trace_body;

pub use config::Config;
pub use error::ApiError;
pub use metrics::Metrics;
pub use server::router;
pub use status::{BuildInfo, ConfigMode, Service, Status};
pub use tenant::TENANT_HEADER;

use cadenza_env::Clock;
use cadenza_query::{QueryService, TenantLimits};
use std::sync::Arc;

/// What the surface stands on; the binary wires it.
#[derive(Clone)]
pub struct Api {
    /// Settings.
    pub config: Arc<Config>,
    /// Time, for ranges relative to now and for latencies.
    pub clock: Arc<dyn Clock>,
    /// Answers queries.
    pub query: Arc<dyn QueryService>,
    /// Tenants' limits.
    pub limits: Arc<dyn TenantLimits>,
    /// Operator's view.
    pub status: Arc<dyn Status>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}
