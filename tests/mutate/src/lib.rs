//! Fuzzing in the ordinary test build: replay a committed corpus, then mutate it.
//!
//! Coverage-guided fuzzing (`cargo xtask fuzz`) finds inputs; this keeps them found. The number of
//! mutations is fixed, so a run is repeatable: `CADENZA_FUZZ_ROUNDS` raises it, `CADENZA_FUZZ_SEED`
//! changes the sequence, and a failing input is printed as hex before the panic goes on.
#![expect(clippy::disallowed_methods, reason = "a test tool: it reads corpora and its own two variables")]

use cadenza_env::{Random, SeededRandom};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// Mutated inputs per corpus file when nothing else is asked for.
const ROUNDS_DEFAULT: u64 = 300;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Feeds every file under `corpus` to `target`, then mutations of each. `target` must not panic.
///
/// # Panics
/// When the corpus is missing or empty, or when `target` panics.
pub fn replay_and_mutate(corpus: impl AsRef<Path>, target: impl Fn(&[u8])) {
    let corpus = corpus.as_ref();
    let mut seeds = Vec::new();
    let entries = std::fs::read_dir(corpus).unwrap_or_else(|e| panic!("corpus {}: {e}", corpus.display()));
    for entry in entries {
        seeds.push(
            std::fs::read(entry.expect("a readable corpus entry").path()).expect("a readable corpus file"),
        );
    }
    assert!(!seeds.is_empty(), "corpus {} is empty", corpus.display());
    seeds.sort();
    let rounds = number("CADENZA_FUZZ_ROUNDS", ROUNDS_DEFAULT);
    let seed = number("CADENZA_FUZZ_SEED", 1);
    let random = SeededRandom::new(seed);
    for input in &seeds {
        run(&target, input);
    }
    for input in &seeds {
        for _ in 0..rounds {
            let other = &seeds[random.below(seeds.len() as u64) as usize];
            run(&target, &mutate(input, other, &random));
        }
    }
}

fn run(target: &impl Fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
        eprintln!("input that panicked ({} bytes): {hex}", input.len());
        resume_unwind(panic);
    }
}

/// One to four random edits: bit flips, interesting bytes, cuts, repeats, splices.
fn mutate(input: &[u8], other: &[u8], random: &dyn Random) -> Vec<u8> {
    const INTERESTING: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'"', b'{', b'('];
    let mut out = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len() as u64 + 1) as usize;
        match random.below(6) {
            0 if at < out.len() => out[at] ^= 1 << random.below(8),
            1 if at < out.len() => out[at] = INTERESTING[random.below(8) as usize],
            2 => out.truncate(at),
            3 => {
                let end = (at + 1 + random.below(16) as usize).min(out.len());
                let piece = out[at..end].to_vec();
                for _ in 0..=random.below(8) {
                    out.splice(at..at, piece.iter().copied());
                }
            }
            4 if !other.is_empty() => {
                let from = random.below(other.len() as u64) as usize;
                out.truncate(at);
                out.extend_from_slice(&other[from..]);
            }
            _ => out.insert(at, random.next_u64() as u8),
        }
    }
    out
}
