//! State that outlives instances: one per tenant and plugin, kept as long as some chain uses it.
//!
//! A call writes into an overlay, which is carried over when the call has succeeded and thrown away
//! otherwise: a retry must not count twice. Time is that of the call.

use crate::config::Limits;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Expiry of what does not expire.
pub(crate) const TTL_NONE: u64 = u64::MAX;
/// What a key takes besides its bytes.
const KEY_OVERHEAD: usize = 64;
/// Longest key.
const KEY_BYTES_MAX: usize = 512;
/// Largest value.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Why a write is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quota {
    Exceeded,
    TooLarge,
}

/// All states in use.
pub(crate) struct States {
    bytes_max: usize,
    keys_max: usize,
    used: Mutex<HashMap<(String, String), Weak<State>>>,
}

impl States {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { bytes_max: limits.state_bytes_max, keys_max: limits.state_keys_max, used: Mutex::default() }
    }

    /// The state of a tenant's plugin. It is the same one as long as someone holds it.
    pub(crate) fn of(&self, tenant: &str, plugin: &str) -> Arc<State> {
        let mut used = self.used.lock();
        used.retain(|_, state| state.strong_count() > 0);
        let key = (tenant.to_owned(), plugin.to_owned());
        if let Some(state) = used.get(&key).and_then(Weak::upgrade) {
            return state;
        }
        let state = Arc::new(State::new(self.bytes_max, self.keys_max));
        used.insert(key, Arc::downgrade(&state));
        state
    }
}

struct Entry {
    value: Vec<u8>,
    expiry: u64,
}

#[derive(Default)]
struct Entries {
    map: HashMap<String, Entry>,
    bytes: usize,
}

fn cost(key: &str, value: &[u8]) -> usize {
    KEY_OVERHEAD + key.len() + value.len()
}

impl Entries {
    fn put(&mut self, key: String, value: Vec<u8>, expiry: u64) {
        self.remove(&key);
        self.bytes += cost(&key, &value);
        self.map.insert(key, Entry { value, expiry });
    }

    fn remove(&mut self, key: &str) {
        if let Some(old) = self.map.remove(key) {
            self.bytes -= cost(key, &old.value);
        }
    }

    fn get(&self, key: &str, now: u64) -> Option<&Entry> {
        self.map.get(key).filter(|entry| entry.expiry > now)
    }

    fn forget_expired(&mut self, now: u64) {
        let mut freed = 0;
        self.map.retain(|key, entry| {
            let lives = entry.expiry > now;
            freed += if lives { 0 } else { cost(key, &entry.value) };
            lives
        });
        self.bytes -= freed;
    }
}

/// State of one tenant's plugin.
pub(crate) struct State {
    bytes_max: usize,
    keys_max: usize,
    entries: Mutex<Entries>,
}

enum Change {
    Set(Vec<u8>, u64),
    Delete,
    Add { delta: i64, expiry: u64 },
}

/// Writes of a call that has not succeeded yet.
#[derive(Default)]
pub(crate) struct Overlay {
    changes: HashMap<String, Change>,
    bytes: usize,
}

impl Overlay {
    fn put(&mut self, key: String, change: Change) {
        self.bytes += KEY_OVERHEAD + key.len();
        if let Change::Set(value, _) = &change {
            self.bytes += value.len();
        }
        self.changes.insert(key, change);
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: String) {
        self.put(key, Change::Delete);
    }
}

/// The number in a value; what is no number counts as none.
fn number(value: &[u8]) -> i64 {
    value.try_into().map_or(0, i64::from_le_bytes)
}

impl State {
    fn new(bytes_max: usize, keys_max: usize) -> Self {
        Self { bytes_max, keys_max, entries: Mutex::default() }
    }

    /// The value of a key as the call sees it.
    pub(crate) fn get(&self, overlay: &Overlay, key: &str, now: u64) -> Option<Vec<u8>> {
        let committed = || self.entries.lock().get(key, now).map(|entry| entry.value.clone());
        match overlay.changes.get(key) {
            Some(Change::Set(value, _)) => Some(value.clone()),
            Some(Change::Delete) => None,
            Some(Change::Add { delta, .. }) => {
                let base = committed().map_or(0, |value| number(&value));
                Some(base.wrapping_add(*delta).to_le_bytes().to_vec())
            }
            None => committed(),
        }
    }

    fn check(&self, overlay: &Overlay, key: &str, bytes: usize) -> Result<(), Quota> {
        if key.len() > KEY_BYTES_MAX || bytes > VALUE_BYTES_MAX {
            return Err(Quota::TooLarge);
        }
        let entries = self.entries.lock();
        let total = entries.bytes + overlay.bytes + KEY_OVERHEAD + key.len() + bytes;
        let keys = entries.map.len() + overlay.changes.len() + 1;
        let known = entries.map.contains_key(key) || overlay.changes.contains_key(key);
        if total > self.bytes_max || (keys > self.keys_max && !known) {
            return Err(Quota::Exceeded);
        }
        Ok(())
    }

    /// Writes a value.
    pub(crate) fn set(
        &self,
        overlay: &mut Overlay,
        key: String,
        value: Vec<u8>,
        expiry: u64,
    ) -> Result<(), Quota> {
        self.check(overlay, &key, value.len())?;
        overlay.put(key, Change::Set(value, expiry));
        Ok(())
    }

    /// Adds to a number, 8 bytes in little-endian order; gives the sum. A key that is there keeps its expiry,
    /// so that a window counts from its first increment.
    pub(crate) fn increment(
        &self,
        overlay: &mut Overlay,
        key: String,
        delta: i64,
        expiry: u64,
        now: u64,
    ) -> Result<i64, Quota> {
        self.check(overlay, &key, 8)?;
        let base = self.get(overlay, &key, now).map_or(0, |value| number(&value));
        let sum = base.wrapping_add(delta);
        let change = match overlay.changes.get(&key) {
            Some(Change::Set(_, expiry)) => Change::Set(sum.to_le_bytes().to_vec(), *expiry),
            Some(Change::Delete) => Change::Set(sum.to_le_bytes().to_vec(), expiry),
            Some(Change::Add { delta: before, expiry }) => {
                Change::Add { delta: before.wrapping_add(delta), expiry: *expiry }
            }
            None => Change::Add { delta, expiry },
        };
        overlay.put(key, change);
        Ok(sum)
    }

    /// Carries over what a call has written. Calls at the same time were checked against the quota each for
    /// itself; they may exceed it together by what one call may write.
    pub(crate) fn commit(&self, overlay: Overlay, now: u64) {
        if overlay.changes.is_empty() {
            return;
        }
        let mut entries = self.entries.lock();
        for (key, change) in overlay.changes {
            match change {
                Change::Set(value, expiry) => entries.put(key, value, expiry),
                Change::Delete => entries.remove(&key),
                Change::Add { delta, expiry } => {
                    let before = entries.get(&key, now).map(|entry| (number(&entry.value), entry.expiry));
                    let (base, expiry) = before.unwrap_or((0, expiry));
                    entries.put(key, base.wrapping_add(delta).to_le_bytes().to_vec(), expiry);
                }
            }
        }
        if entries.bytes > self.bytes_max / 2 {
            entries.forget_expired(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states() -> States {
        States::new(&Limits { state_bytes_max: 1000, state_keys_max: 3, ..Limits::default() })
    }

    #[test]
    fn writes_of_a_call_are_seen_by_itself_and_by_others_after_its_success() {
        let states = states();
        let state = states.of("t", "p");
        let mut call = Overlay::default();
        state.set(&mut call, "k".into(), b"v".to_vec(), TTL_NONE).expect("room");
        assert_eq!(state.increment(&mut call, "n".into(), 2, TTL_NONE, 0), Ok(2));
        assert_eq!(state.increment(&mut call, "n".into(), 3, TTL_NONE, 0), Ok(5));
        assert_eq!(state.get(&call, "k", 0).as_deref(), Some(&b"v"[..]));
        assert_eq!(states.of("t", "p").get(&Overlay::default(), "k", 0), None);
        state.commit(call, 0);
        assert_eq!(states.of("t", "p").get(&Overlay::default(), "k", 0).as_deref(), Some(&b"v"[..]));
        assert_eq!(states.of("other", "p").get(&Overlay::default(), "k", 0), None);
        let mut call = Overlay::default();
        assert_eq!(state.increment(&mut call, "n".into(), 1, TTL_NONE, 0), Ok(6));
        call.delete("k".into());
        assert_eq!(state.get(&call, "k", 0), None);
        state.commit(call, 0);
        assert_eq!(state.get(&Overlay::default(), "k", 0), None);
    }

    #[test]
    fn increments_of_calls_at_the_same_time_add_up() {
        let states = states();
        let state = states.of("t", "p");
        let (mut one, mut two) = (Overlay::default(), Overlay::default());
        assert_eq!(state.increment(&mut one, "n".into(), 1, TTL_NONE, 0), Ok(1));
        assert_eq!(state.increment(&mut two, "n".into(), 1, TTL_NONE, 0), Ok(1));
        state.commit(one, 0);
        state.commit(two, 0);
        assert_eq!(state.get(&Overlay::default(), "n", 0), Some(2_i64.to_le_bytes().to_vec()));
    }

    #[test]
    fn what_has_expired_is_gone_and_a_window_counts_from_its_start() {
        let states = states();
        let state = states.of("t", "p");
        for (now, sum) in [(0, 1), (5, 2), (9, 3), (10, 1)] {
            let mut call = Overlay::default();
            assert_eq!(state.increment(&mut call, "n".into(), 1, now + 10, now), Ok(sum), "at {now}");
            state.commit(call, now);
        }
    }

    #[test]
    fn quotas_hold() {
        let states = states();
        let state = states.of("t", "p");
        let mut call = Overlay::default();
        let mut set = |key: &str, bytes: usize| state.set(&mut call, key.into(), vec![0; bytes], TTL_NONE);
        assert_eq!(set("a", VALUE_BYTES_MAX + 1), Err(Quota::TooLarge));
        assert_eq!(set(&"k".repeat(KEY_BYTES_MAX + 1), 1), Err(Quota::TooLarge));
        assert_eq!(set("a", 900), Ok(()));
        assert_eq!(set("b", 100), Err(Quota::Exceeded));
        let mut call = Overlay::default();
        for key in ["a", "b", "c"] {
            assert_eq!(state.set(&mut call, key.into(), vec![], TTL_NONE), Ok(()));
        }
        assert_eq!(state.set(&mut call, "d".into(), vec![], TTL_NONE), Err(Quota::Exceeded));
        assert_eq!(state.set(&mut call, "a".into(), vec![1], TTL_NONE), Ok(()));
    }
}
