//! Block lists: from listings, from the tenant's index, and what becomes of them when either fails.

use crate::rig::Rig;
use cadenza_model::TenantId;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;

async fn read(rig: &Rig, name: &str) -> Option<Vec<u8>> {
    let path = Path::parse(format!("single-tenant/{name}")).expect("a path");
    Some(rig.bucket.get(&path).await.ok()?.bytes().await.expect("in memory").to_vec())
}

async fn filled(blocks: usize) -> Rig {
    let rig = Rig::new();
    rig.fill(blocks, 3).await;
    rig.store.poll().await.expect("a bucket that answers");
    rig
}

fn pulling(config: &mut cadenza_store::Config) {
    config.pulls_index = true;
    config.index_fallback = false;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_writes_both_forms_and_others_live_by_either() {
    let rig = filled(3).await;
    assert!(read(&rig, "index.pb.zst").await.is_some() && read(&rig, "index.json.gz").await.is_some());
    let expected = rig.visible().await;
    assert!(!expected.is_empty());
    let other = rig.configured(pulling);
    other.store.poll().await.expect("a bucket that answers");
    assert_eq!(other.visible().await, expected);
    rig.bucket.delete(&"single-tenant/index.pb.zst".into()).await.expect("in memory");
    let third = rig.configured(pulling);
    third.store.poll().await.expect("a bucket that answers");
    assert_eq!(third.visible().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_who_pulls_lists_and_builds_it_or_keeps_its_list() {
    let rig = filled(2).await;
    for name in ["index.pb.zst", "index.json.gz"] {
        rig.bucket.delete(&Path::parse(format!("single-tenant/{name}")).expect("a path")).await.expect("ok");
    }
    let strict = rig.configured(pulling);
    let report = strict.store.poll().await.expect("tenants are listed");
    assert_eq!((report.failed_tenants, strict.store.blocks(&TenantId::single()).len()), (1, 0));
    assert!(read(&rig, "index.pb.zst").await.is_none());
    let lenient = rig.configured(|config| config.pulls_index = true);
    lenient.store.poll().await.expect("a bucket that answers");
    assert_eq!(lenient.store.blocks(&TenantId::single()).len(), 2);
    assert!(read(&rig, "index.pb.zst").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_index_is_not_gone_by() {
    let rig = filled(2).await;
    let change = |config: &mut cadenza_store::Config| {
        pulling(config);
        config.index_age_max = Some(Duration::from_secs(600));
    };
    let other = rig.configured(change);
    rig.clock.advance(Duration::from_secs(600));
    assert_eq!(other.store.poll().await.expect("tenants are listed").failed_tenants, 0);
    rig.clock.advance(Duration::from_secs(1));
    let report = other.store.poll().await.expect("tenants are listed");
    assert_eq!(report.failed_tenants, 1);
    assert_eq!(other.store.blocks(&TenantId::single()).len(), 2, "the old list stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_ours_does_not_vanish_behind_an_index_that_is_older() {
    let rig = filled(2).await;
    let other = rig.configured(pulling);
    other.store.poll().await.expect("a bucket that answers");
    other.put(77, &other.traffic(1, 3)[0], |_| {}).await;
    for _ in 0..5 {
        other.store.poll().await.expect("a bucket that answers");
        assert_eq!(other.store.blocks(&TenantId::single()).len(), 3);
        other.clock.advance(Duration::from_secs(60));
    }
    rig.store.poll().await.expect("a bucket that answers");
    other.clock.advance(Duration::from_secs(3600));
    rig.store.poll().await.expect("a bucket that answers");
    other.store.poll().await.expect("a bucket that answers");
    assert_eq!(other.store.blocks(&TenantId::single()).len(), 3, "now it is in the index");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_many_blocks_reads_the_index_instead_of_their_metas() {
    let rig = filled(40).await;
    let expected = rig.store.blocks(&TenantId::single()).len();
    // Only the index can tell of these metas now; that they exist is what a listing says.
    for block in rig.store.blocks(&TenantId::single()).iter() {
        let path = Path::parse(format!("single-tenant/{}/meta.json", block.meta().block_id)).expect("a path");
        rig.bucket.put(&path, b"unreadable".to_vec().into()).await.expect("in memory");
    }
    let other = rig.configured(|_| ());
    let report = other.store.poll().await.expect("a bucket that answers");
    assert_eq!((report.blocks, report.bad_blocks), (expected, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lacks_our_fields_is_only_good_for_the_first_list() {
    let rig = filled(40).await;
    let metas: Vec<String> = {
        let blocks = rig.store.blocks(&TenantId::single());
        let foreign = |json: String| json.replace(",\"cadenza\":true", "");
        let json = |block: &std::sync::Arc<cadenza_store::StoredBlock>| {
            foreign(String::from_utf8(block.meta().to_json().expect("JSON")).expect("text"))
        };
        blocks.iter().map(json).collect()
    };
    let created = "2026-12-01T00:00:00Z";
    let text = format!("{{\"created_at\":\"{created}\",\"meta\":[{}],\"compacted\":[]}}", metas.join(","));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("in memory");
    let packed = gzip.finish().expect("in memory");
    rig.bucket.delete(&"single-tenant/index.pb.zst".into()).await.expect("in memory");
    rig.bucket.put(&"single-tenant/index.json.gz".into(), packed.into()).await.expect("in memory");
    let other = rig.configured(|config| config.writes_index = false);
    let ours = |rig: &Rig| rig.store.blocks(&TenantId::single()).iter().filter(|b| b.meta().is_ours).count();
    other.store.poll().await.expect("a bucket that answers");
    assert_eq!((ours(&other), other.store.blocks(&TenantId::single()).len()), (0, 40));
    other.store.poll().await.expect("a bucket that answers");
    assert_eq!(ours(&other), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_a_tenant_without_blocks_goes() {
    let rig = filled(1).await;
    let listed: Vec<String> = rig.objects().await.into_iter().filter(|name| name.contains('/')).collect();
    for name in listed.iter().filter(|name| !name.contains("index.")) {
        rig.bucket.delete(&Path::parse(name).expect("a path")).await.expect("in memory");
    }
    rig.store.poll().await.expect("a bucket that answers");
    assert_eq!(rig.objects().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_once_is_tried_again_and_one_that_fails_on_keeps_the_list() {
    let rig = filled(2).await;
    rig.faults.set_outage(true);
    assert!(rig.store.poll().await.is_err(), "not even the tenants can be listed");
    assert_eq!(rig.store.blocks(&TenantId::single()).len(), 2);
    rig.faults.set_outage(false);
    assert_eq!(rig.store.poll().await.expect("back").failed_tenants, 0);
}
