//! Seeded lives of a log: appends, faults, crashes, replays, and a checker that knows what was promised.
//!
//! `CADENZA_SOAK` multiplies the number of seeds, `CADENZA_SIM_SEED` runs one of them alone.

use crate::support::{Replayed, Stepped, numbered, small};
use cadenza_env::sim::{Faults, SimDisk};
use cadenza_env::{Random, SeededRandom};
use cadenza_wal::{Appending, DamageKind, FramePos, Sections};
use std::collections::BTreeSet;

/// Enough to meet every fault many times within ten seconds.
const SEEDS_DEFAULT: u64 = 150;
/// Crashes in one life, each followed by a start and a check.
const BOOTS: u64 = 4;
/// Commits before the power goes, at most.
const COMMITS_MAX: u64 = 40;

/// What the clients of a log know, and the promises made to them.
#[derive(Default)]
struct Checker {
    attempted: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    next: u64,
}

impl Checker {
    fn attempt(&mut self) -> u64 {
        self.next += 1;
        self.attempted.insert(self.next);
        self.next
    }

    /// Acknowledged ⊆ replayed ⊆ attempted, and nothing twice.
    fn check(&self, found: &Replayed) -> Result<(), String> {
        let numbers = found.numbers();
        let replayed: BTreeSet<u64> = numbers.iter().copied().collect();
        if replayed.len() != numbers.len() {
            return Err(format!("{} spans doubled", numbers.len() - replayed.len()));
        }
        let lost: Vec<_> = self.acknowledged.difference(&replayed).collect();
        if !lost.is_empty() {
            return Err(format!("acknowledged spans lost: {lost:?}; damages: {:?}", found.damages));
        }
        let invented: Vec<_> = replayed.difference(&self.attempted).collect();
        if !invented.is_empty() {
            return Err(format!("spans invented: {invented:?}"));
        }
        let damaged = |kind| !matches!(kind, DamageKind::TornTail | DamageKind::FileHeader);
        match found.damages.iter().find(|damage| damaged(damage.kind)) {
            Some(damage) => Err(format!("a crash reported as damage: {damage:?}")),
            None => Ok(()),
        }
    }
}

/// One process: appends until the power goes.
fn live(log: &mut Stepped, checker: &mut Checker, random: &dyn Random) -> Result<(), String> {
    let mut known: Vec<(FramePos, u64)> = Vec::new();
    for _ in 0..random.below(COMMITS_MAX) {
        let mut waiting: Vec<(u64, Appending)> = (0..random.below(6))
            .map(|_| {
                let number = checker.attempt();
                (number, log.append(numbered(number)))
            })
            .collect();
        if random.below(12) == 0 {
            log.wal.seal();
        }
        log.committer.step();
        for (number, appending) in &mut waiting {
            match appending.try_answer() {
                Some(Ok(durable)) => {
                    checker.acknowledged.insert(*number);
                    known.push((durable.pos(), *number));
                }
                Some(Err(_)) => {}
                None => return Err(format!("append {number} was left without an answer")),
            }
        }
        // What is acknowledged is readable, if the disk reads at all.
        if let Some((pos, number)) = known.get(random.below(known.len() as u64 + 1) as usize) {
            match log.wal.read(pos, Sections::ALL) {
                Ok(columns) if columns.spans.span_id[0].0 == *number => {}
                Ok(_) => return Err(format!("{pos:?} holds another span")),
                Err(cadenza_wal::ReadError::Io { .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Ok(())
}

fn faults(random: &dyn Random) -> Faults {
    let some = |permille: u64| if random.below(2) == 0 { 0 } else { random.below(permille) as u32 };
    Faults {
        write_eio_permille: some(150),
        short_write_permille: some(500),
        sync_eio_permille: some(200),
        sync_dir_eio_permille: some(150),
        create_eio_permille: some(150),
        lying_sync: false,
    }
}

/// A whole life: boots with crashes between them.
fn simulate(seed: u64, lying_sync: bool) -> Result<usize, String> {
    let random = SeededRandom::new(seed);
    let disk = SimDisk::new(random.next_u64());
    let mut checker = Checker::default();
    for boot in 0..=BOOTS {
        disk.set_faults(Faults { lying_sync, ..Faults::default() });
        disk.set_capacity(u64::MAX);
        let mut log = Stepped::try_open(&disk, small(), random.next_u64())
            .map_err(|error| format!("boot {boot} does not start: {error}"))?;
        // Appends go on in front of the replay.
        let early = checker.attempt();
        let mut appending = log.append(numbered(early));
        log.committer.step();
        if let Some(Ok(_)) = appending.try_answer() {
            checker.acknowledged.insert(early);
        }
        let mut found = log.replay();
        found.spans.push(cadenza_model::SpanId(early));
        checker.check(&found).map_err(|what| format!("boot {boot}: {what}"))?;
        // Unacknowledged spans that came through are there for good: replay has shown them.
        checker.attempted.retain(|number| found.numbers().contains(number) || *number > early);
        if boot == BOOTS {
            break;
        }
        disk.set_faults(Faults { lying_sync, ..faults(&random) });
        if random.below(4) == 0 {
            disk.set_capacity(log.wal.bytes() + random.below(100_000));
        }
        disk.power_off_after(Some(5 + random.below(250)));
        live(&mut log, &mut checker, &random).map_err(|what| format!("boot {boot}: {what}"))?;
        disk.crash();
    }
    match disk.uses_after_failed_sync() {
        0 => {}
        uses => return Err(format!("files were used {uses} times after their sync had failed")),
    }
    Ok(checker.acknowledged.len())
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_crash_and_no_fault_loses_what_was_acknowledged() {
    let only = number("CADENZA_SIM_SEED");
    let seeds = only.map_or(0..SEEDS_DEFAULT * number("CADENZA_SOAK").unwrap_or(1), |seed| seed..seed + 1);
    let mut acknowledged = 0;
    for seed in seeds.clone() {
        match simulate(seed, false) {
            Ok(count) => acknowledged += count,
            Err(what) => panic!(
                "seed {seed}: {what}\nrepeat: CADENZA_SIM_SEED={seed} cargo test --profile ci -p cadenza-wal \
                 --test it simulation"
            ),
        }
    }
    eprintln!("{} lives, {acknowledged} spans acknowledged, none lost", seeds.end - seeds.start);
    assert!(only.is_some() || acknowledged > 0, "the simulation acknowledges something");
}

#[test]
fn the_checker_sees_a_disk_whose_sync_lies() {
    let caught =
        (0..20).filter(|&seed| simulate(seed, true).is_err_and(|what| what.contains("lost"))).count();
    assert!(caught > 10, "a lying disk loses spans, and the checker saw it in {caught} of 20 lives only");
}

#[test]
fn the_same_seed_is_the_same_life() {
    assert_eq!(simulate(7, false), simulate(7, false));
}
