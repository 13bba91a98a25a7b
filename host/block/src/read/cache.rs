//! What open blocks keep decoded: footers, page lists, dictionaries and skeletons, in bounded memory.

use super::file::FileIndex;
use super::page::Dictionary;
use super::skeleton::Skeleton;
use super::source::PageAt;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Footer and page index of the file.
    Index,
    /// Pages of a leaf without an offset index.
    Pages,
    /// Decoded dictionary of a leaf.
    Dictionary,
    /// Where rows, resources and scopes start.
    Skeleton,
    /// Start and end of each row.
    Times,
}

/// Names an entry across all blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) block: Uuid,
    pub(crate) kind: Kind,
    pub(crate) row_group: u32,
    pub(crate) leaf: u32,
}

/// A cached thing.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Index(Arc<FileIndex>),
    Pages(Arc<[PageAt]>),
    Dictionary(Option<Arc<Dictionary>>),
    Skeleton(Arc<Skeleton>),
    Times(Arc<[(u64, u64)]>),
}

/// A least-recently-used cache bounded by bytes, shared by all open blocks.
#[derive(Debug)]
pub struct Cache {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Slot>,
    by_use: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    bytes: usize,
    used: u64,
}

/// Charged per entry beside its content: map nodes, keys and headers.
const ENTRY_OVERHEAD_BYTES: usize = 256;

impl Cache {
    /// Default of `bytes_max`: dictionaries of some ten blocks of half a million spans.
    pub const BYTES_MAX_DEFAULT: usize = 64 << 20;

    /// A cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, state: Mutex::default() })
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Drops what belongs to `block`: it was deleted or superseded.
    pub fn forget(&self, block: Uuid) {
        let mut state = self.lock();
        let keys: Vec<Key> = state.entries.keys().filter(|key| key.block == block).copied().collect();
        for key in keys {
            state.remove(&key);
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Entry> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let slot = state.entries.get_mut(key)?;
        state.by_use.remove(&slot.used);
        state.clock += 1;
        slot.used = state.clock;
        state.by_use.insert(state.clock, *key);
        Some(slot.entry.clone())
    }

    /// Keeps `entry`, unless it alone is larger than the cache; drops what was not used for longest.
    pub(crate) fn put(&self, key: Key, entry: Entry, bytes: usize) {
        let bytes = bytes + ENTRY_OVERHEAD_BYTES;
        if bytes > self.bytes_max {
            return;
        }
        let mut guard = self.lock();
        let state = &mut *guard;
        state.remove(&key);
        state.clock += 1;
        let used = state.clock;
        state.by_use.insert(used, key);
        state.entries.insert(key, Slot { entry, bytes, used });
        state.bytes += bytes;
        while state.bytes > self.bytes_max {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            state.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in here panics half way through an update.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.entries.remove(key) {
            self.by_use.remove(&slot.used);
            self.bytes -= slot.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(leaf: u32) -> Key {
        Key { block: Uuid::nil(), kind: Kind::Pages, row_group: 0, leaf }
    }

    fn entry() -> Entry {
        Entry::Pages(Vec::new().into())
    }

    #[test]
    fn the_entry_unused_for_longest_leaves_first() {
        let cache = Cache::new(3 * (1000 + ENTRY_OVERHEAD_BYTES));
        for leaf in 0..3 {
            cache.put(key(leaf), entry(), 1000);
        }
        assert!(cache.get(&key(0)).is_some());
        cache.put(key(3), entry(), 1000);
        let left: Vec<bool> = (0..4).map(|leaf| cache.get(&key(leaf)).is_some()).collect();
        assert_eq!(left, [true, false, true, true]);
        assert_eq!(cache.bytes(), 3 * (1000 + ENTRY_OVERHEAD_BYTES));
        cache.put(key(9), entry(), 1 << 20);
        assert!(cache.get(&key(9)).is_none(), "larger than the whole cache");
        cache.forget(Uuid::nil());
        assert_eq!(cache.bytes(), 0);
    }
}
