//! A disk that fails or fills up: the client is told, and what was acknowledged stays.

use crate::support::{Stepped, numbered, small};
use cadenza_env::sim::{Faults, SimDisk};
use cadenza_wal::{AppendErrorKind, Config};

/// Appends and commits one span; the kind of the refusal if it was refused.
fn put(log: &mut Stepped, number: u64) -> Result<(), AppendErrorKind> {
    let mut appending = log.append(numbered(number));
    log.committer.step();
    match appending.try_answer().expect("a step answers") {
        Ok(_) => Ok(()),
        Err(error) => Err(error.kind()),
    }
}

#[test]
fn a_failed_sync_is_never_answered_with_success_for_what_it_lost() {
    let disk = SimDisk::new(3);
    let mut log = Stepped::open(&disk, small());
    put(&mut log, 1).expect("a good disk");
    disk.set_faults(Faults { sync_eio_permille: 1000, ..Faults::default() });
    assert_eq!(put(&mut log, 2), Err(AppendErrorKind::SyncFailed));
    disk.set_faults(Faults::default());
    put(&mut log, 3).expect("a new segment on a disk that works again");
    drop(log);
    disk.crash();
    let found = Stepped::open(&disk, small()).replay().numbers();
    assert!(found.contains(&1) && found.contains(&3), "{found:?}");
}

#[test]
fn a_full_disk_refuses_keeps_reading_and_recovers_by_itself() {
    let disk = SimDisk::new(4);
    let mut log = Stepped::open(&disk, small());
    let kept = log.put(numbered(1));
    disk.set_capacity(0);
    assert_eq!(put(&mut log, 2), Err(AppendErrorKind::DiskFull));
    log.wal.read(&kept, cadenza_wal::Sections::ALL).expect("reads go on");
    disk.set_capacity(u64::MAX);
    put(&mut log, 3).expect("space is back");
    drop(log);
    disk.crash();
    let found = Stepped::open(&disk, small()).replay().numbers();
    assert!(found.contains(&1) && found.contains(&3), "{found:?}");
}

#[test]
fn a_log_over_its_own_limit_refuses() {
    let disk = SimDisk::new(5);
    let mut log = Stepped::open(&disk, Config { bytes_max: 40 << 10, ..small() });
    let refused = (1..100).find_map(|number| put(&mut log, number).err());
    assert_eq!(refused, Some(AppendErrorKind::DiskFull));
}

#[test]
fn short_writes_are_continued() {
    let disk = SimDisk::new(6);
    disk.set_faults(Faults { short_write_permille: 900, ..Faults::default() });
    let mut log = Stepped::open(&disk, small());
    for number in 1..=30 {
        put(&mut log, number).expect("short is not failed");
    }
    drop(log);
    disk.crash();
    assert_eq!(Stepped::open(&disk, small()).replay().numbers(), (1..=30).collect::<Vec<_>>());
}
