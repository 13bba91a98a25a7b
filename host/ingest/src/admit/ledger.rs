//! Reservations in a tenant's ledger: made by admission, committed by indexing, given back by anything
//! else that ends a batch.

use crate::live::index::Live;
use crate::segments::Batch;
use crate::tenant::Tenant;
use cadenza_model::TraceId;
use std::sync::Arc;
use std::time::Duration;

/// What a batch holds of its tenant's limits.
#[derive(Debug)]
pub(crate) struct Reservation {
    tenant: Arc<Tenant>,
    /// Slot of the trace, and bytes.
    held: Vec<(u32, u64)>,
    ticket: Option<u64>,
    at: Duration,
    keep: Duration,
    /// Keeps segments until the batch is indexed.
    _batch: Batch,
}

impl Reservation {
    /// Holds nothing yet. `at` is now; `keep` is how long sizes of ended traces are remembered.
    pub(crate) fn new(tenant: Arc<Tenant>, batch: Batch, at: Duration, keep: Duration) -> Self {
        Self { tenant, held: Vec::new(), ticket: None, at, keep, _batch: batch }
    }

    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    pub(crate) fn at(&self) -> Duration {
        self.at
    }

    /// Notes a reservation made in `live`, which is the tenant's and locked.
    pub(crate) fn hold(&mut self, live: &mut Live, slot: u32, bytes: u64) {
        self.held.push((slot, bytes));
        if self.ticket.is_none() {
            self.ticket = Some(live.issue_ticket());
        }
    }

    /// Gives back what was reserved for spans that a chain has removed: their traces, and bytes of each.
    pub(crate) fn release(&mut self, removed: impl Iterator<Item = (TraceId, u64)>) {
        let mut live = self.tenant.live.lock();
        for (id, mut bytes) in removed {
            let Some(slot) = live.slot_of(&id) else { continue };
            // A batch of several requests holds a trace once for each.
            for (held_slot, held) in &mut self.held {
                if *held_slot == slot {
                    let part = bytes.min(*held);
                    *held -= part;
                    bytes -= part;
                    live.release(slot, part);
                }
            }
        }
    }

    /// The batch is indexed: what was reserved is now there. `live` is the tenant's and locked.
    pub(crate) fn commit(mut self, live: &mut Live) {
        for (slot, _) in std::mem::take(&mut self.held) {
            live.give_back(slot, 0, self.at, self.keep);
        }
        if let Some(ticket) = self.ticket.take() {
            live.end_ticket(ticket);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.held.is_empty() && self.ticket.is_none() {
            return;
        }
        let mut live = self.tenant.live.lock();
        for (slot, bytes) in std::mem::take(&mut self.held) {
            live.give_back(slot, bytes, self.at, self.keep);
        }
        if let Some(ticket) = self.ticket.take() {
            live.end_ticket(ticket);
        }
    }
}
