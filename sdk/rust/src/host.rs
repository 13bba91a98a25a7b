//! What the server does for plugins. In native tests the imports are stand-ins that remember.

use crate::types::Packed;
pub use cadenza_plugin_bindings::cadenza::plugin::log::Level;
pub use cadenza_plugin_bindings::cadenza::plugin::state::Error as StateError;

/// Writes to the server's log. Never put what spans hold into it.
pub fn log(level: Level, message: &str) {
    imports::log(level, message);
}

/// Sets a gauge or adds to a counter; `metric` counts the declarations in [`crate::Metadata`].
pub fn observe(metric: u32, value: f64) {
    imports::observe(metric, value);
}

/// Reads state that outlives an instance.
pub fn get(key: &str) -> Option<Vec<u8>> {
    imports::get(key)
}

/// Writes state; it counts once the call has succeeded.
pub fn set(key: &str, value: &[u8], ttl_ms: Option<u32>) -> Result<(), StateError> {
    imports::set(key, value, ttl_ms)
}

/// Removes state.
pub fn delete(key: &str) {
    imports::delete(key);
}

/// Adds to a number in the state; gives the number after it.
pub fn increment(key: &str, delta: i64, ttl_ms: Option<u32>) -> Result<i64, StateError> {
    imports::increment(key, delta, ttl_ms)
}

/// 16 hex digits for each value, keyed with a secret that never leaves the server.
pub fn keyed_hashes<'a>(values: impl IntoIterator<Item = &'a str>) -> Hashes {
    let mut packed = Packed { ends: Vec::new(), data: Vec::new() };
    for value in values {
        packed.data.extend_from_slice(value.as_bytes());
        packed.ends.push(packed.data.len() as u32);
    }
    if packed.ends.is_empty() {
        return Hashes(Vec::new());
    }
    Hashes(imports::keyed_hash(&packed))
}

/// Hashes, in the order of the values.
#[derive(Clone, Debug)]
pub struct Hashes(Vec<u8>);

impl Hashes {
    /// Hex digits of each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.chunks(16).map(|digits| std::str::from_utf8(digits).unwrap_or_default())
    }
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::{Level, Packed, StateError};
    use cadenza_plugin_bindings::cadenza::plugin as wit;

    pub(super) fn log(level: Level, message: &str) {
        wit::log::log(level, message);
    }
    pub(super) fn observe(metric: u32, value: f64) {
        wit::metrics::observe(metric, value);
    }
    pub(super) fn get(key: &str) -> Option<Vec<u8>> {
        wit::state::get(key)
    }
    pub(super) fn set(key: &str, value: &[u8], ttl_ms: Option<u32>) -> Result<(), StateError> {
        wit::state::set(key, value, ttl_ms)
    }
    pub(super) fn delete(key: &str) {
        wit::state::delete(key);
    }
    pub(super) fn increment(key: &str, delta: i64, ttl_ms: Option<u32>) -> Result<i64, StateError> {
        wit::state::increment(key, delta, ttl_ms)
    }
    pub(super) fn keyed_hash(values: &Packed) -> Vec<u8> {
        wit::helpers::keyed_hash(values)
    }
}

/// Stand-ins for native tests, one set for each thread.
#[cfg(not(target_arch = "wasm32"))]
mod imports {
    use super::{Level, Packed, StateError};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    #[derive(Default)]
    pub(super) struct Remembered {
        pub(super) log: Vec<(Level, String)>,
        pub(super) observed: Vec<(u32, f64)>,
        state: BTreeMap<String, Vec<u8>>,
    }

    thread_local! {
        pub(super) static REMEMBERED: RefCell<Remembered> = RefCell::default();
    }

    fn with<T>(act: impl FnOnce(&mut Remembered) -> T) -> T {
        REMEMBERED.with(|remembered| act(&mut remembered.borrow_mut()))
    }

    pub(super) fn log(level: Level, message: &str) {
        with(|r| r.log.push((level, message.to_owned())));
    }
    pub(super) fn observe(metric: u32, value: f64) {
        with(|r| r.observed.push((metric, value)));
    }
    pub(super) fn get(key: &str) -> Option<Vec<u8>> {
        with(|r| r.state.get(key).cloned())
    }
    pub(super) fn set(key: &str, value: &[u8], _ttl_ms: Option<u32>) -> Result<(), StateError> {
        with(|r| r.state.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }
    pub(super) fn delete(key: &str) {
        with(|r| r.state.remove(key));
    }
    pub(super) fn increment(key: &str, delta: i64, _ttl_ms: Option<u32>) -> Result<i64, StateError> {
        Ok(with(|r| {
            let old = r.state.get(key).and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
            let new = old.map_or(0, i64::from_le_bytes).wrapping_add(delta);
            r.state.insert(key.to_owned(), new.to_le_bytes().to_vec());
            new
        }))
    }
    pub(super) fn keyed_hash(values: &Packed) -> Vec<u8> {
        use std::hash::{DefaultHasher, Hasher};
        let mut digits = Vec::new();
        let mut start = 0;
        for &end in &values.ends {
            let mut hasher = DefaultHasher::new();
            hasher.write(&values.data[start..end as usize]);
            start = end as usize;
            digits.extend_from_slice(format!("{:016x}", hasher.finish()).as_bytes());
        }
        digits
    }
}

/// Takes what was logged on this thread since the last call.
#[cfg(all(not(target_arch = "wasm32"), any(test, feature = "testing")))]
pub fn take_log() -> Vec<(Level, String)> {
    imports::REMEMBERED.with(|remembered| std::mem::take(&mut remembered.borrow_mut().log))
}

/// Takes what was observed on this thread since the last call.
#[cfg(all(not(target_arch = "wasm32"), any(test, feature = "testing")))]
pub fn take_observed() -> Vec<(u32, f64)> {
    imports::REMEMBERED.with(|remembered| std::mem::take(&mut remembered.borrow_mut().observed))
}
