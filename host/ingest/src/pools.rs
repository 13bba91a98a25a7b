//! Buffers that batches reuse: a fresh set for each small request costs more than decoding it.

use crate::live::groups::Groups;
use cadenza_model::Columns;
use parking_lot::Mutex;

/// Sets kept; more batches than this are rarely decoded at once on the cores we target.
const KEPT_MAX: usize = 16;
/// A set that grew beyond this served an exceptional request and is let go.
const KEPT_BYTES_MAX: usize = 8 << 20;

#[derive(Default)]
pub(crate) struct Pools {
    columns: Mutex<Vec<Columns>>,
    groups: Mutex<Vec<Groups>>,
    seed: u64,
}

impl Pools {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(crate) fn take_columns(&self) -> Columns {
        self.columns.lock().pop().unwrap_or_default()
    }

    pub(crate) fn give_columns(&self, mut columns: Columns) {
        if columns.memory_bytes() > KEPT_BYTES_MAX {
            return;
        }
        columns.reset();
        let mut kept = self.columns.lock();
        if kept.len() < KEPT_MAX {
            kept.push(columns);
        }
    }

    pub(crate) fn take_groups(&self) -> Groups {
        self.groups.lock().pop().unwrap_or_else(|| Groups::new(self.seed))
    }

    pub(crate) fn give_groups(&self, groups: Groups) {
        let mut kept = self.groups.lock();
        if kept.len() < KEPT_MAX {
            kept.push(groups);
        }
    }
}
