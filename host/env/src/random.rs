//! Randomness as an argument.

use parking_lot::Mutex;

/// A source of random numbers for seeds, jitter and ids. Not for secrets.
pub trait Random: Send + Sync + 'static {
    /// The next 64 uniformly distributed bits.
    fn next_u64(&self) -> u64;

    /// A number in `0..bound`; zero for a bound of zero. The bias is below 2⁻³².
    fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// SplitMix64: the same seed gives the same sequence on every machine.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A generator whose whole sequence is fixed by `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
