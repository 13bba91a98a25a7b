//! Which blocks exist, per tenant, as immutable snapshots.
//!
//! Polls replace a tenant's list; what this process itself does to the bucket meanwhile is applied at once,
//! and again over the result of the poll that was under way, whose listing may have missed it. A block that
//! another one replaces is hidden as long as both are there.

use crate::StoredBlock;
use cadenza_model::TenantId;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A tenant's blocks at one moment, newest end time first, ties by id.
pub(crate) type Snapshot = Arc<[Arc<StoredBlock>]>;

/// A block that is superseded or past retention, and since when.
#[derive(Debug, Clone)]
pub(crate) struct CompactedBlock {
    /// The block; its data is still there.
    pub(crate) block: Arc<StoredBlock>,
    /// When it was marked: seconds since the epoch, by the store's clock.
    pub(crate) compacted_s: u64,
}

/// What this process did to a block.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Wrote it.
    Added(Arc<StoredBlock>),
    /// Marked it as compacted.
    Compacted(Uuid, u64),
    /// Deleted its objects.
    Deleted(Uuid),
}

/// A tenant's two lists, as they are in the bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    pub(crate) live: Vec<Arc<StoredBlock>>,
    pub(crate) compacted: Vec<CompactedBlock>,
}

#[derive(Debug, Default)]
struct Tenant {
    listed: Listed,
    /// What queries see: the live blocks that no other block replaces.
    visible: Snapshot,
    /// Changes, kept until a list that was made after them is in.
    changes: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    number: u64,
    /// On the monotonic clock.
    at: Duration,
    change: Change,
}

/// What a new list has not seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Since {
    /// Changes from this number on: the list was made here.
    Mark(u64),
    /// Changes after this moment on the monotonic clock: the list was made elsewhere, and is that old.
    Moment(Duration),
}

/// The blocks of all tenants. Readers take a snapshot; writers replace it.
#[derive(Debug, Default)]
pub(crate) struct Blocklist {
    tenants: RwLock<HashMap<TenantId, Tenant>>,
    next_change: std::sync::atomic::AtomicU64,
}

impl Blocklist {
    pub(crate) fn snapshot(&self, tenant: &TenantId) -> Snapshot {
        self.tenants.read().get(tenant).map(|tenant| Arc::clone(&tenant.visible)).unwrap_or_default()
    }

    /// Both lists as they are in the bucket, hidden blocks included.
    pub(crate) fn listed(&self, tenant: &TenantId) -> Listed {
        self.tenants.read().get(tenant).map(|tenant| tenant.listed.clone()).unwrap_or_default()
    }

    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<_> = self.tenants.read().keys().cloned().collect();
        tenants.sort();
        tenants
    }

    /// Number of the next change: a poll that takes it before it lists has seen all changes below it.
    pub(crate) fn mark(&self) -> u64 {
        self.next_change.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Applies what was just done to the bucket, all of it at once for readers. Returns the number of blocks
    /// that queries see.
    pub(crate) fn apply(&self, tenant: &TenantId, changes: Vec<Change>, at: Duration) -> usize {
        let mut tenants = self.tenants.write();
        let entry = tenants.entry(tenant.clone()).or_default();
        for change in changes {
            entry.listed.apply(&change);
            let number = self.next_change.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            entry.changes.push(Made { number, at, change });
        }
        entry.publish()
    }

    /// Replaces a tenant's lists by new ones, with what those have not seen.
    pub(crate) fn replace(&self, tenant: &TenantId, found: Listed, since: Since) -> usize {
        let mut tenants = self.tenants.write();
        let entry = tenants.entry(tenant.clone()).or_default();
        entry.changes.retain(|made| match since {
            Since::Mark(mark) => made.number >= mark,
            Since::Moment(moment) => made.at >= moment,
        });
        entry.listed = found;
        for made in &entry.changes {
            entry.listed.apply(&made.change);
        }
        let visible = entry.publish();
        if entry.listed.live.is_empty() && entry.listed.compacted.is_empty() && entry.changes.is_empty() {
            tenants.remove(tenant);
        }
        visible
    }
}

impl Listed {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Added(block) => {
                let id = block.meta().block_id;
                let known = self.live.iter().any(|listed| listed.meta().block_id == id)
                    || self.compacted.iter().any(|listed| listed.block.meta().block_id == id);
                if !known {
                    self.live.push(Arc::clone(block));
                }
            }
            Change::Compacted(id, compacted_s) => {
                if let Some(at) = self.live.iter().position(|listed| listed.meta().block_id == *id) {
                    let block = self.live.swap_remove(at);
                    self.compacted.push(CompactedBlock { block, compacted_s: *compacted_s });
                }
            }
            Change::Deleted(id) => {
                self.live.retain(|listed| listed.meta().block_id != *id);
                self.compacted.retain(|listed| listed.block.meta().block_id != *id);
            }
        }
    }

    /// Blocks that another one replaces, also one that has been compacted itself meanwhile.
    pub(crate) fn replaced(&self) -> HashSet<Uuid> {
        let live = self.live.iter().flat_map(|block| &block.meta().replaces);
        let compacted = self.compacted.iter().flat_map(|compacted| &compacted.block.meta().replaces);
        live.chain(compacted).copied().collect()
    }
}

impl Tenant {
    fn publish(&mut self) -> usize {
        let replaced = self.listed.replaced();
        let mut blocks: Vec<_> = self.listed.live.clone();
        blocks.retain(|block| !replaced.contains(&block.meta().block_id));
        blocks.sort_by(|a, b| {
            let newest_first = b.meta().end_time.cmp(&a.meta().end_time);
            newest_first.then_with(|| a.meta().block_id.cmp(&b.meta().block_id))
        });
        self.visible = blocks.into();
        self.visible.len()
    }
}
