//! Uploads are kept before they are in force, and change nothing when they cannot be used.

use crate::support::{Rig, entry};
use cadenza_chains::UploadError;
use std::time::Duration;

fn running(rig: &Rig) -> String {
    rig.clock.advance(Duration::from_millis(1));
    rig.met("t")
}

fn with_chain() -> Rig {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    drop(rig.met("t"));
    rig.chains.load();
    rig
}

#[tokio::test]
async fn an_upload_is_on_disk_and_in_force_when_it_is_answered() {
    let rig = with_chain();
    let sum = rig.chains.upload("a", b"a2").expect("taken");
    assert_eq!(running(&rig), "t: a2(1)");
    assert_eq!(std::fs::read(rig.dir.path().join("a.wasm")).expect("kept"), b"a2");
    assert_eq!(rig.chains.status()[0].version.as_ref().expect("running").plugins[0].sha256, sum);
    assert_eq!(rig.chains.revisions("a").expect("readable").len(), 1);
}

#[tokio::test]
async fn an_upload_that_cannot_be_used_changes_nothing() {
    let rig = with_chain();
    drop(running(&rig));
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let error = rig.chains.upload(name, bytes).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(running(&rig), "t: a1(1)");
        assert_eq!(std::fs::read(rig.dir.path().join("a.wasm")).expect("kept"), b"a1");
        assert!(rig.chains.revisions("a").expect("readable").is_empty());
    };
    check("a", b"bad", "the component cannot be used: it does not compile");
    check("a", b"picky", "the chain of tenant t cannot be made with it: plugin picky: traps on a recorded");
    check("a", &[b'x'; 1001], "1001 bytes, the limit is 1000");
    check("../a", b"a2", "cannot name a plugin");
    check("", b"a2", "cannot name a plugin");
}

#[tokio::test]
async fn rolling_back_returns_to_the_revision_before_and_forth_again() {
    let rig = with_chain();
    for content in ["a2", "a3"] {
        rig.clock.advance(Duration::from_secs(1));
        rig.chains.upload("a", content.as_bytes()).expect("taken");
    }
    rig.clock.advance(Duration::from_secs(1));
    rig.chains.rollback("a", None).expect("there is one");
    assert_eq!(running(&rig), "t: a2(1)");
    rig.clock.advance(Duration::from_secs(1));
    rig.chains.rollback("a", None).expect("there is one");
    assert_eq!(running(&rig), "t: a3(1)");
    let first = rig.chains.revisions("a").expect("readable").pop().expect("the first").sha256;
    rig.chains.rollback("a", Some(&first[..8])).expect("there is one");
    assert_eq!(running(&rig), "t: a1(1)");
    assert_eq!(rig.chains.rollback("a", Some("nothing")), Err(UploadError::NoRevision("a".to_owned())));
}

#[tokio::test]
async fn a_bounded_number_of_revisions_is_kept() {
    let rig = with_chain();
    for n in 0..12 {
        rig.clock.advance(Duration::from_secs(1));
        rig.chains.upload("a", format!("a{n}").as_bytes()).expect("taken");
    }
    assert_eq!(rig.chains.revisions("a").expect("readable").len(), 5);
}
