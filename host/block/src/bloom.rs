//! Bloom filters over trace ids, bit for bit as Tempo writes them.
//!
//! A block has one object per shard; a trace id chooses its shard by hash. Every shard has the same,
//! full size. Readers take the parameters from the object, so blocks of any configuration are readable.

use bytes::Bytes;
use cadenza_model::TraceId;

/// Tempo's `bloom_filter_false_positive`.
pub const FALSE_POSITIVE_DEFAULT: f64 = 0.01;
/// Tempo's `bloom_filter_shard_size_bytes`.
pub const SHARD_BYTES_DEFAULT: u32 = 100 * 1024;
/// Tempo never makes more shards; the filter gets less exact instead.
pub const SHARDS_MAX: u32 = 1000;
/// What `bloomShards: 0` in an old meta means.
pub const SHARDS_LEGACY: u32 = 10;
/// Header of an object: bits, hashes and length, each a big-endian u64.
const HEADER_BYTES: usize = 24;
/// Most hash functions that a stored filter may ask for: 0.01 needs 7, and a rate of 1e-18 needs 60.
const HASHES_MAX: u64 = 64;

/// Why a filter can't be made or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BloomError {
    /// Not a probability.
    #[error("bloom false positive rate {rate} is not between 0 and 1")]
    Rate {
        /// As configured.
        rate: f64,
    },
    /// No room for a bit.
    #[error("bloom shard size is 0 bytes")]
    NoBytes,
    /// The object ends before its header says.
    #[error("bloom object has {actual} bytes, its header needs {expected}")]
    Short {
        /// Bytes of the object.
        actual: usize,
        /// Bytes needed.
        expected: u64,
    },
    /// Header fields that no writer makes.
    #[error("bloom object header is invalid: {bits} bits, {hashes} hashes, {length} bits stored")]
    Header {
        /// Bits per shard.
        bits: u64,
        /// Hash functions.
        hashes: u64,
        /// Length of the bit set.
        length: u64,
    },
}

/// Sizes of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    /// Number of objects.
    pub shards: u32,
    /// Bits of each.
    pub bits: u64,
    /// Hash functions.
    pub hashes: u32,
}

impl Sizing {
    /// For `traces` trace ids at a false positive rate of `rate` with shards of `shard_bytes`.
    pub fn new(traces: usize, rate: f64, shard_bytes: u32) -> Result<Self, BloomError> {
        // NaN fails both comparisons and is refused with the rest.
        if !(rate > 0.0 && rate < 1.0) {
            return Err(BloomError::Rate { rate });
        }
        if shard_bytes == 0 {
            return Err(BloomError::NoBytes);
        }
        let (n, ln2) = (traces.max(1) as f64, std::f64::consts::LN_2);
        let total = (-n * rate.ln() / (ln2 * ln2)).ceil();
        let hashes = (ln2 * total / n).ceil() as u32;
        let bits = u64::from(shard_bytes) * 8;
        let shards = ((total / bits as f64).ceil() as u32).clamp(1, SHARDS_MAX);
        Ok(Self { shards, bits, hashes: hashes.clamp(1, HASHES_MAX as u32) })
    }
}

/// The shard that holds `id` in a block with `shards` of them (0: [`SHARDS_LEGACY`]).
pub fn shard_of(id: &TraceId, shards: u32) -> u32 {
    // FNV-1, not FNV-1a: multiply first.
    let hash = id.0.iter().fold(0x811c_9dc5_u32, |h, &b| h.wrapping_mul(16_777_619) ^ u32::from(b));
    hash % if shards == 0 { SHARDS_LEGACY } else { shards }
}

/// A filter being filled.
#[derive(Debug)]
pub struct Builder {
    sizing: Sizing,
    words: Vec<Vec<u64>>,
}

impl Builder {
    /// Empty.
    pub fn new(sizing: Sizing) -> Self {
        let words = vec![0; sizing.bits.div_ceil(64) as usize];
        Self { sizing, words: vec![words; sizing.shards as usize] }
    }

    /// Adds a trace id.
    pub fn add(&mut self, id: &TraceId) {
        let words = &mut self.words[shard_of(id, self.sizing.shards) as usize];
        for bit in positions(id, self.sizing.bits, self.sizing.hashes) {
            words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    /// The objects, by shard number.
    pub fn finish(self) -> Vec<Bytes> {
        let Sizing { bits, hashes, .. } = self.sizing;
        let object = |words: Vec<u64>| {
            let header = [bits, u64::from(hashes), bits];
            header.iter().chain(&words).flat_map(|word| word.to_be_bytes()).collect()
        };
        self.words.into_iter().map(object).collect()
    }
}

/// A shard as stored.
#[derive(Debug, Clone)]
pub struct Shard {
    bits: u64,
    hashes: u32,
    words: Bytes,
}

impl Shard {
    /// Checks the header against the object's length; the bits stay where they are.
    pub fn parse(object: Bytes) -> Result<Self, BloomError> {
        let field = |i: usize| {
            let bytes = object.get(i * 8..i * 8 + 8).and_then(|b| b.try_into().ok());
            bytes
                .map(u64::from_be_bytes)
                .ok_or(BloomError::Short { actual: object.len(), expected: HEADER_BYTES as u64 })
        };
        let (bits, hashes, length) = (field(0)?, field(1)?, field(2)?);
        if bits == 0 || length < bits || !(1..=HASHES_MAX).contains(&hashes) {
            return Err(BloomError::Header { bits, hashes, length });
        }
        let expected = length.div_ceil(64).saturating_mul(8).saturating_add(HEADER_BYTES as u64);
        if (object.len() as u64) < expected {
            return Err(BloomError::Short { actual: object.len(), expected });
        }
        Ok(Self { bits, hashes: hashes as u32, words: object.slice(HEADER_BYTES..) })
    }

    /// False if the block holds no trace `id`. Ask the shard that [`shard_of`] names.
    pub fn may_contain(&self, id: &TraceId) -> bool {
        // Words are big-endian: bit 0 of a word is in its last byte.
        positions(id, self.bits, self.hashes).all(|bit| {
            let byte = (bit / 64) * 8 + 7 - (bit % 64) / 8;
            self.words[byte as usize] >> (bit % 8) & 1 == 1
        })
    }
}

fn positions(id: &TraceId, bits: u64, hashes: u32) -> impl Iterator<Item = u64> {
    let mut longer = [1; 17];
    longer[..16].copy_from_slice(&id.0);
    let ([a, b], [c, d]) = (murmur3(&id.0), murmur3(&longer));
    let h = [a, b, c, d];
    (0..u64::from(hashes)).map(move |i| {
        let step = h[2 + ((i + i % 2) % 4 / 2) as usize];
        h[(i % 2) as usize].wrapping_add(i.wrapping_mul(step)) % bits
    })
}

/// MurmurHash3, x64, 128 bits, seed 0.
fn murmur3(data: &[u8]) -> [u64; 2] {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let k1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let k2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b));
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let mut blocks = data.chunks_exact(16);
    for block in &mut blocks {
        h1 = (h1 ^ k1(word(&block[..8]))).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ k2(word(&block[8..]))).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= k2(word(high));
    h1 ^= k1(word(low));
    h1 ^= data.len() as u64;
    h2 ^= data.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2) = (mix(h1), mix(h2));
    h1 = h1.wrapping_add(h2);
    [h1, h2.wrapping_add(h1)]
}

fn mix(mut k: u64) -> u64 {
    k = (k ^ k >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ k >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}
