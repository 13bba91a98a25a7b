//! A dictionary of byte strings: an arena, end offsets and a hash index.

use crate::error::DictError;
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A position in a [`Dict`]. Code 0 is always the empty string.
pub type Code = u32;

/// Most slots looked at per string. Beyond this the table grows or, when it is already sparse, the
/// string is appended again: keys that collide cost memory, never quadratic time.
const PROBES_MAX: usize = 16;

/// A table this many times larger than its entries grows no further on collisions.
const SPARSE: usize = 16;

/// Slots of a fresh table.
const SLOTS_MIN: usize = 64;

/// Byte strings by code, interned while being filled.
///
/// Entries may repeat: interning gives up after a bounded number of probes, so hostile keys cannot make
/// it quadratic. Readers must not assume that two codes mean two strings.
///
/// The hash seed differs per process; codes go by first appearance, so it never shows in bytes written.
/// A dictionary that would outgrow 32-bit offsets turns [`Dict::is_full`] and hands out code 0;
/// whoever fills it checks that once at the end.
#[derive(Debug, Clone)]
pub struct Dict {
    arena: Vec<u8>,
    ends: Vec<u32>,
    /// 32 bits of hash, then the code; 0 is free. Empty: no index yet.
    slots: Vec<u64>,
    /// The words in `slots` in the order of their codes: for growing and rolling back.
    indexed: Vec<u64>,
    hasher: RandomState,
    bytes_max: usize,
    full: bool,
}

impl Default for Dict {
    fn default() -> Self {
        Self::new()
    }
}

impl Dict {
    /// Holds the empty string only.
    pub fn new() -> Self {
        Self {
            arena: Vec::new(),
            ends: vec![0],
            slots: Vec::new(),
            indexed: Vec::new(),
            hasher: RandomState::default(),
            bytes_max: u32::MAX as usize,
            full: false,
        }
    }

    /// As [`Dict::new`], full at `bytes_max`.
    #[cfg(test)]
    pub(crate) fn with_bytes_max(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::new() }
    }

    /// What a frame or a page stored. Checks the offsets; the index is built when first interned into.
    pub fn from_parts(arena: Vec<u8>, ends: Vec<u32>) -> Result<Self, DictError> {
        if ends.first() != Some(&0) {
            return Err(DictError::NoEmptyEntry);
        }
        if !ends.is_sorted() {
            return Err(DictError::Offsets);
        }
        if *ends.last().unwrap_or(&0) as usize != arena.len() {
            return Err(DictError::ArenaLength { bytes: arena.len() });
        }
        Ok(Self { arena, ends, ..Self::new() })
    }

    /// Back to holding the empty string only; keeps its memory.
    pub fn reset(&mut self) {
        // Sized for the batch just seen: the next one is likely alike, and clearing costs by size.
        let slots = (self.indexed.len() * 2).next_power_of_two().max(SLOTS_MIN);
        self.arena.clear();
        self.ends.truncate(1);
        self.indexed.clear();
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.full = false;
    }

    /// The code of `bytes`, appended if it is new.
    #[inline]
    pub fn intern(&mut self, bytes: &[u8]) -> Code {
        if bytes.is_empty() {
            return 0;
        }
        if self.slots.is_empty() {
            self.build_index();
        }
        let hash = self.hash(bytes);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        for step in 1..=PROBES_MAX {
            let slot = self.slots[at];
            if slot == 0 {
                return self.insert(at, hash, bytes);
            }
            if (slot >> 32) as u32 == hash && self.get(slot as Code) == bytes {
                return slot as Code;
            }
            at = (at + step) & mask;
        }
        self.intern_crowded(bytes)
    }

    /// Appends an entry whether or not an equal one exists, the empty string included.
    pub fn push(&mut self, bytes: &[u8]) -> Code {
        if self.full
            || self.arena.len() + bytes.len() > self.bytes_max
            || self.ends.len() >= u32::MAX as usize
        {
            self.full = true;
            return 0;
        }
        let code = self.ends.len() as Code;
        self.arena.extend_from_slice(bytes);
        self.ends.push(self.arena.len() as u32);
        code
    }

    /// The bytes of `code`.
    ///
    /// # Panics
    /// When this dictionary has no such code.
    #[inline]
    pub fn get(&self, code: Code) -> &[u8] {
        let code = code as usize;
        let start = if code == 0 { 0 } else { self.ends[code - 1] as usize };
        &self.arena[start..self.ends[code] as usize]
    }

    /// The text of `code`: of a dictionary whose UTF-8 was checked when it was filled (what is not UTF-8
    /// reads as a replacement character).
    #[inline]
    pub fn str(&self, code: Code) -> &str {
        std::str::from_utf8(self.get(code)).unwrap_or("\u{fffd}")
    }

    /// Number of entries, the empty string included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: code 0 is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// All entries one after another.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    /// Where each entry ends in [`Dict::arena`].
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// True once an entry was refused for want of 32-bit offsets: the codes handed out since are wrong.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Every code whose entry equals `bytes`.
    pub fn codes_of<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Code> + 'a {
        let mut start = 0;
        self.ends.iter().enumerate().filter_map(move |(code, &end)| {
            let end = end as usize;
            let entry = start..end;
            start = end;
            (entry.len() == bytes.len() && &self.arena[entry] == bytes).then_some(code as Code)
        })
    }

    /// True if every entry from `first` on is UTF-8. One pass over the arena, not one per entry.
    pub fn is_utf8_from(&self, first: Code) -> bool {
        let first = first as usize;
        let start = if first == 0 { 0 } else { self.ends[first - 1] as usize };
        let tail = &self.arena[start..];
        if tail.is_ascii() {
            return true;
        }
        let continues = |end: &u32| self.arena.get(*end as usize).is_some_and(|b| b & 0xc0 == 0x80);
        simdutf8::basic::from_utf8(tail).is_ok() && !self.ends[first..].iter().any(continues)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.arena.capacity()
            + self.ends.capacity() * 4
            + (self.slots.capacity() + self.indexed.capacity()) * 8
    }

    /// Forgets all codes from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.full = false;
        if len >= self.ends.len() {
            return;
        }
        self.ends.truncate(len);
        self.arena.truncate(self.ends[len - 1] as usize);
        let keep = self.indexed.partition_point(|&word| ((word as u32) as usize) < len);
        if keep < self.indexed.len() {
            self.indexed.truncate(keep);
            // A later entry never moved an earlier one, so taking it out breaks no probe sequence.
            for slot in &mut self.slots {
                if (*slot as u32) as usize >= len {
                    *slot = 0;
                }
            }
        }
    }

    /// Keeps the entries marked in `used` (and code 0), in order; `remap` receives the new code of each.
    pub(crate) fn retain(&mut self, used: &[bool], remap: &mut Vec<Code>) {
        remap.clear();
        remap.push(0);
        let (mut kept, mut write, mut start) = (1, 0, 0);
        for (code, &used) in used.iter().enumerate().skip(1) {
            let end = self.ends[code] as usize;
            if used {
                self.arena.copy_within(start..end, write);
                write += end - start;
                self.ends[kept] = write as u32;
                remap.push(kept as Code);
                kept += 1;
            } else {
                remap.push(0);
            }
            start = end;
        }
        self.ends.truncate(kept);
        self.arena.truncate(write);
        self.slots.clear();
        self.indexed.clear();
    }

    #[inline]
    fn hash(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }

    /// Appends `bytes` and points the free slot `at` to it.
    #[inline]
    fn insert(&mut self, at: usize, hash: u32, bytes: &[u8]) -> Code {
        let code = self.push(bytes);
        if code == 0 {
            return 0;
        }
        let word = u64::from(hash) << 32 | u64::from(code);
        self.indexed.push(word);
        if self.indexed.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            self.slots[at] = word;
        }
        code
    }

    /// All probes hit other strings.
    #[cold]
    fn intern_crowded(&mut self, bytes: &[u8]) -> Code {
        if self.slots.len() < self.indexed.len().saturating_mul(SPARSE) {
            self.grow();
            return self.intern(bytes);
        }
        self.push(bytes)
    }

    /// Doubles the table, filling it in the order of codes.
    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(slots, 0);
        let words = std::mem::take(&mut self.indexed);
        for &word in &words {
            self.place(word);
        }
        self.indexed = words;
    }

    /// Puts a word into the first free slot of its probe sequence, if there is one.
    fn place(&mut self, word: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (word >> 32) as usize & mask;
        for step in 1..=PROBES_MAX {
            if self.slots[at] == 0 {
                self.slots[at] = word;
                return;
            }
            at = (at + step) & mask;
        }
    }

    /// Indexes what came without an index; of equal entries the first one.
    #[cold]
    fn build_index(&mut self) {
        self.indexed.clear();
        for code in 1..self.ends.len() as Code {
            let bytes = self.get(code);
            if !bytes.is_empty() {
                let hash = self.hash(bytes);
                self.indexed.push(u64::from(hash) << 32 | u64::from(code));
            }
        }
        let slots = (self.indexed.len() * 2).next_power_of_two().max(SLOTS_MIN);
        self.slots.resize(slots, 0);
        let words = std::mem::take(&mut self.indexed);
        for &word in &words {
            self.place(word);
        }
        self.indexed = words;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_dictionary_says_so_and_recovers() {
        let mut dict = Dict::with_bytes_max(4);
        assert_eq!([dict.intern(b"ab"), dict.intern(b"cd"), dict.intern(b"ab")], [1, 2, 1]);
        assert!(!dict.is_full());
        assert_eq!((dict.intern(b"e"), dict.is_full()), (0, true));
        dict.truncate(2);
        assert_eq!((dict.is_full(), dict.intern(b"xy"), dict.str(2)), (false, 2, "xy"));
    }

    #[test]
    fn rolling_back_leaves_the_earlier_entries_findable() {
        let mut dict = Dict::new();
        let text = |i: u32| format!("entry {i}");
        for i in 0..40 {
            dict.intern(text(i).as_bytes());
        }
        for i in 40..5000 {
            dict.intern(text(i).as_bytes());
        }
        dict.truncate(41);
        for i in 0..40 {
            assert_eq!(dict.intern(text(i).as_bytes()), i + 1);
        }
        assert_eq!(dict.intern(text(4000).as_bytes()), 41);
    }

    #[test]
    fn colliding_entries_cost_memory_not_time() {
        let mut dict = Dict::new();
        dict.intern(b"first");
        let word = dict.indexed[0];
        // Every probe finds a stranger with the same hash.
        dict.slots.fill(word);
        let code = dict.intern(b"second");
        assert_eq!(dict.get(code), b"second");
        assert!(dict.slots.len() <= SLOTS_MIN * 2 * SPARSE);
    }
}
