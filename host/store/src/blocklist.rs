//! Which blocks exist, per tenant, as immutable snapshots.

use crate::StoredBlock;
use cadenza_model::TenantId;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// A tenant's blocks at one moment, newest end time first, ties by id.
pub(crate) type Snapshot = Arc<[Arc<StoredBlock>]>;

/// The blocks of all tenants. Readers take a snapshot; writers replace it.
#[derive(Debug, Default)]
pub(crate) struct Blocklist {
    tenants: RwLock<HashMap<TenantId, Snapshot>>,
}

impl Blocklist {
    pub(crate) fn snapshot(&self, tenant: &TenantId) -> Snapshot {
        self.tenants.read().get(tenant).cloned().unwrap_or_else(|| Arc::from([]))
    }

    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<_> = self.tenants.read().keys().cloned().collect();
        tenants.sort();
        tenants
    }

    /// Adds a block just written. A block already listed stays as it is.
    pub(crate) fn add(&self, tenant: &TenantId, block: Arc<StoredBlock>) -> usize {
        let mut tenants = self.tenants.write();
        let mut blocks = tenants.get(tenant).map(|list| list.to_vec()).unwrap_or_default();
        if blocks.iter().all(|listed| listed.meta().block_id != block.meta().block_id) {
            blocks.push(block);
        }
        let length = blocks.len();
        tenants.insert(tenant.clone(), sorted(blocks));
        length
    }

    /// Replaces a tenant's list by what a poll found. `added_since` are blocks that this process wrote
    /// after the listing began: a listing that missed them must not hide them.
    pub(crate) fn replace(
        &self,
        tenant: &TenantId,
        found: Vec<Arc<StoredBlock>>,
        added_since: &HashSet<Uuid>,
    ) -> usize {
        let mut tenants = self.tenants.write();
        let mut blocks = found;
        let known: HashSet<Uuid> = blocks.iter().map(|block| block.meta().block_id).collect();
        if let Some(current) = tenants.get(tenant) {
            let missed = |b: &&Arc<StoredBlock>| {
                added_since.contains(&b.meta().block_id) && !known.contains(&b.meta().block_id)
            };
            blocks.extend(current.iter().filter(missed).cloned());
        }
        let length = blocks.len();
        if blocks.is_empty() {
            tenants.remove(tenant);
        } else {
            tenants.insert(tenant.clone(), sorted(blocks));
        }
        length
    }
}

fn sorted(mut blocks: Vec<Arc<StoredBlock>>) -> Snapshot {
    blocks.sort_by(|a, b| {
        let newest_first = b.meta().end_time.cmp(&a.meta().end_time);
        newest_first.then_with(|| a.meta().block_id.cmp(&b.meta().block_id))
    });
    blocks.into()
}
