//! Plugins that work on the same spans, one after another.

use super::breaker::Breaker;
use super::counters::{Counters, Family};
use super::{Guest, Link, is_closed};
use cadenza_env::Clock;
use cadenza_model::TenantId;
use cadenza_transform::{Kind, Programs, Session};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Sessions kept for the next batch: as many as work at once.
const SESSIONS_MAX: usize = 64;

pub(super) struct Member {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) calls_guest: bool,
    pub(super) guest: Arc<dyn Guest>,
    pub(super) fail_closed: bool,
    pub(super) breaker: Breaker,
    pub(super) counters: Counters,
    mode: String,
}

/// Some plugins of a chain, in order.
pub(super) struct Segment {
    pub(super) tenant: TenantId,
    pub(super) members: Vec<Member>,
    pub(super) programs: Programs,
    pub(super) calls_guests: bool,
    pub(super) clock: Arc<dyn Clock>,
    sessions: Mutex<Vec<Session>>,
}

impl Segment {
    pub(super) fn new(tenant: &TenantId, links: Vec<Link>, family: &Family, clock: &Arc<dyn Clock>) -> Self {
        let programs = Programs::new(links.iter().map(|link| Arc::clone(&link.compiled)).collect());
        let members: Vec<_> = links.into_iter().map(|link| member(tenant, link, family)).collect();
        Self {
            tenant: tenant.clone(),
            calls_guests: members.iter().any(|member| member.calls_guest),
            members,
            programs,
            clock: Arc::clone(clock),
            sessions: Mutex::default(),
        }
    }

    pub(super) fn take_session(&self) -> Session {
        self.sessions.lock().pop().unwrap_or_default()
    }

    pub(super) fn give_session(&self, session: Session) {
        let mut sessions = self.sessions.lock();
        if sessions.len() < SESSIONS_MAX {
            sessions.push(session);
        }
    }

    /// For status pages: each plugin by its name.
    pub(super) fn status(&self, all: &mut Map<String, Value>) {
        let now = self.clock.monotonic();
        for member in &self.members {
            let mut status = member.counters.json();
            status["mode"] = member.mode.as_str().into();
            status["quarantined_seconds"] =
                member.breaker.quarantined(now).map(|left| left.as_secs_f64()).into();
            status["fail_closed"] = member.fail_closed.into();
            all.insert(member.name.clone(), status);
        }
    }
}

fn member(tenant: &TenantId, link: Link, family: &Family) -> Member {
    let fail_closed = is_closed(&link);
    Member {
        kind: link.compiled.kind(),
        calls_guest: link.compiled.calls_guest(),
        guest: link.guest,
        fail_closed,
        breaker: Breaker::new(fail_closed),
        counters: Counters::new(family, tenant, &link.entry.name),
        name: link.entry.name,
        mode: link.entry.mode.to_string(),
    }
}
