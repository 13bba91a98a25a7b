//! A chain at work: native steps and guests in order, and what happens when a guest fails.

mod breaker;
mod calls;
mod canary;
mod counters;
mod cut;
mod guest;
mod rows;
mod run;
mod segment;
mod shadow;
mod stages;

pub use counters::ChainMetrics;
pub use guest::{Failure, FailureCause, Guest};
pub use shadow::Shadows;

use crate::{Entry, Fault, Mode};
use cadenza_env::Clock;
use cadenza_model::TenantId;
use cadenza_transform::{Compiled, Kind, OnFailure};
use sha2::{Digest, Sha256};
use stages::Stage;
use std::sync::Arc;

/// A plugin that is ready to be a link of a chain.
pub struct Link {
    /// Its entry.
    pub entry: Entry,
    /// Names its code: SHA-256 of the component.
    pub code_sum: [u8; 32],
    /// Names the value of the secret it works with, if any, by a keyed hash: what a digest is made of may not tell
    /// the secret to whoever guesses.
    pub secret_sum: Option<[u8; 32]>,
    /// Its checked plan.
    pub compiled: Arc<Compiled>,
    /// Its instances; not asked if the plan needs no call.
    pub guest: Arc<dyn Guest>,
    /// What the plugin itself says about failures.
    pub on_failure: OnFailure,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The plugins of one tenant, in order.
pub struct PluginChain {
    tenant: TenantId,
    stages: Vec<Stage>,
    digest: [u8; 32],
}

impl std::fmt::Debug for PluginChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginChain").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Enrichers, then scrubbers, then samplers: what an enricher derives is scrubbed too.
fn order(kind: Kind) -> u8 {
    match kind {
        Kind::Enricher => 0,
        Kind::Scrubber => 1,
        Kind::HeadSampler => 2,
        Kind::TailSampler => 3,
    }
}

impl PluginChain {
    /// A chain of links, in the order of their kinds and else as given. `engine` names whatever else the
    /// result of a call depends on.
    ///
    /// # Errors
    /// Links that this server cannot run, or not as their entry says.
    pub fn new(
        tenant: TenantId,
        mut links: Vec<Link>,
        engine: &str,
        metrics: &ChainMetrics,
        clock: Arc<dyn Clock>,
        shadows: &Shadows,
    ) -> Result<Self, Vec<Fault>> {
        let fault = |link: &Link| {
            let message = unfit(link)?;
            Some(Fault { plugin: link.entry.name.clone(), message })
        };
        let faults: Vec<_> = links.iter().filter_map(fault).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        links.sort_by_key(|link| order(link.compiled.kind()));
        let digest = digest(engine, &links);
        let stages = stages::stages(&tenant, links, metrics, &clock, shadows);
        Ok(Self { tenant, stages, digest })
    }
}

/// Why a link cannot be part of a chain.
fn unfit(link: &Link) -> Option<String> {
    match (link.compiled.kind(), link.entry.mode) {
        (Kind::TailSampler, _) => Some("tail samplers are not supported yet".to_owned()),
        (Kind::Scrubber, mode @ (Mode::Shadow | Mode::Canary(_))) => Some(format!(
            "mode: `{mode}` would let spans pass that this scrubber has not scrubbed; a scrubber can be `enforce` \
             or `off`"
        )),
        _ => None,
    }
}

fn digest(engine: &str, links: &[Link]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(engine.as_bytes());
    for link in links {
        let mode = link.entry.mode.to_string();
        let name = link.entry.name.as_bytes();
        for part in [name, link.entry.config_json.as_bytes(), &link.code_sum, mode.as_bytes()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update([u8::from(is_closed(link)), u8::from(link.secret_sum.is_some())]);
        digest.update(link.secret_sum.unwrap_or_default());
    }
    digest.finalize().into()
}

/// The operator's word, else the plugin's; a scrubber that says nothing of the operator's is never skipped, and for
/// a shadow nothing waits.
fn is_closed(link: &Link) -> bool {
    let default = match link.compiled.kind() {
        Kind::Scrubber => OnFailure::FailClosed,
        _ => link.on_failure,
    };
    link.entry.mode != Mode::Shadow && link.entry.on_failure.unwrap_or(default) == OnFailure::FailClosed
}
