//! Blocks that are damaged: kept out of compaction, named with a reason.

use cadenza_model::TenantId;
use parking_lot::RwLock;
use std::collections::HashMap;
use uuid::Uuid;

/// Most blocks remembered: a bucket with more damaged ones has another problem, and the log names them all.
const BLOCKS_MAX: usize = 10_000;

/// Why a block is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Owner of the block.
    pub(crate) tenant: TenantId,
    /// What is wrong with it.
    pub(crate) reason: String,
    /// Since when it is known: seconds since the epoch.
    pub(crate) since_s: u64,
}

/// All damaged blocks that this process knows of.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    blocks: RwLock<HashMap<Uuid, Damage>>,
}

impl Quarantine {
    /// Adds a block, and says so once.
    pub(crate) fn add(&self, tenant: &TenantId, id: Uuid, reason: &str, now_s: u64) {
        let mut blocks = self.blocks.write();
        if blocks.contains_key(&id) || blocks.len() >= BLOCKS_MAX {
            return;
        }
        tracing::error!(%tenant, block_id = %id, reason, "a block is damaged and kept apart");
        blocks.insert(id, Damage { tenant: tenant.clone(), reason: reason.to_owned(), since_s: now_s });
    }

    pub(crate) fn holds(&self, id: Uuid) -> bool {
        self.blocks.read().contains_key(&id)
    }
}
