//! The plugin chain's place in the write path: after admission, before the log.
//!
//! The write path knows no plugin. It asks who knows for the tenant's chain, lets it change the columns, and
//! does with each span what the chain says. A chain that is not there yet holds the tenant's ingest.

use cadenza_model::{Columns, TenantId};
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Where chains come from; asked for every batch, so it must be quick.
pub trait Chains: Send + Sync + 'static {
    /// The chain in force for `tenant` now, or none.
    ///
    /// # Errors
    /// When the tenant has a chain that cannot run yet: its spans must wait with the client.
    fn chain(&self, tenant: &TenantId) -> Result<Option<Arc<dyn Chain>>, Hold>;

    /// Waits, not for long, while the tenant's first chain is being loaded: the first request of a tenant
    /// need not be refused for that.
    fn settle<'a>(&'a self, _tenant: &'a TenantId) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// One version of a tenant's chain.
pub trait Chain: Send + Sync {
    /// Names code and configuration of every part; recorded with the spans.
    fn digest(&self) -> [u8; 32];

    /// True if a call may take milliseconds: then it is kept off the async workers.
    fn calls_guests(&self) -> bool;

    /// Edits `columns`; `requests` are the rows of each request in them, in order. Removes no span: that is
    /// for the write path, by the verdicts. May leave values in dictionaries that nothing uses any more.
    ///
    /// # Errors
    /// When nothing of the batch may go on; `columns` may be half edited then.
    fn run(&self, columns: &mut Columns, requests: &[Range<usize>]) -> Result<Processing, Hold>;
}

/// What a chain made of a batch.
#[derive(Debug, Default)]
pub struct Processing {
    /// One per span; empty if all are kept.
    pub verdicts: Vec<Verdict>,
    /// What [`Verdict::Reject`] refers to. Clients read it: no value of a span may be in it.
    pub reasons: Vec<String>,
    /// A value, name or attribute was changed or removed, and may still lie in a dictionary.
    pub edited: bool,
}

/// What becomes of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// Sampled out: a success for the client.
    Drop,
    /// A plugin that must not be skipped failed on it; index into [`Processing::reasons`].
    Reject(u16),
}

/// Ingest of a tenant waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Which part of the chain, and why.
    pub message: String,
    /// When to come again, if that is known.
    pub retry_after: Option<Duration>,
}

/// No tenant has plugins.
#[derive(Debug, Clone, Copy)]
pub struct NoChains;

impl Chains for NoChains {
    fn chain(&self, _tenant: &TenantId) -> Result<Option<Arc<dyn Chain>>, Hold> {
        Ok(None)
    }
}
