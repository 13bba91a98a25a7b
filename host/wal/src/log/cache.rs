//! Packed sections by place: decompressed, not unpacked, bounded in bytes.
//!
//! Unpacked columns are three times as large, and a query needs few of them.

use crate::frame::FrameHeader;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an entry costs beside its bytes.
const ENTRY_BYTES: u64 = 160;
/// The place of a header among the sections of its frame.
pub(crate) const HEADER: u8 = u8::MAX;
/// The place of all sections of a merged frame.
pub(crate) const MERGED: u8 = u8::MAX - 1;

/// Segment, offset, section.
pub(crate) type Key = (u64, u64, u8);

#[derive(Clone)]
pub(crate) enum Value {
    Header(Arc<FrameHeader>),
    Section(Bytes),
}

impl Value {
    fn bytes(&self) -> u64 {
        match self {
            Self::Header(header) => ENTRY_BYTES + 64 + 48 * header.pieces.len() as u64,
            Self::Section(bytes) => ENTRY_BYTES + bytes.len() as u64,
        }
    }
}

#[derive(Default)]
struct State {
    /// With the time of the last use.
    entries: BTreeMap<Key, (Value, u64)>,
    /// Keys by the time of their last use.
    uses: BTreeMap<u64, Key>,
    now: u64,
    bytes: u64,
}

/// Least recently used goes first.
pub(crate) struct Cache {
    bytes_max: u64,
    state: Mutex<State>,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::new(State::default()) }
    }

    pub(crate) fn get(&self, key: Key) -> Option<Value> {
        let state = &mut *self.state.lock();
        let (value, used) = state.entries.get_mut(&key)?;
        state.now += 1;
        state.uses.remove(&std::mem::replace(used, state.now));
        state.uses.insert(state.now, key);
        Some(value.clone())
    }

    pub(crate) fn put(&self, key: Key, value: Value) {
        let bytes = value.bytes();
        if bytes > self.bytes_max {
            return;
        }
        let mut state = self.state.lock();
        state.remove(&key);
        state.now += 1;
        let now = state.now;
        state.uses.insert(now, key);
        state.bytes += bytes;
        state.entries.insert(key, (value, now));
        while state.bytes > self.bytes_max
            && let Some((_, oldest)) = state.uses.first_key_value()
        {
            let oldest = *oldest;
            state.remove(&oldest);
        }
    }

    /// Drops everything of a segment.
    pub(crate) fn forget(&self, segment: u64) {
        let mut state = self.state.lock();
        let keys: Vec<Key> = state
            .entries
            .range((segment, 0, 0)..=(segment, u64::MAX, u8::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            state.remove(&key);
        }
    }

    #[cfg(test)]
    fn held(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.entries.len(), state.bytes)
    }
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some((value, used)) = self.entries.remove(key) {
            self.uses.remove(&used);
            self.bytes -= value.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_and_the_bound_holds() {
        let cache = Cache::new(3 * (ENTRY_BYTES + 100));
        let section = || Value::Section(Bytes::from(vec![0; 100]));
        for segment in 1..=3 {
            cache.put((segment, 0, 0), section());
        }
        assert!(cache.get((1, 0, 0)).is_some());
        cache.put((4, 0, 0), section());
        assert!(cache.get((2, 0, 0)).is_none(), "unused longest");
        assert!(cache.get((1, 0, 0)).is_some());
        cache.put((5, 0, 0), Value::Section(Bytes::from(vec![0; 1000])));
        assert!(cache.get((5, 0, 0)).is_none(), "larger than the cache");
        cache.forget(1);
        assert!(cache.get((1, 0, 0)).is_none());
        assert_eq!(cache.held(), (2, 2 * (ENTRY_BYTES + 100)));
        cache.put((4, 0, 0), section());
        assert_eq!(cache.held(), (2, 2 * (ENTRY_BYTES + 100)), "replaced, not added");
    }
}
