//! Crashes of a simulated machine, from seeds: acknowledged spans survive, none is invented or doubled.

use crate::support::{Stepped, numbered, small};
use cadenza_env::sim::{Faults, SimDisk};
use cadenza_env::{Random, SeededRandom};
use cadenza_wal::Appending;
use std::collections::BTreeSet;

/// Simulations of one run; `CADENZA_SOAK` multiplies them.
const SEEDS: u64 = 300;
/// Crashes of one simulation.
const LIVES: u64 = 4;

/// What the clients know.
#[derive(Debug, Default)]
struct Ledger {
    attempted: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

impl Ledger {
    /// What is wrong with the spans a replay found, if anything.
    fn verdict(&self, found: &[u64]) -> Option<String> {
        let distinct: BTreeSet<u64> = found.iter().copied().collect();
        let lost: Vec<_> = self.acknowledged.difference(&distinct).collect();
        let invented: Vec<_> = distinct.difference(&self.attempted).collect();
        let doubled = found.len() - distinct.len();
        let right = lost.is_empty() && invented.is_empty() && doubled == 0;
        (!right).then(|| format!("lost {lost:?}, invented {invented:?}, doubled {doubled}"))
    }

    fn settle(&mut self, waiting: &mut Vec<(u64, Appending)>) {
        waiting.retain_mut(|(number, appending)| match appending.try_answer() {
            Some(Ok(_)) => {
                self.acknowledged.insert(*number);
                false
            }
            Some(Err(_)) => false,
            None => true,
        });
    }
}

fn faults(random: &SeededRandom) -> Faults {
    let some = |permille: u64| if random.below(2) == 0 { random.below(permille) as u32 } else { 0 };
    Faults {
        write_eio_permille: some(60),
        short_write_permille: some(300),
        sync_eio_permille: some(60),
        sync_dir_eio_permille: some(30),
        create_eio_permille: some(30),
        lying_sync: false,
    }
}

/// One machine's lives. Returns the first complaint.
fn simulate(seed: u64, lying_sync: bool) -> Option<String> {
    let random = SeededRandom::new(seed);
    let disk = SimDisk::new(seed ^ 0x5eed);
    let mut ledger = Ledger::default();
    let mut next = 1;
    for life in 0..LIVES {
        disk.set_faults(Faults { lying_sync, ..Faults::default() });
        let Ok(mut log) = Stepped::try_open(&disk, small(), seed + life) else {
            return Some(format!("life {life}: the log does not open"));
        };
        if let Some(complaint) = ledger.verdict(&log.replay().numbers()) {
            return Some(format!("life {life}: {complaint}"));
        }
        disk.set_faults(Faults { lying_sync, ..faults(&random) });
        disk.power_off_after(Some(20 + random.below(200)));
        let mut waiting = Vec::new();
        for _ in 0..random.below(60) {
            for _ in 0..=random.below(4) {
                ledger.attempted.insert(next);
                waiting.push((next, log.append(numbered(next))));
                next += 1;
            }
            log.committer.step();
            ledger.settle(&mut waiting);
        }
        drop(log);
        disk.crash();
    }
    None
}

#[test]
fn acknowledged_spans_survive_crashes_and_failing_disks() {
    let only: Option<u64> = std::env::var("CADENZA_SIM_SEED").ok().and_then(|text| text.parse().ok());
    let factor: u64 = std::env::var("CADENZA_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let seeds = only.map_or(0..SEEDS * factor, |seed| seed..seed + 1);
    for seed in seeds {
        if let Some(complaint) = simulate(seed, false) {
            panic!(
                "seed {seed}: {complaint}\nrepeat: CADENZA_SIM_SEED={seed} cargo test -p cadenza-wal --test it \
                 acknowledged_spans_survive"
            );
        }
    }
}

#[test]
fn the_checker_sees_what_a_lying_disk_loses() {
    let complaints = (0..20).filter_map(|seed| simulate(seed, true)).count();
    assert!(complaints > 10, "only {complaints} of 20 simulations with a lying disk were found out");
}
