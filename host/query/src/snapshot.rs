//! One moment of a tenant's data: live spans first, then blocks.

use crate::{Missing, Sources};
use cadenza_ingest::{Ingester, LiveSnapshot};
use cadenza_model::TenantId;
use cadenza_store::{Store, StoredBlock};
use std::collections::HashSet;
use std::sync::Arc;

/// Everything a query of one tenant may look at. Each acknowledged span is in exactly one place of it.
pub(crate) struct Snapshot {
    pub(crate) live: Option<LiveSnapshot>,
    /// Newest end first.
    pub(crate) blocks: Vec<Arc<StoredBlock>>,
}

impl Snapshot {
    /// The order matters: a block that appears between the two looks is still among the live snapshot's
    /// pending ones and is passed over, so nothing is missed or doubled.
    pub(crate) fn take(ingester: &Ingester, store: &Store, tenant: &TenantId, sources: Sources) -> Self {
        let live = ingester.snapshot(tenant);
        let pending: HashSet<_> = live.pending_blocks().iter().copied().collect();
        let listed = if sources == Sources::Recent { Arc::from([]) } else { store.blocks(tenant) };
        let blocks =
            listed.iter().filter(|block| !pending.contains(&block.meta().block_id)).cloned().collect();
        Self { live: (sources != Sources::Stored).then_some(live), blocks }
    }

    /// What is known to be missing already.
    pub(crate) fn missing(&self) -> Missing {
        let mut missing = Missing::default();
        if self.live.as_ref().is_some_and(LiveSnapshot::is_partial) {
            missing.note("the write-ahead log of an earlier run is still being read".to_owned());
        }
        missing
    }
}
