//! Data that a real Tempo left on a disk, moved in: ended anywhere, nothing is lost and nothing there twice.
#![expect(clippy::disallowed_methods, reason = "the disk is one that a Tempo left, and damage is done to it")]

use crate::rig::{Rig, Spans};
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_model::{Columns, TenantId};
use cadenza_store::{BuildBlock, MoveInReport};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");
/// Logs of a Tempo that was killed: ten spans each, on two pages.
const LOGS: [&str; 2] = [
    "9f811f62-b2c4-4784-af45-f256a09282f3+single-tenant+vParquet4",
    "6d77f7ba-0d74-4cda-8715-7cd2d991fa2d+single-tenant+vParquet5",
];
/// A block that a Tempo finished.
const BLOCK: &str = "369509f3-f85d-4807-bf3a-d0607e85699a";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a fixture").flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn with_logs() -> TempDir {
    let disk = tempfile::tempdir().expect("a folder");
    for log in LOGS {
        copy(&Path::new(FIXTURES).join("wal").join(log), &disk.path().join(log));
    }
    disk
}

fn with_block() -> (TempDir, PathBuf) {
    let disk = tempfile::tempdir().expect("a folder");
    let path = disk.path().join("blocks/single-tenant").join(BLOCK);
    copy(&Path::new(FIXTURES).join("vParquet4/single-tenant").join(BLOCK), &path);
    (disk, path)
}

fn builder() -> Arc<BuildBlock> {
    Arc::new(|tenant: &TenantId, id: Uuid, spans: &Columns| -> Result<BuiltBlock, String> {
        build(spans, &WriteOptions::new(id, tenant.clone())).map_err(|error| error.to_string())
    })
}

/// Once the files have rested.
async fn move_in(rig: &Rig, disk: &TempDir) -> MoveInReport {
    rig.clock.advance(Duration::from_secs(121));
    rig.store.move_in(disk.path().to_owned(), builder()).await
}

fn left(disk: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(disk.path()).expect("a folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn report(moved: usize, removed: usize, failed: usize, left: usize) -> MoveInReport {
    MoveInReport { moved, removed, failed, left }
}

fn distinct(spans: &Spans) -> usize {
    spans.iter().collect::<std::collections::HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_both_formats_become_blocks_and_go() {
    let (rig, disk) = (Rig::new(), with_logs());
    assert_eq!(move_in(&rig, &disk).await, report(2, 0, 0, 0));
    let spans = rig.visible().await;
    assert_eq!((spans.len(), distinct(&spans)), (20, 20));
    assert_eq!(left(&disk), [""; 0]);
    let blocks = rig.store.blocks(&TenantId::single());
    assert!(blocks.iter().all(|block| !block.meta().is_ours), "Tempo had a hand in them");
    assert!(LOGS.iter().all(|log| blocks.iter().any(|b| log.starts_with(&b.meta().block_id.to_string()))));
    assert_eq!(rig.another().await.visible().await, spans);
    assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_anywhere_it_goes_on_and_stores_nothing_twice() {
    let mut crashes = 0;
    loop {
        let (rig, disk) = (Rig::new(), with_logs());
        rig.faults.crash_after(crashes);
        let first = move_in(&rig, &disk).await;
        if !rig.faults.has_crashed() {
            assert_eq!(first, report(2, 0, 0, 0));
            break;
        }
        assert!(first.failed > 0, "crash {crashes}: {first:?}");
        let next = rig.another().await;
        let again = move_in(&next, &disk).await;
        assert_eq!((again.failed, again.left), (0, 0), "crash {crashes}: {again:?}");
        let spans = next.another().await.visible().await;
        assert_eq!((spans.len(), distinct(&spans)), (20, 20), "crash {crashes}");
        assert_eq!(left(&disk), [""; 0], "crash {crashes}");
        crashes += 1;
    }
    assert!(crashes >= 8, "{crashes}: four objects of each of two blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_stored_but_not_removed_is_only_removed() {
    let (rig, disk, again) = (Rig::new(), with_logs(), with_logs());
    move_in(&rig, &disk).await;
    assert_eq!(move_in(&rig, &again).await, report(0, 2, 0, 0));
    assert_eq!(rig.visible().await.len(), 20);
    assert_eq!(left(&again), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_stays_and_the_others_are_moved_in() {
    let (rig, disk) = (Rig::new(), with_logs());
    let page = disk.path().join(LOGS[0]).join("0000000002");
    let whole = std::fs::read(&page).expect("a page");
    std::fs::write(&page, &whole[..whole.len() / 2]).expect("cut off");
    assert_eq!(move_in(&rig, &disk).await, report(1, 0, 0, 1));
    assert_eq!(rig.visible().await.len(), 15);
    for _ in 0..2 {
        assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 1));
        assert_eq!(std::fs::read(&page).expect("still there"), whole[..whole.len() / 2]);
    }
    assert_eq!(rig.visible().await.len(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_block_is_uploaded_as_it_is() {
    let (rig, (disk, path)) = (Rig::new(), with_block());
    std::fs::write(path.join("cache_query_range_1.buf"), b"x").expect("written");
    let names = ["data.parquet", "bloom-0", "index", "meta.json"];
    let files: Vec<Vec<u8>> =
        names.iter().map(|name| std::fs::read(path.join(name)).expect("a file")).collect();
    assert_eq!(move_in(&rig, &disk).await, report(1, 0, 0, 0));
    for (name, file) in names.iter().zip(files) {
        let key = Key::parse(format!("single-tenant/{BLOCK}/{name}")).expect("a key");
        let object = rig.bucket.get(&key).await.expect("uploaded").bytes().await.expect("in memory");
        assert!(object == file, "{name} differs");
    }
    assert_eq!(rig.block_objects().await.len(), names.len());
    assert!(!path.exists());
    assert!(!rig.visible().await.is_empty(), "it is listed at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_block_is_removed_only_when_it_is_in_this_bucket() {
    let (rig, (disk, path)) = (Rig::new(), with_block());
    std::fs::write(path.join("flushed"), b"2026-12-01T00:00:00Z").expect("written");
    assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 1));
    assert!(path.join("data.parquet").exists());
    std::fs::remove_file(path.join("flushed")).expect("removed");
    assert_eq!(move_in(&rig, &disk).await, report(1, 0, 0, 0));
    let (again, _) = with_block();
    assert_eq!(move_in(&rig, &again).await, report(0, 1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_block_that_is_not_whole_stays() {
    let check = async |change: &dyn Fn(&Path)| {
        let (rig, (disk, path)) = (Rig::new(), with_block());
        change(&path);
        assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 1));
        assert!(path.exists());
        assert_eq!(rig.objects().await, [""; 0]);
    };
    check(&|path| std::fs::remove_file(path.join("bloom-0")).expect("removed")).await;
    check(&|path| std::fs::remove_file(path.join("meta.json")).expect("removed")).await;
    check(&|path| std::fs::write(path.join("data.parquet"), b"PAR1").expect("written")).await;
    check(&|path| std::fs::write(path.join("meta.json"), b"{}").expect("written")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tempos_or_cannot_be_read_is_left_alone() {
    let (rig, disk) = (Rig::new(), tempfile::tempdir().expect("a folder"));
    let id = "3b538a97-b4f6-44ad-9482-32a7fe57b172";
    for name in ["notes", "a+b", &format!("{id}+t+x+y")] {
        std::fs::create_dir(disk.path().join(name)).expect("a folder");
    }
    std::fs::write(disk.path().join(format!("{id}:t:v2:snappy:v1")), b"x").expect("a file of an old format");
    assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 0));
    let old = disk.path().join(format!("{id}+single-tenant+vParquet2"));
    copy(&Path::new(FIXTURES).join("wal").join(LOGS[0]), &old);
    assert_eq!(move_in(&rig, &disk).await, report(0, 0, 0, 1));
    assert_eq!(left(&disk).len(), 5);
    // What is marked as done goes, whatever its format.
    std::fs::rename(old.join("meta.json"), old.join("meta.deleted.json")).expect("renamed");
    assert_eq!(move_in(&rig, &disk).await, report(0, 1, 0, 0));
    assert_eq!(left(&disk).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_leaves_everything_where_it_is() {
    let (rig, disk) = (Rig::new(), with_logs());
    rig.faults.set_outage(true);
    assert_eq!(move_in(&rig, &disk).await, report(0, 0, 2, 0));
    assert_eq!(left(&disk).len(), 2);
    rig.faults.set_outage(false);
    assert_eq!(move_in(&rig, &disk).await, report(2, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_a_moment_ago_is_left_to_a_tempo_that_may_be_at_work() {
    let (rig, disk) = (Rig::new(), with_logs());
    let at_once = rig.store.move_in(disk.path().to_owned(), builder()).await;
    assert_eq!((at_once, left(&disk).len()), (report(0, 0, 2, 0), 2));
    assert_eq!(move_in(&rig, &disk).await, report(2, 0, 0, 0));
}
