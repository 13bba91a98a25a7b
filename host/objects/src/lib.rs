//! Object stores: the local disk, S3, Google Cloud Storage, Azure Blob Storage, and what is put around them.
//!
//! `object_store` speaks the protocols and retries. Ours is what a server on a shared bucket needs besides:
//! Tempo's keys and its chain of credentials ([`s3`], [`gcs`], [`azure`]), one HTTP client with time-outs,
//! hedging and a budget of retries ([`http`]), and decorators of one concern each ([`decorate`]). [`open()`]
//! is the one place that stacks them.

pub mod azure;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod decorate;
mod error;
pub mod gcs;
pub mod http;
pub mod local;
mod metrics;
mod open;
pub mod s3;
mod secret;

pub use error::ObjectsError;
pub use metrics::Metrics;
pub use open::{Backend, Config, open};
pub use secret::Secret;

/// Where environment variables come from.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;
