//! A check of a block finds whatever is wrong with it, and nothing where nothing is. The blocks are Tempo's own.
#![expect(
    clippy::disallowed_methods,
    reason = "fixtures are read from the disk, and the check blocks its thread"
)]

use crate::rig::Rig;
use bytes::Bytes;
use cadenza_model::TenantId;
use cadenza_store::{Checked, Fault};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::collections::BTreeMap;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");
const BLOCKS: [(&str, &str); 2] = [
    ("vParquet4", "369509f3-f85d-4807-bf3a-d0607e85699a"),
    ("vParquet5", "f84a9779-aa37-44af-a205-8b7dd39c9d37"),
];
const OBJECTS: [&str; 4] = ["data.parquet", "bloom-0", "index", "meta.json"];

type Objects = BTreeMap<&'static str, Bytes>;

fn fixture(format: &str, id: &str) -> Objects {
    let read = |name| std::fs::read(format!("{FIXTURES}/{format}/single-tenant/{id}/{name}"));
    OBJECTS.iter().map(|name| (*name, read(name).expect("the fixture").into())).collect()
}

fn tenant() -> TenantId {
    TenantId::parse("single-tenant").expect("a name")
}

async fn stored(id: &str, objects: Objects) -> Rig {
    let rig = Rig::new();
    for (name, bytes) in objects {
        let path = Path::from(format!("single-tenant/{id}/{name}"));
        rig.bucket.put(&path, bytes.into()).await.expect("memory");
    }
    rig
}

/// What a check says of a block of these objects; `None` if it does not count as a block.
async fn checked(id: &str, objects: Objects) -> Option<Result<Checked, Fault>> {
    let rig = stored(id, objects).await;
    let mut found = rig.store.inspect(&tenant()).await.expect("a listing");
    let found = found.pop().expect("one directory");
    assert_eq!(found.block_id.to_string(), id);
    let block = match found.block? {
        Ok(block) => block,
        Err(fault) => return Some(Err(fault)),
    };
    let work = tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        let checked = block.check(&mut |done| rows = done);
        checked.inspect(|checked| assert_eq!(checked.traces, rows, "progress ends at the end"))
    });
    Some(work.await.expect("no panic"))
}

async fn damaged(change: impl Fn(&mut Objects), reason: &str) {
    for (format, id) in BLOCKS {
        let mut objects = fixture(format, id);
        change(&mut objects);
        match checked(id, objects).await {
            Some(Err(Fault::Damaged(said))) if said.contains(reason) => {}
            other => panic!("{format}: {reason:?} expected, not {other:?}"),
        }
    }
}

fn edit(objects: &mut Objects, name: &'static str, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = objects[name].to_vec();
    change(&mut bytes);
    objects.insert(name, bytes.into());
}

fn meta(objects: &mut Objects, key: &str, value: serde_json::Value) {
    edit(objects, "meta.json", |bytes| {
        let mut meta: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
        meta[key] = value.clone();
        *bytes = serde_json::to_vec(&meta).expect("JSON");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_tempo_are_whole() {
    let mut seen = Vec::new();
    for (format, id) in BLOCKS {
        let found = checked(id, fixture(format, id)).await.expect("a block").expect("whole");
        assert!(found.traces > 0 && found.spans > found.traces, "{found:?}");
        seen.push(found);
    }
    assert_eq!(seen[0], seen[1], "both hold the same spans");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_damage_is_named() {
    for name in ["data.parquet", "bloom-0", "index"] {
        damaged(|objects| drop(objects.remove(name)), &format!("{name} is missing")).await;
    }
    damaged(|objects| edit(objects, "data.parquet", |b| b.truncate(b.len() - 9)), "bytes of data.parquet")
        .await;
    damaged(|objects| edit(objects, "bloom-0", |b| b.truncate(1000)), "bloom object has 1000 bytes").await;
    damaged(|objects| edit(objects, "bloom-0", |b| b[24..].fill(0)), "the bloom filter lacks trace").await;
    damaged(|objects| edit(objects, "index", |b| b.truncate(9)), "index is not understood").await;
    damaged(|objects| edit(objects, "index", |b| *b = br#"{"rowGroups":[]}"#.to_vec()), "other trace ids")
        .await;
    damaged(|objects| edit(objects, "meta.json", |b| b.truncate(50)), "meta.json").await;
    damaged(|objects| meta(objects, "format", "vParquet9".into()), "vParquet9").await;
    damaged(|objects| meta(objects, "size", 1.into()), "meta says 1 (size)").await;
    damaged(|objects| meta(objects, "totalObjects", 1.into()), "meta says 1 (totalObjects)").await;
    damaged(|objects| meta(objects, "totalRecords", 7.into()), "meta says 7 (totalRecords)").await;
    let other = "00000000-0000-4000-8000-000000000000";
    damaged(|objects| meta(objects, "blockID", other.into()), "names another block").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_a_meta_is_no_block_and_not_damaged() {
    for (format, id) in BLOCKS {
        let mut objects = fixture(format, id);
        objects.remove("meta.json");
        assert_eq!(checked(id, objects).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_out_of_reach_says_nothing_about_the_block() {
    for (format, id) in BLOCKS {
        let rig = stored(id, fixture(format, id)).await;
        let mut found = rig.store.inspect(&tenant()).await.expect("a listing");
        rig.faults.set_outage(true);
        let block = found.pop().and_then(|found| found.block).expect("a block").expect("its meta");
        let checked = tokio::task::spawn_blocking(move || block.check(&mut |_| ())).await.expect("no panic");
        assert!(matches!(checked, Err(Fault::Unreachable(_))), "{checked:?}");
    }
}
