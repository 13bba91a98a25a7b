//! What the log does while nothing goes wrong.

use crate::support::{
    DIR, Replayed, START_NS, Stepped, assert_same, batch, compacted, env, numbered, segment_path, small,
    traffic, wild,
};
use cadenza_env::sim::SimDisk;
use cadenza_env::{Disk, Env, RealDisk, SystemClock};
use cadenza_model::{TenantId, TraceId};
use cadenza_wal::{AppendError, Config, Control, FramePos, OpenError, ReadError, Sections, Wal};
use prometheus::{Encoder, Registry, TextEncoder};
use std::path::Path;
use std::sync::Arc;

fn controls() -> Vec<Control> {
    let tenant = TenantId::parse("team-a").expect("a tenant");
    let up_to = FramePos { segment: 3, offset: 4096, bytes: 77 };
    let traces = vec![TraceId([1; 16]), TraceId([2; 16])];
    let block_id = uuid::Uuid::from_u128(5);
    vec![
        Control::Cut { block_id, tenant: tenant.clone(), traces: traces.clone(), up_to },
        Control::Built { block_id },
        Control::Released { tenant: tenant.clone(), traces, up_to },
        Control::Verdict {
            tenant,
            trace: TraceId([3; 16]),
            plugin_digest: [9; 32],
            keep: true,
            expires_unix_s: 1_760_000_000,
        },
    ]
}

#[test]
fn frames_are_read_back_whole_and_by_section() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, Config::at(DIR));
    for columns in [wild(1, 5), wild(2, 300), traffic(1, 1, 400).remove(0)] {
        let pos = log.put(columns.clone());
        let expect = compacted(&columns);
        for _ in 0..2 {
            assert_same(&expect, &log.wal.read(&pos, Sections::ALL).expect("reads"));
        }
        let ids = log.wal.read(&pos, Sections::IDS).expect("reads");
        assert_eq!(ids.spans.trace_id, expect.spans.trace_id);
        assert_eq!((ids.spans.name.len(), ids.names.len()), (0, 1), "not asked for");
        let names = log.wal.read(&pos, Sections::NAMES | Sections::KEYS).expect("reads");
        assert_eq!(names.spans.name, expect.spans.name);
        assert_eq!(names.names.arena(), expect.names.arena());
        let elsewhere = FramePos { offset: pos.offset + 1, ..pos };
        assert!(matches!(log.wal.read(&elsewhere, Sections::ALL), Err(ReadError::Damaged { .. })));
    }
    let gone = FramePos { segment: 99, offset: 4096, bytes: 100 };
    assert!(matches!(log.wal.read(&gone, Sections::ALL), Err(ReadError::Gone { segment: 99 })));
}

#[test]
fn waiting_frames_share_a_commit_and_commits_start_on_blocks() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, Config::at(DIR));
    let mut waiting: Vec<_> = (1..=5).map(|number| log.append(numbered(number))).collect();
    assert!(waiting.iter_mut().all(|appending| appending.try_answer().is_none()), "not before the sync");
    assert_eq!(log.committer.step(), 5);
    let positions: Vec<_> = waiting
        .iter_mut()
        .map(|appending| appending.try_answer().expect("answered").expect("durable").pos())
        .collect();
    assert_eq!(positions[0].offset, 4096);
    for pair in positions.windows(2) {
        assert_eq!(pair[0].offset + u64::from(pair[0].bytes), pair[1].offset);
    }
    assert_eq!(log.put(numbered(6)).offset % 4096, 0);
    assert_eq!((log.wal.metrics().commits.get(), log.wal.metrics().frames.get()), (2, 6));
}

#[test]
fn replay_hands_out_spans_and_controls_in_order() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, small());
    for number in 1..=200 {
        log.put(numbered(number));
    }
    drop(log.wal.append_controls(&controls()));
    log.committer.step();
    assert!(log.wal.segments().len() > 2, "several segments");
    assert_eq!(log.replay().stats.segments, 0, "nothing from before");
    drop(log);
    let mut log = Stepped::open(&disk, small());
    log.put(numbered(201));
    let found = log.replay();
    assert_eq!(found.numbers(), (1..=200).collect::<Vec<_>>(), "not what this process appends");
    assert_eq!(found.controls, controls());
    assert_eq!(found.damages, []);
    assert!(found.frames.iter().all(|(_, tenant)| tenant == "single-tenant"));
    for (pos, _) in &found.frames {
        assert_eq!(log.wal.read(pos, Sections::ALL).expect("reads").spans.len(), 1);
    }
}

#[test]
fn every_segment_begins_with_the_checkpoint() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, small());
    log.wal.set_checkpoint(|| controls()[..1].to_vec());
    for number in 1..=100 {
        log.put(numbered(number));
    }
    let segments = log.wal.segments().len();
    drop(log);
    let found = Stepped::open(&disk, small()).replay();
    assert_eq!(found.controls, vec![controls().remove(0); segments]);
    assert_eq!(found.numbers().len(), 100);
}

#[test]
fn segments_go_oldest_first_and_not_under_a_reader() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, small());
    let first = log.put(numbered(1));
    log.wal.seal();
    let second = log.put(numbered(2));
    assert!(!log.wal.release(second.segment), "active");
    log.wal.seal();
    log.put(numbered(3));
    assert_eq!(log.wal.segments().iter().map(|info| info.frames).collect::<Vec<_>>(), [1, 1, 1]);
    let exists = |segment| disk.open(&segment_path(segment)).is_ok();
    assert!(log.wal.release(second.segment));
    assert!(exists(2), "an older one is still needed");
    let guard = log.wal.pin();
    let bytes = log.wal.bytes();
    assert!(log.wal.release(first.segment));
    assert!(exists(1) && exists(2), "pinned");
    assert_eq!(log.wal.bytes(), bytes, "still on the disk");
    assert!(guard.read(&first, Sections::ALL).is_ok());
    assert!(matches!(log.wal.read(&first, Sections::ALL), Err(ReadError::Gone { .. })));
    drop(guard);
    assert!(!exists(1) && !exists(2) && exists(3));
    assert!(log.wal.bytes() < bytes);
}

#[test]
fn a_directory_has_one_log() {
    let disk = SimDisk::new(1);
    let log = Stepped::open(&disk, small());
    let refused = Stepped::try_open(&disk, small(), 2).err().expect("locked");
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    drop(log);
    Stepped::open(&disk, small());
}

#[test]
fn a_closed_log_refuses_and_what_waited_is_answered() {
    let disk = SimDisk::new(1);
    let log = Stepped::open(&disk, small());
    let mut waiting = log.append(numbered(1));
    drop(log.committer);
    assert!(matches!(waiting.try_answer(), Some(Err(AppendError::Closed))));
    let late = log.wal.append(&batch("a", numbered(2))).try_answer().expect("answered");
    assert!(matches!(late, Err(AppendError::Closed)));
}

#[test]
fn more_than_the_queue_may_hold_is_refused() {
    let disk = SimDisk::new(1);
    let mut log = Stepped::open(&disk, Config { queue_bytes_max: 2000, ..small() });
    let answers: Vec<_> = (0..50).filter_map(|number| log.append(numbered(number)).try_answer()).collect();
    assert!(!answers.is_empty());
    assert!(answers.iter().all(|answer| matches!(answer, Err(AppendError::Busy { .. }))));
    assert!(answers[0].as_ref().is_err_and(AppendError::is_retryable));
    log.committer.step();
    log.put(numbered(99));
}

#[test]
fn the_metrics_have_their_names_from_the_start() {
    let disk = SimDisk::new(1);
    let registry = Registry::new();
    let clock = Arc::new(cadenza_env::ManualClock::at(START_NS));
    let env = Env { clock: clock.clone(), ..env(Arc::new(disk), 1) };
    let (wal, mut committer) = Wal::open_stepped(env, small(), &registry).expect("opens");
    let text = || {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).expect("encodes");
        String::from_utf8(text).expect("utf-8")
    };
    let oldest = |seconds: u64| format!("cadenza_wal_oldest_unflushed_seconds {seconds}\n");
    for line in [
        "cadenza_wal_bytes 0",
        "cadenza_wal_segments 0",
        "cadenza_wal_commits_total 0",
        "cadenza_wal_frames_total 0",
        "cadenza_wal_fsync_duration_seconds_count 0",
        "cadenza_wal_refusals_total{reason=\"disk_full\"} 0",
        "cadenza_wal_corruption_total{kind=\"torn_tail\"} 0",
        &oldest(0),
    ] {
        assert!(text().contains(line), "{line}");
    }
    drop(wal.append(&batch("a", numbered(1))));
    committer.step();
    clock.advance(std::time::Duration::from_secs(7));
    assert!(text().contains(&oldest(7)) && text().contains("cadenza_wal_segments 1\n"));
    wal.set_oldest_unflushed(Some(START_NS + 5_000_000_000));
    assert!(text().contains(&oldest(2)));
    wal.set_oldest_unflushed(None);
    assert!(text().contains(&oldest(0)));
}

fn real(path: &Path) -> Wal {
    let env = Env { clock: Arc::new(SystemClock::default()), ..env(Arc::new(RealDisk), 1) };
    Wal::open(env, Config { segment_bytes_max: 1 << 20, ..Config::at(path) }, &Registry::new())
        .expect("opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_appends_on_a_real_disk_are_all_there() {
    const TASKS: u64 = 64;
    const EACH: u64 = 20;
    let dir = tempfile::tempdir().expect("a directory");
    let wal = Arc::new(real(&dir.path().join("wal")));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let wal = wal.clone();
        tasks.spawn(async move {
            for number in 0..EACH {
                let durable = wal.append(&batch("a", numbered(1 + task * EACH + number))).await;
                let columns = wal.read(&durable.expect("durable").pos(), Sections::IDS).expect("reads");
                assert_eq!(columns.spans.span_id[0].0, 1 + task * EACH + number);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
    assert!(wal.metrics().commits.get() < TASKS * EACH, "frames share commits");
    wal.close().await;
    let wal = real(&dir.path().join("wal"));
    let mut numbers = Replayed::of(&wal).numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=TASKS * EACH).collect::<Vec<_>>());
}
