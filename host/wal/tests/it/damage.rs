//! Damaged logs: everything that can be read is, and nothing stops the start.

use crate::support::{DIR, Stepped, numbered, segment_path, small};
use cadenza_env::Disk;
use cadenza_env::sim::SimDisk;
use cadenza_wal::{Config, DamageKind};
use std::collections::BTreeSet;
use std::path::Path;

const SPANS: u64 = 6;

/// Room for all of them in one segment.
fn roomy() -> Config {
    Config { segment_bytes_max: 1 << 20, ..small() }
}

/// A log of one segment with a commit per span; returns the segment's number.
fn written() -> (SimDisk, u64) {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, roomy());
    let mut segment = 0;
    for number in 1..=SPANS {
        segment = log.put(numbered(number)).segment;
    }
    drop(log);
    disk.sync_everything();
    (disk, segment)
}

fn replayed(disk: &SimDisk) -> (Vec<u64>, Vec<DamageKind>) {
    let log = Stepped::open(disk, roomy());
    let found = log.replay();
    (found.numbers(), found.damages.iter().map(|damage| damage.kind).collect())
}

/// Makes the segment's file hold these bytes. An empty one may have been cleared away.
fn lay(disk: &SimDisk, segment: u64, content: &[u8]) {
    let path = segment_path(segment);
    if let Err(error) = disk.create_new(&path) {
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    }
    disk.damage(&path, |bytes| {
        bytes.clear();
        bytes.extend_from_slice(content);
    });
    disk.sync_everything();
}

#[test]
fn a_tail_torn_at_any_byte_leaves_the_prefix() {
    let (disk, segment) = written();
    let whole = disk.bytes(&segment_path(segment));
    let mut before = usize::MAX;
    for end in (0..whole.len()).rev() {
        lay(&disk, segment, &whole[..end]);
        let (found, _) = replayed(&disk);
        let prefix: Vec<u64> = (1..=found.len() as u64).collect();
        assert_eq!(found, prefix, "cut at {end}");
        assert!(found.len() <= before, "cutting at {end} brought spans back");
        before = found.len();
    }
    assert_eq!(before, 0, "an empty file still held spans");
}

#[test]
fn a_flipped_bit_costs_its_frame_and_never_invents_a_span() {
    let (disk, segment) = written();
    let whole = disk.bytes(&segment_path(segment));
    let all: BTreeSet<u64> = (1..=SPANS).collect();
    let mut survivors_min = SPANS as usize;
    for bit in 0..whole.len() * 8 {
        // Padding between commits is most of a small log; one bit a byte is enough there.
        if whole[bit / 8] == 0 && bit % 8 != 3 {
            continue;
        }
        disk.damage(&segment_path(segment), |bytes| {
            bytes.copy_from_slice(&whole);
            bytes[bit / 8] ^= 1 << (bit % 8);
        });
        let (found, _) = replayed(&disk);
        let distinct: BTreeSet<u64> = found.iter().copied().collect();
        assert!(distinct.is_subset(&all) && distinct.len() == found.len(), "bit {bit}: {found:?}");
        survivors_min = survivors_min.min(found.len());
    }
    assert_eq!(survivors_min, SPANS as usize - 1, "one bit cost more than its frame");
}

#[test]
fn strange_files_are_reported_and_left_alone() {
    let (disk, segment) = written();
    let strange =
        [("0000000777.wal", ""), ("0000000778.wal", "x"), ("notes.txt", "mine"), ("0000000779.wal", "CDZW")];
    for (name, text) in strange {
        let path = Path::new(DIR).join(name);
        disk.create_new(&path).expect("a new file");
        disk.damage(&path, |bytes| bytes.extend_from_slice(text.as_bytes()));
    }
    disk.sync_everything();
    let (found, damages) = replayed(&disk);
    assert_eq!(found, (1..=SPANS).collect::<Vec<_>>());
    assert!(damages.contains(&DamageKind::ForeignFile), "{damages:?}");
    assert_eq!(disk.bytes(&Path::new(DIR).join("notes.txt")), b"mine");
    assert!(!disk.bytes(&segment_path(segment)).is_empty());
}
