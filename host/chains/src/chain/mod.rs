//! A chain at work: native steps and guests in order, and what happens when a guest fails.

mod breaker;
mod calls;
mod counters;
mod cut;
mod guest;
mod rows;
mod run;

pub use counters::ChainMetrics;
pub use guest::{Failure, FailureCause, Guest};

use crate::{Entry, Fault};
use breaker::Breaker;
use cadenza_env::Clock;
use cadenza_model::TenantId;
use cadenza_transform::{Compiled, Kind, OnFailure, Programs, Session};
use counters::Counters;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Sessions kept for the next batch: as many as work at once.
const SESSIONS_MAX: usize = 64;

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

struct Member {
    name: String,
    kind: Kind,
    calls_guest: bool,
    guest: Arc<dyn Guest>,
    fail_closed: bool,
    breaker: Breaker,
    counters: Counters,
}

/// The plugins of one tenant, in order.
pub struct PluginChain {
    tenant: TenantId,
    members: Vec<Member>,
    programs: Programs,
    digest: [u8; 32],
    calls_guests: bool,
    sessions: Mutex<Vec<Session>>,
    clock: Arc<dyn Clock>,
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
    /// Links that this server cannot run.
    pub fn new(
        tenant: TenantId,
        mut links: Vec<Link>,
        engine: &str,
        metrics: &ChainMetrics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Vec<Fault>> {
        let fault = |link: &Link| Fault {
            plugin: link.entry.name.clone(),
            message: "tail samplers are not supported yet".to_owned(),
        };
        let faults: Vec<_> =
            links.iter().filter(|link| link.compiled.kind() == Kind::TailSampler).map(fault).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        links.sort_by_key(|link| order(link.compiled.kind()));
        let mut digest = Sha256::new();
        digest.update(engine.as_bytes());
        for link in &links {
            for part in [link.entry.name.as_bytes(), link.entry.config_json.as_bytes(), &link.code_sum] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
            digest.update([u8::from(is_closed(link)), u8::from(link.secret_sum.is_some())]);
            digest.update(link.secret_sum.unwrap_or_default());
        }
        let programs = Programs::new(links.iter().map(|link| Arc::clone(&link.compiled)).collect());
        let members: Vec<_> = links.into_iter().map(|link| member(&tenant, link, metrics)).collect();
        Ok(Self {
            calls_guests: members.iter().any(|member| member.calls_guest),
            tenant,
            members,
            programs,
            digest: digest.finalize().into(),
            sessions: Mutex::default(),
            clock,
        })
    }

    fn take_session(&self) -> Session {
        self.sessions.lock().pop().unwrap_or_default()
    }

    fn give_session(&self, session: Session) {
        let mut sessions = self.sessions.lock();
        if sessions.len() < SESSIONS_MAX {
            sessions.push(session);
        }
    }
}

/// The operator's word, else the plugin's; a scrubber that says nothing of the operator's is never skipped.
fn is_closed(link: &Link) -> bool {
    let default = match link.compiled.kind() {
        Kind::Scrubber => OnFailure::FailClosed,
        _ => link.on_failure,
    };
    link.entry.on_failure.unwrap_or(default) == OnFailure::FailClosed
}

fn member(tenant: &TenantId, link: Link, metrics: &ChainMetrics) -> Member {
    let fail_closed = is_closed(&link);
    Member {
        kind: link.compiled.kind(),
        calls_guest: link.compiled.calls_guest(),
        guest: link.guest,
        fail_closed,
        breaker: Breaker::new(fail_closed),
        counters: Counters::new(metrics, tenant, &link.entry.name),
        name: link.entry.name,
    }
}
