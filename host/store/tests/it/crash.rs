//! The process ends after every single change to the bucket: what is visible is the old or the new, whole.

use crate::rig::{Rig, Settings, config, settings};
use cadenza_objects::decorate::Fault;
use cadenza_store::compact::TenantCompaction;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn compaction_ended_anywhere_loses_and_doubles_nothing_and_is_finished_later() {
    let filled = Rig::new();
    let spans = filled.fill(3, 60).await;
    let doubled = filled.visible().await;
    let mut crashes = 0;
    loop {
        let rig = filled.copied().await;
        rig.faults.crash_after(crashes);
        rig.compact().await;
        if !rig.faults.has_crashed() {
            break;
        }
        crashes += 1;
        let next = rig.another().await;
        let visible = next.visible().await;
        assert!(visible == spans || visible == doubled, "crash {crashes}: {} spans", visible.len());
        next.compact().await;
        assert!(next.visible().await == spans, "crash {crashes}");
        assert!(next.another().await.visible().await == spans, "crash {crashes}");
        // In the end only the output is left.
        next.clock.advance(Duration::from_secs(30 * 3600));
        next.store.poll().await.expect("a bucket that answers");
        let report = next.store.retain(&config("one"), &Settings(settings())).await.expect("answers");
        assert_eq!(report.failed, 0);
        let objects = next.block_objects().await;
        let directories: std::collections::HashSet<&str> = objects
            .iter()
            .filter_map(|object| object.rsplit_once('/'))
            .map(|(directory, _)| directory)
            .collect();
        assert_eq!(directories.len(), 1, "crash {crashes}: {objects:?}");
        assert!(next.another().await.visible().await == spans, "crash {crashes}");
    }
    assert!(crashes >= 15, "{crashes}: three claims, six objects of the output, its marker, three marks");
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_ended_anywhere_goes_on_where_it_was() {
    let filled = Rig::new();
    filled.fill(2, 40).await;
    let own = TenantCompaction { retention: Duration::from_secs(3600), ..settings() };
    let mut crashes = 0;
    loop {
        let rig = filled.copied().await;
        rig.faults.crash_after(crashes);
        for _ in 0..2 {
            rig.clock.advance(Duration::from_secs(2 * 3600));
            rig.store.poll().await.ok();
            rig.store.retain(&config("one"), &Settings(own)).await.ok();
        }
        if !rig.faults.has_crashed() {
            assert_eq!(rig.block_objects().await, [""; 0]);
            break;
        }
        crashes += 1;
        let next = rig.another().await;
        for _ in 0..3 {
            next.clock.advance(Duration::from_secs(2 * 3600));
            next.store.poll().await.expect("a bucket that answers");
            let report = next.store.retain(&config("one"), &Settings(own)).await.expect("answers");
            assert_eq!(report.failed, 0);
        }
        assert_eq!(next.block_objects().await, [""; 0], "crash {crashes}");
    }
    assert!(crashes >= 12, "{crashes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_whose_answer_is_lost_change_nothing() {
    let filled = Rig::new();
    let spans = filled.fill(3, 60).await;
    for lost in 0..20 {
        let rig = filled.copied().await;
        rig.faults.script_writes((0..lost).map(|_| None).chain([Some(Fault::LoseAnswer)]));
        for _ in 0..3 {
            rig.compact().await;
        }
        assert!(rig.visible().await == spans, "answer {lost}");
        assert!(rig.another().await.visible().await == spans, "answer {lost}");
    }
}
