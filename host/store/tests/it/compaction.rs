//! Cycles of compaction over a bucket that works, and over one that others use.

use crate::rig::{Rig, Settings, config, settings};
use cadenza_block::meta::BlockMeta;
use cadenza_model::TenantId;
use cadenza_store::compact::CompactionConfig;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;
use uuid::Uuid;

fn id(number: u128) -> String {
    format!("single-tenant/{}", Uuid::from_u128(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_become_one_with_every_span_once() {
    let rig = Rig::new();
    let spans = rig.fill(4, 300).await;
    assert!(rig.visible().await.len() > spans.len(), "some spans are in two blocks");
    let report = rig.compact().await;
    assert_eq!((report.outputs, report.inputs, report.failed), (1, 4, 0));
    assert!(rig.visible().await == spans);
    let blocks = rig.store.blocks(&TenantId::single());
    let [block] = &blocks[..] else { panic!("{blocks:?}") };
    let replaces: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
    assert_eq!((block.meta().compaction_level, &block.meta().replaces), (1, &replaces));
    assert!(block.meta().is_ours);
    // Another process sees the same.
    let other = rig.another().await;
    assert!(other.visible().await == spans);
    let objects = rig.objects().await;
    let has = |name: &str| objects.iter().any(|object| object.ends_with(name));
    assert!(has("meta.compacted.json") && !has("cadenza.unfinished"), "{objects:?}");
    assert_eq!(rig.compact().await.outputs, 0, "one block is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meta_of_a_compacted_block_keeps_its_bytes() {
    let rig = Rig::new();
    rig.fill(2, 50).await;
    let read = async |name: &str| {
        let path = Path::from(format!("{}/{name}", id(1)));
        rig.bucket.get(&path).await.expect("an object").bytes().await.expect("in memory")
    };
    let before = read("meta.json").await;
    rig.compact().await;
    assert_eq!(read("meta.compacted.json").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_its_writer_is_not_done_with_is_left_alone() {
    let rig = Rig::new();
    rig.fill(2, 50).await;
    let flag = Path::from(format!("{}/nocompact.flg", id(2)));
    rig.bucket.put(&flag, Vec::new().into()).await.expect("in memory");
    assert_eq!(rig.compact().await.outputs, 0);
    rig.bucket.delete(&flag).await.expect("in memory");
    assert_eq!(rig.compact().await.outputs, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_stands_down_while_a_scheduler_of_tempos_writes_its_jobs() {
    let rig = Rig::new();
    rig.fill(2, 50).await;
    let jobs = Path::from("work.json");
    rig.bucket.put(&jobs, b"{}".to_vec().into()).await.expect("in memory");
    let report = rig.compact().await;
    assert!(report.stood_down && report.outputs == 0);
    let retained = rig.store.retain(&config("one"), &Settings(settings())).await.expect("answers");
    assert!(retained.stood_down);
    rig.clock.advance(Duration::from_secs(301));
    let report = rig.compact().await;
    assert!(!report.stood_down && report.outputs == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_another_compactor_claims_is_left_alone_until_the_claim_runs_out() {
    let rig = Rig::new();
    let spans = rig.fill(2, 50).await;
    let claim = Path::from(format!("{}/cadenza.claim", id(2)));
    let until = cadenza_env::Clock::unix_seconds(&rig.clock) + 7200;
    let body = format!(r#"{{"owner":"another","until_s":{until}}}"#);
    rig.bucket.put(&claim, body.into_bytes().into()).await.expect("in memory");
    assert_eq!(rig.compact().await.outputs, 0);
    let objects = rig.objects().await;
    assert!(!objects.contains(&format!("{}/cadenza.claim", id(1))), "what was claimed is given back");
    rig.clock.advance(Duration::from_secs(7201));
    assert_eq!(rig.compact().await.outputs, 1);
    assert!(rig.visible().await == spans);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_compactors_at_once_lose_and_double_nothing() {
    let rig = Rig::new();
    let spans = rig.fill(8, 100).await;
    let other = rig.another().await;
    let (one, two) = (config("one"), config("two"));
    let own = Settings(settings());
    let (left, right) = tokio::join!(rig.store.compact(&one, &own), other.store.compact(&two, &own));
    let (left, right) = (left.expect("answers"), right.expect("answers"));
    assert_eq!((left.failed, right.failed), (0, 0));
    assert!(left.outputs + right.outputs >= 2, "{left:?} {right:?}");
    // Outputs may share a span that was dealt to inputs of both: one more cycle puts them together.
    let third = rig.another().await;
    let mut visible = third.visible().await;
    visible.dedup();
    assert!(visible == spans, "{} of {} spans", visible.len(), spans.len());
    third.compact().await;
    assert!(third.visible().await == spans);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_another_process_wrote_is_taken_over() {
    let rig = Rig::new();
    let spans = rig.fill(2, 80).await;
    let other = rig.another().await;
    // The other one gets as far as its meta, and no further.
    let changes = count_changes(&rig).await;
    other.faults.crash_after(changes - 3);
    other.store.compact(&config("two"), &Settings(settings())).await.expect("it says what failed");
    assert!(other.faults.has_crashed());
    let late = config("one");
    rig.clock.advance(Duration::from_secs(7201));
    rig.store.compact(&late, &Settings(settings())).await.expect("answers");
    assert!(rig.visible().await == spans);
    assert!(rig.another().await.visible().await == spans);
}

/// Objects written and deleted by one whole compaction of what is in the bucket.
async fn count_changes(rig: &Rig) -> u64 {
    for changes in 0.. {
        let copy = rig.copied().await;
        copy.faults.crash_after(changes);
        copy.compact().await;
        if !copy.faults.has_crashed() {
            return changes;
        }
    }
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let rig = Rig::new();
    rig.fill(4, 50).await;
    let before = rig.objects().await;
    let dry = CompactionConfig { dry_run: true, ..config("one") };
    let own = Settings(cadenza_store::compact::TenantCompaction {
        retention: Duration::from_secs(1),
        ..settings()
    });
    rig.clock.advance(Duration::from_secs(7200));
    let report = rig.store.compact(&dry, &own).await.expect("answers");
    assert_eq!((report.outputs, report.inputs), (0, 0));
    let retained = rig.store.retain(&dry, &own).await.expect("answers");
    assert_eq!((retained.marked, retained.deleted), (0, 0));
    assert_eq!(rig.objects().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_block_is_named_and_the_others_are_compacted() {
    let rig = Rig::new();
    let batches = rig.traffic(6, 60);
    for (number, columns) in (1..).zip(&batches) {
        rig.put(number, columns, |_| {}).await;
    }
    let data = Path::from(format!("{}/data.parquet", id(3)));
    let bytes = rig.bucket.get(&data).await.expect("there").bytes().await.expect("in memory");
    rig.bucket.put(&data, bytes.slice(..bytes.len() / 2).into()).await.expect("in memory");
    let mut outputs = 0;
    for _ in 0..4 {
        outputs += rig.compact().await.outputs;
    }
    assert!(outputs >= 1, "the sound blocks became one");
    let live = rig.store.blocks(&TenantId::single());
    let bad = live.iter().find(|block| block.meta().block_id == Uuid::from_u128(3));
    assert!(bad.is_some(), "the damaged block is still there");
    assert!(live.len() <= 3, "{}", live.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_with_spans_of_tempos_keeps_saying_so() {
    let rig = Rig::new();
    let batches = rig.traffic(2, 60);
    rig.put(1, &batches[0], |block| block.meta.is_ours = false).await;
    rig.put(2, &batches[1], |_| {}).await;
    assert_eq!(rig.compact().await.outputs, 1);
    let blocks = rig.store.blocks(&TenantId::single());
    assert!(!blocks[0].meta().is_ours);
    let path = Path::from(format!("single-tenant/{}/meta.json", blocks[0].meta().block_id));
    let json = rig.bucket.get(&path).await.expect("there").bytes().await.expect("in memory");
    assert_eq!(&BlockMeta::parse(&json).expect("a meta"), &**blocks[0].meta());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_conditional_writes_is_found_out() {
    let rig = Rig::new();
    for _ in 0..2 {
        assert!(rig.store.keeps_claims("one").await.expect("a bucket that answers"));
    }
    rig.faults.set_unconditional(true);
    assert!(!rig.store.keeps_claims("one").await.expect("a bucket that answers"));
    rig.faults.set_unconditional(false);
    // What a run left that ended in the midst of it.
    rig.bucket.put(&Path::from("cadenza.probe.one"), b"one".to_vec().into()).await.expect("in memory");
    assert!(rig.store.keeps_claims("one").await.expect("a bucket that answers"));
    assert_eq!(rig.objects().await, [""; 0], "nothing is left");
    rig.faults.set_outage(true);
    assert!(rig.store.keeps_claims("one").await.is_err());
}
