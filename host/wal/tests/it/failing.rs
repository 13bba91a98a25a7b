//! A disk that says no: the promise is kept, the reason is told, and it heals by itself.

use crate::support::{DIR, Stepped, batch, numbered, small};
use cadenza_env::sim::{Faults, SimDisk};
use cadenza_wal::{AppendError, AppendErrorKind, Config, Control, Full, Sections};

fn fails(log: &mut Stepped, number: u64) -> AppendError {
    let mut appending = log.append(numbered(number));
    log.committer.step();
    appending.try_answer().expect("answered").expect_err("refused")
}

fn built() -> Control {
    Control::Built { block_id: uuid::Uuid::from_u128(1) }
}

#[test]
fn a_failed_sync_moves_the_frames_to_a_new_segment_and_never_doubles_them() {
    // Which of the three syncs fail is up to the seed: every outcome must hold.
    let (mut moved, mut refused) = (0, 0);
    for seed in 0..60 {
        let disk = SimDisk::new(seed);
        let mut log = Stepped::open(&disk, small());
        let before = log.put(numbered(1));
        disk.set_faults(Faults { sync_eio_permille: 600, ..Faults::default() });
        let mut appending = log.append(numbered(2));
        log.committer.step();
        let answer = appending.try_answer().expect("answered");
        disk.set_faults(Faults::default());
        match &answer {
            Ok(durable) if durable.pos().segment > before.segment => moved += 1,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), AppendErrorKind::SyncFailed);
                assert!(error.is_retryable());
                refused += 1;
            }
        }
        log.put(numbered(3));
        assert_eq!(disk.uses_after_failed_sync(), 0, "seed {seed}: a failed segment is never touched again");
        assert!(log.wal.read(&before, Sections::ALL).is_ok(), "what was durable before still counts");
        drop(log);
        disk.crash();
        let found = Stepped::open(&disk, small()).replay();
        let expect: &[u64] = if answer.is_ok() { &[1, 2, 3] } else { &[1, 3] };
        assert_eq!(found.numbers(), expect, "seed {seed}");
    }
    assert!(moved > 5 && refused > 5, "{moved} moved, {refused} refused");
}

#[test]
fn the_disk_sees_a_file_that_is_used_after_its_sync_failed() {
    let disk = SimDisk::new(1);
    let file = cadenza_env::Disk::create_new(&disk, "/file".as_ref()).expect("a new file");
    disk.set_faults(Faults { sync_eio_permille: 1000, ..Faults::default() });
    file.sync_data().expect_err("always fails");
    assert_eq!(disk.uses_after_failed_sync(), 0);
    disk.set_faults(Faults::default());
    file.sync_data().expect("as on Linux");
    assert_eq!(disk.uses_after_failed_sync(), 1);
}

#[test]
fn short_writes_go_on_where_they_stopped() {
    let disk = SimDisk::new(1);
    disk.set_faults(Faults { short_write_permille: 900, ..Faults::default() });
    let mut log = Stepped::open(&disk, small());
    for number in 1..=50 {
        log.put(numbered(number));
    }
    drop(log);
    assert_eq!(Stepped::open(&disk, small()).replay().numbers(), (1..=50).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_reads_on_and_heals_without_a_restart() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, small());
    let first = log.put(numbered(1));
    // Every amount of room, down to none: ENOSPC may strike at any write.
    // What does not fit is written in part, then refused.
    let mut acknowledged = vec![1];
    for room in (0..20_000).step_by(512) {
        disk.set_capacity(log.wal.bytes() + room);
        let mut last = None;
        for number in 0..8 {
            let number = 1000 + room * 10 + number;
            let mut appending = log.append(numbered(number));
            log.committer.step();
            let answer = appending.try_answer().expect("answered");
            acknowledged.extend(answer.is_ok().then_some(number));
            last = Some(answer);
        }
        let error = last.expect("appended").expect_err("full in the end");
        assert_eq!(error.kind(), AppendErrorKind::DiskFull, "{error}");
        assert!(error.is_retryable());
        assert!(log.wal.read(&first, Sections::ALL).is_ok(), "queries go on");
        disk.set_capacity(u64::MAX);
        log.put(numbered(500_000 + room));
        acknowledged.push(500_000 + room);
    }
    let reason = log.wal.metrics().refusals.with_label_values(&["disk_full"]).get();
    assert!(reason > 0);
    drop(log);
    disk.crash();
    assert_eq!(
        Stepped::open(&disk, small()).replay().numbers(),
        acknowledged,
        "and nothing of what was refused"
    );
}

#[test]
fn spans_leave_the_reserve_to_control_frames() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, Config { free_bytes_min: 50_000, ..small() });
    log.put(numbered(1));
    disk.set_capacity(log.wal.bytes() + 40_000);
    let error = fails(&mut log, 2);
    assert!(matches!(error, AppendError::DiskFull(Full::Reserve { .. })), "{error}");
    let mut appending = log.wal.append_control(built());
    log.committer.step();
    assert!(appending.try_answer().expect("answered").is_ok());
}

#[test]
fn a_log_at_its_limit_refuses_spans_until_segments_are_released() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, Config { bytes_max: 20_000, ..small() });
    let mut positions = Vec::new();
    let error = loop {
        let mut appending = log.append(numbered(1 + positions.len() as u64));
        log.committer.step();
        match appending.try_answer().expect("answered") {
            Ok(durable) => positions.push(durable.pos()),
            Err(error) => break error,
        }
        assert!(positions.len() < 100, "the limit is kept");
    };
    assert!(matches!(error, AppendError::DiskFull(Full::Log { .. })), "{error}");
    assert!(error.to_string().ends_with("the limit is 20000"), "{error}");
    let mut appending = log.wal.append_control(built());
    log.committer.step();
    assert!(appending.try_answer().expect("answered").is_ok(), "what makes room goes through");
    log.wal.seal();
    log.committer.step();
    for info in log.wal.segments() {
        assert!(log.wal.release(info.segment));
    }
    log.put(numbered(99));
}

#[test]
fn a_batch_beyond_the_format_is_refused_for_good() {
    let disk = SimDisk::new(1);
    let log = Stepped::open(&disk, Config::at(DIR));
    let mut columns = numbered(1);
    let incompressible: Vec<u8> = (0..70u64 << 17)
        .flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(at).to_le_bytes())
        .map(|byte| byte & 0x7f)
        .collect();
    columns.spans.message[0] = columns.values.push(&incompressible);
    let error = log.wal.append(&batch("a", columns)).try_answer().expect("at once").expect_err("refused");
    assert_eq!(error.kind(), AppendErrorKind::FrameTooLarge, "{error}");
    assert!(!error.is_retryable());
}
