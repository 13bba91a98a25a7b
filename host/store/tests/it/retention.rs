//! What goes when, and what stays.

use crate::rig::{Rig, Settings, config, settings};
use cadenza_store::RetentionReport;
use cadenza_store::compact::TenantCompaction;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

async fn retain(rig: &Rig, own: TenantCompaction) -> RetentionReport {
    rig.store.retain(&config("one"), &Settings(own)).await.expect("a bucket that answers")
}

fn day() -> TenantCompaction {
    TenantCompaction { retention: 24 * HOUR, ..settings() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_past_its_age_is_marked_then_deleted() {
    let rig = Rig::new();
    rig.fill(1, 50).await;
    assert_eq!(retain(&rig, day()).await, RetentionReport::default());
    rig.clock.advance(25 * HOUR);
    assert_eq!(retain(&rig, day()).await.marked, 1);
    assert!(rig.visible().await.is_empty());
    assert!(!rig.objects().await.is_empty(), "its data stays for a while");
    rig.clock.advance(2 * HOUR);
    assert_eq!(retain(&rig, day()).await.deleted, 1);
    assert_eq!(rig.objects().await, [""; 0]);
    assert_eq!(retain(&rig, day()).await, RetentionReport::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_without_a_retention() {
    let rig = Rig::new();
    rig.fill(1, 50).await;
    rig.clock.advance(10_000 * HOUR);
    assert_eq!(retain(&rig, settings()).await, RetentionReport::default());
    let disabled = TenantCompaction { disabled: true, ..day() };
    assert_eq!(retain(&rig, disabled).await, RetentionReport::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_retention_takes_none_of_tempos_blocks() {
    let rig = Rig::new();
    let batches = rig.traffic(2, 50);
    rig.put(1, &batches[0], |block| block.meta.is_ours = false).await;
    rig.put(2, &batches[1], |_| {}).await;
    rig.clock.advance(25 * HOUR);
    let unwritten = TenantCompaction { retention_explicit: false, ..day() };
    let report = retain(&rig, unwritten).await;
    assert_eq!((report.marked, report.spared), (1, 1));
    rig.clock.advance(25 * HOUR);
    assert_eq!(retain(&rig, unwritten).await.deleted, 1);
    assert_eq!(rig.store.blocks(&cadenza_model::TenantId::single()).len(), 1);
    assert_eq!(retain(&rig, day()).await.marked, 1, "written down, it holds for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_objects_of_blocks_are_ever_deleted() {
    let rig = Rig::new();
    rig.fill(1, 50).await;
    let others = [
        "index.pb.zst",
        "single-tenant/index.json.gz",
        "single-tenant/not-a-block/data",
        "single-tenant/00000000-0000-0000-0000-000000000009/data.parquet",
        "tempo_cluster_seed.json",
    ];
    for name in others {
        rig.bucket.put(&Path::from(name), b"x".to_vec().into()).await.expect("in memory");
    }
    rig.clock.advance(1000 * HOUR);
    retain(&rig, day()).await;
    rig.clock.advance(1000 * HOUR);
    retain(&rig, day()).await;
    let mut left = others.map(str::to_owned);
    left.sort();
    assert_eq!(rig.objects().await, left, "a block that is being uploaded by Tempo has no meta yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_output_never_finished_leaves_is_deleted_after_a_day() {
    let rig = Rig::new();
    let directory = "single-tenant/00000000-0000-0000-0000-000000000009";
    for name in ["cadenza.unfinished", "data.parquet", "bloom-0"] {
        rig.bucket.put(&Path::from(format!("{directory}/{name}")), b"x".to_vec().into()).await.expect("ok");
    }
    rig.fill(1, 10).await;
    rig.clock.advance(23 * HOUR);
    assert_eq!(retain(&rig, settings()).await.deleted, 0);
    rig.clock.advance(2 * HOUR);
    assert_eq!(retain(&rig, settings()).await.deleted, 1);
    let objects = rig.objects().await;
    assert!(!objects.iter().any(|object| object.starts_with(directory)), "{objects:?}");
}
