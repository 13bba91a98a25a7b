//! Torn tails, flipped bits and strange files: the start succeeds, the damage is told, the rest is served.

use crate::support::{DIR, Replayed, Stepped, assert_same, compacted, numbered, segment_path, small};
use cadenza_env::Disk;
use cadenza_env::sim::SimDisk;
use cadenza_wal::{DamageKind, FramePos, Sections};
use std::io::IoSlice;
use std::path::Path;

/// A disk with a log of `commits` commits of two spans each; where they lie.
fn written(commits: u64) -> (SimDisk, Vec<FramePos>) {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, small());
    let mut positions = Vec::new();
    for commit in 0..commits {
        let mut waiting = [1, 2].map(|at| log.append(numbered(commit * 2 + at)));
        log.committer.step();
        for appending in &mut waiting {
            positions.push(appending.try_answer().expect("answered").expect("durable").pos());
        }
    }
    drop(log);
    disk.sync_everything();
    (disk, positions)
}

fn kinds(found: &Replayed) -> Vec<DamageKind> {
    found.damages.iter().map(|damage| damage.kind).collect()
}

#[test]
fn a_tail_torn_at_any_byte_costs_only_what_was_in_it() {
    let (disk, positions) = written(2);
    let path = segment_path(1);
    let whole = disk.bytes(&path);
    for len in (0..=whole.len()).rev() {
        disk.damage(&path, |bytes| {
            bytes.clear();
            bytes.extend_from_slice(&whole[..len]);
        });
        // Not replayed to its end: a later start must see the same.
        let found = Stepped::open(&disk, small()).replay();
        let fits = |pos: &&FramePos| pos.offset + u64::from(pos.bytes) <= len as u64;
        let expect = positions.iter().filter(fits).count() as u64;
        assert_eq!(found.numbers(), (1..=expect).collect::<Vec<_>>(), "cut at {len}");
        let allowed = [DamageKind::TornTail, DamageKind::FileHeader];
        assert!(kinds(&found).iter().all(|kind| allowed.contains(kind)), "cut at {len}: {found:?}");
        if len <= 4096 {
            // Such a file is cleared away; put it back for the next round.
            drop(disk.create_new(&path));
        }
    }
}

#[test]
fn any_flipped_bit_costs_at_most_its_commit_and_never_changes_a_span() {
    let (disk, positions) = written(2);
    let path = segment_path(1);
    let whole = disk.bytes(&path);
    let expect: Vec<_> = (1..=4).map(|number| compacted(&numbered(number))).collect();
    for bit in 0..whole.len() * 8 {
        // The long padding behind a commit is alike everywhere: sample it.
        if whole[bit / 8] == 0 && bit % 251 != 0 {
            continue;
        }
        disk.damage(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let log = Stepped::open(&disk, small());
        let found = log.replay();
        assert!(found.numbers().len() > 1, "bit {bit}: one commit at most, {:?}", found.numbers());
        let told = found.stats.damages > 0;
        assert!(told || found.numbers().len() == 4, "bit {bit}: lost in silence: {found:?}");
        for (pos, _) in &found.frames {
            let at = positions.iter().position(|known| known == pos).expect("a known place");
            let columns = log.wal.read(pos, Sections::ALL).expect("checked by replay");
            assert_same(&expect[at], &columns);
        }
        // The damaged one is refused when read by its position, too, never answered wrongly.
        for (pos, expect) in positions.iter().zip(&expect) {
            if let Ok(columns) = log.wal.read(pos, Sections::ALL) {
                assert_same(expect, &columns);
            }
        }
        drop(log);
        disk.damage(&path, |bytes| bytes.clone_from(&whole));
    }
}

#[test]
fn damage_before_a_later_commit_is_not_taken_for_a_torn_tail() {
    let (disk, positions) = written(3);
    let path = segment_path(1);
    for (what, at, kind, left) in [
        ("section", positions[2].offset + u64::from(positions[2].bytes) - 1, DamageKind::FrameSection, 5),
        ("header", positions[2].offset + 12, DamageKind::FrameHeader, 4),
        ("last section", positions[5].offset + u64::from(positions[5].bytes) - 1, DamageKind::TornTail, 5),
    ] {
        disk.damage(&path, |bytes| bytes[at as usize] ^= 0x55);
        let found = Stepped::open(&disk, small()).replay();
        assert_eq!((kinds(&found), found.numbers().len()), (vec![kind], left), "{what}");
        disk.damage(&path, |bytes| bytes[at as usize] ^= 0x55);
    }
}

#[test]
fn strange_files_are_reported_and_do_not_stop_the_start() {
    let (disk, _) = written(2);
    let put = |name: &str, bytes: &[u8]| {
        let path = Path::new(DIR).join(name);
        let file = disk.create_new(&path).expect("a new file");
        file.write_at(&[IoSlice::new(bytes)], 0).expect("writes");
    };
    let newer = {
        let mut bytes = disk.bytes(&segment_path(1));
        (0..4).for_each(|copy| bytes[copy * 1024 + 8] = 9);
        bytes
    };
    put("0000000002.wal", &[]);
    put("0000000003.wal", b"x");
    put("0000000004.wal", &[7; 10_000]);
    put("0000000005.wal", &newer);
    put("0000000006.wal", &disk.bytes(&segment_path(1)));
    put("notes.txt", b"not ours");
    put("7.wal", b"not ours");
    disk.create_dir_all(&Path::new(DIR).join("0000000008.wal")).expect("a directory");
    let mut log = Stepped::open(&disk, small());
    let found = log.replay();
    assert_eq!(found.numbers(), [1, 2, 3, 4]);
    let told: Vec<_> = found.damages.iter().map(|damage| (damage.file.as_str(), damage.kind)).collect();
    let expect = [
        ("0000000008.wal", DamageKind::ForeignFile),
        ("7.wal", DamageKind::ForeignFile),
        ("notes.txt", DamageKind::ForeignFile),
        ("0000000002.wal", DamageKind::FileHeader),
        ("0000000003.wal", DamageKind::FileHeader),
        ("0000000004.wal", DamageKind::FileHeader),
        ("0000000005.wal", DamageKind::UnknownVersion),
        ("0000000006.wal", DamageKind::FileHeader),
    ];
    assert_eq!(told, expect);
    assert!(!log.wal.release(5), "what this program does not know it does not remove");
    // Not in the way of the others, though.
    let next = log.put(numbered(9));
    assert_eq!(next.segment, 7);
    assert!(log.wal.release(1));
    assert!(disk.open(&segment_path(1)).is_err(), "gone");
    assert_eq!(disk.bytes(&segment_path(5)), newer, "untouched");
    assert_eq!(disk.bytes(&Path::new(DIR).join("notes.txt")), b"not ours");
}

#[test]
fn a_frame_inside_a_frame_is_not_found_when_the_outer_header_is_lost() {
    // A client sends what looks like a frame, placed on a block boundary of the segment.
    let (disk, positions) = written(1);
    let forged = {
        let bytes = disk.bytes(&segment_path(1));
        let start = positions[0].offset as usize;
        bytes[start..start + positions[0].bytes as usize].to_vec()
    };
    let disk = SimDisk::new(2);
    let mut log = Stepped::open(&disk, small());
    let mut columns = numbered(1);
    let copies: Vec<u8> = forged.iter().copied().cycle().take(20_000).collect();
    let code = columns.raw.push(&copies);
    columns.spans.parent_id[0] = cadenza_model::SpanId::NONE;
    columns.spans.odd_parents = vec![(0, code)];
    let outer = log.put(columns);
    drop(log);
    disk.damage(&segment_path(1), |bytes| {
        bytes[outer.offset as usize + 12] ^= 1;
        // Wherever it could be picked up again.
        for block in (8192..bytes.len().saturating_sub(forged.len())).step_by(4096) {
            bytes[block..block + forged.len()].copy_from_slice(&forged);
        }
    });
    let found = Stepped::open(&disk, small()).replay();
    assert_eq!(found.numbers(), Vec::<u64>::new());
    assert_eq!(kinds(&found), [DamageKind::TornTail]);
}
