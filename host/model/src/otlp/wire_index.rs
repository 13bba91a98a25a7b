//! Recognises resources and scopes that were sent before, by their encoded bytes.

use crate::Dict;

/// Row of a resource or scope by its encoded bytes: a repeated one costs one hash.
#[derive(Debug, Default, Clone)]
pub(crate) struct WireIndex {
    pub(crate) resources: Seen,
    pub(crate) scopes: Seen,
}

/// Encodings seen so far and the rows they became.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    encoded: Dict,
    /// By code in `encoded`; code 0 is never used.
    rows: Vec<u32>,
}

/// A state of [`WireIndex`] to go back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireMark {
    resources: usize,
    scopes: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { encoded: Dict::new(), rows: vec![0] }
    }
}

impl Seen {
    /// The row of an equal `key`, or nothing, and then `row` is remembered for it. `key` is not empty.
    pub(crate) fn row_or_insert(&mut self, key: &[u8], row: u32) -> Option<u32> {
        let code = self.encoded.intern(key) as usize;
        if code == 0 {
            // Full: the caller decodes again and its own dictionaries will notice.
            return None;
        }
        if code < self.rows.len() {
            return Some(self.rows[code]);
        }
        self.rows.push(row);
        None
    }

    fn truncate(&mut self, len: usize) {
        self.encoded.truncate(len);
        self.rows.truncate(len);
    }

    fn reset(&mut self) {
        self.encoded.reset();
        self.rows.truncate(1);
    }
}

impl WireIndex {
    pub(crate) fn mark(&self) -> WireMark {
        WireMark { resources: self.resources.rows.len(), scopes: self.scopes.rows.len() }
    }

    pub(crate) fn rollback(&mut self, to: WireMark) {
        self.resources.truncate(to.resources);
        self.scopes.truncate(to.scopes);
    }

    /// Forgets everything: rows have been renumbered or edited.
    pub(crate) fn reset(&mut self) {
        self.resources.reset();
        self.scopes.reset();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let seen = |seen: &Seen| seen.encoded.memory_bytes() + seen.rows.capacity() * 4;
        seen(&self.resources) + seen(&self.scopes)
    }
}
