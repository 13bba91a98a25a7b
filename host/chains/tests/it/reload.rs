//! A change of code, configuration or secret swaps the chain; a candidate that fails does not.

use crate::support::{Rig, entry, tenant};
use cadenza_chains::{Entry, Mode};
use cadenza_ingest::chain::Chains as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn tenants_without_plugins_never_wait() {
    let rig = Rig::new();
    assert_eq!(rig.met("free"), "none");
}

#[tokio::test]
async fn a_tenant_waits_until_its_first_chain_is_loaded() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "{}"), entry("b", "builtin:one", "{}")]);
    assert_eq!(rig.met("t"), "held: the plugin chain is being loaded");
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: a1({}) builtin-one({})");
}

#[tokio::test]
async fn a_missing_component_holds_its_tenant_alone_and_says_so() {
    let rig = Rig::new();
    rig.wish("t", &[entry("scrub", "scrub.wasm", "{}")]);
    rig.wish("u", &[entry("b", "builtin:one", "{}")]);
    assert!(rig.met("t").starts_with("held") && rig.met("u").starts_with("held"));
    rig.chains.load();
    let why = rig.met("t");
    assert!(why.contains("plugin scrub: cannot read") && why.contains("scrub.wasm"), "{why}");
    assert_eq!(rig.met("u"), "u: builtin-one({})");
    let status = rig.chains.status();
    assert_eq!((status[0].tenant.as_str(), status[0].state), ("t", "loading"));
    assert!(status[0].faults[0].contains("scrub.wasm"), "{:?}", status[0]);
    rig.put("scrub.wasm", "s");
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: s({})");
}

#[tokio::test]
async fn code_configuration_and_secrets_each_swap_the_chain() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    drop(rig.met("t"));
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: a1(1)");
    rig.put("a.wasm", "a2");
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: a2(1)");
    rig.wish("t", &[entry("a", "a.wasm", "2")]);
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: a2(2)");
    let before = rig.chains.status()[0].version.as_ref().expect("running").number;
    rig.wishes.secrets.store(9, Ordering::Relaxed);
    rig.chains.load();
    let status = rig.chains.status();
    assert_eq!(status[0].version.as_ref().expect("running").number, before + 1);
    assert_eq!(status[0].earlier.len(), 3, "{status:?}");
    rig.wish("t", &[]);
    rig.chains.load();
    assert_eq!(rig.met("t"), "none");
}

#[tokio::test]
async fn tenants_are_not_looked_at_one_by_one_while_nothing_has_changed() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    for tenant in ["t", "u", "v"] {
        rig.wish(tenant, &[entry("a", "a.wasm", "1")]);
        drop(rig.met(tenant));
    }
    rig.chains.load();
    let asked = || rig.wishes.asked.swap(0, Ordering::Relaxed);
    assert!(asked() >= 3);
    rig.chains.load();
    assert_eq!(asked(), 0, "nothing has changed");
    rig.wish("w", &[entry("a", "a.wasm", "1")]);
    drop(rig.met("w"));
    rig.chains.load();
    assert_eq!(rig.met("w"), "w: a1(1)");
    assert!(asked() >= 4, "entries have changed");
    rig.put("a.wasm", "a2");
    rig.chains.load();
    assert_eq!(["t", "w"].map(|tenant| rig.met(tenant)), ["t: a2(1)", "w: a2(1)"]);
    assert!(asked() >= 4, "a file has changed");
    rig.chains.load();
    assert_eq!(asked(), 0);
}

#[tokio::test]
async fn what_has_not_changed_is_neither_compiled_nor_swapped_again() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.put("same.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1"), entry("b", "same.wasm", "2")]);
    rig.wish("u", &[entry("a", "a.wasm", "1")]);
    assert!(rig.met("t").starts_with("held") && rig.met("u").starts_with("held"));
    for _ in 0..5 {
        rig.chains.load();
    }
    assert_eq!(rig.loads.load(Ordering::Relaxed), 1, "equal contents are one component");
    assert!(rig.chains.status().iter().all(|status| status.earlier.is_empty()));
}

#[tokio::test]
async fn a_failing_candidate_leaves_the_old_chain_running_and_says_why() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    drop(rig.met("t"));
    rig.chains.load();
    let check = |expected: &str| {
        rig.chains.load();
        assert_eq!(rig.met("t"), "t: a1(1)");
        let faults = rig.chains.status()[0].faults.join(" ");
        assert!(faults.contains(expected), "{faults}");
    };
    check("");
    rig.put("a.wasm", "bad");
    check("it does not compile");
    rig.put("a.wasm", "picky");
    check("traps on a recorded batch");
    rig.put("a.wasm", &"x".repeat(1001));
    check("1001 bytes, the limit is 1000");
    std::fs::remove_file(rig.dir.path().join("a.wasm")).expect("removing");
    check("cannot read");
    rig.wish("t", &[entry("a", "builtin:two", "1")]);
    check("there is no builtin:two");
    rig.wish("t", &[entry("a", "builtin:one", "wrong")]);
    check("/key: unknown");
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    check("");
    assert!(rig.chains.status()[0].faults.is_empty());
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_later() {
    let rig = Rig::new();
    rig.put("a.wasm", "bad");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    drop(rig.met("t"));
    rig.chains.load();
    rig.chains.load();
    assert_eq!(rig.loads.load(Ordering::Relaxed), 1);
    rig.clock.advance(Duration::from_secs(11));
    rig.chains.load();
    assert_eq!(rig.loads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_first_request_waits_for_the_chain_instead_of_being_refused() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[entry("a", "a.wasm", "1")]);
    let looking = tokio::spawn(rig.chains.clone().run());
    let tenant = tenant("t");
    assert!(rig.chains.chain(&tenant).is_err());
    rig.chains.settle(&tenant).await;
    assert_eq!(rig.met("t"), "t: a1(1)");
    looking.abort();
}

/// An entry that only counts.
fn shadow(name: &str, file: &str, config: &str) -> Entry {
    Entry { mode: Mode::Shadow, ..entry(name, file, config) }
}

#[tokio::test]
async fn nothing_waits_for_a_shadow_that_cannot_be_had() {
    let rig = Rig::new();
    rig.put("a.wasm", "a1");
    rig.wish("t", &[shadow("s", "s.wasm", "1"), entry("a", "a.wasm", "1")]);
    rig.wish("u", &[shadow("s", "s.wasm", "1")]);
    assert!(rig.met("t").starts_with("held") && rig.met("u").starts_with("held"));
    rig.chains.load();
    assert_eq!((rig.met("t"), rig.met("u")), ("t: a1(1)".to_owned(), "u: ".to_owned()));
    let left_out = || {
        let status = rig.chains.status();
        let version = status[0].version.clone().expect("running");
        assert!(status[0].faults.is_empty(), "{status:?}");
        (version.number, version.left_out.join(" "))
    };
    let (number, why) = left_out();
    assert!(why.contains("plugin s: cannot read"), "{why}");
    rig.clock.advance(Duration::from_secs(11));
    rig.chains.load();
    assert_eq!(left_out().0, number, "what is still not there is no other version");
    for (content, config, expected) in [("bad", "1", "does not compile"), ("s1", "wrong", "/key: unknown")] {
        rig.put("s.wasm", content);
        rig.wish("t", &[shadow("s", "s.wasm", config), entry("a", "a.wasm", "1")]);
        rig.chains.load();
        assert_eq!(rig.met("t"), "t: a1(1)");
        assert!(left_out().1.contains(expected), "{:?}", left_out());
    }
    rig.wish("t", &[shadow("s", "s.wasm", "1"), entry("a", "a.wasm", "1")]);
    rig.chains.load();
    assert_eq!(rig.met("t"), "t: s1(1) a1(1)");
    assert_eq!(left_out().1, "");
    let plugins = &rig.chains.status()[0].version.clone().expect("running").plugins;
    assert_eq!(plugins.iter().map(|plugin| plugin.mode.as_str()).collect::<Vec<_>>(), ["shadow", "enforce"]);
}

#[tokio::test]
async fn an_upload_for_a_shadow_that_cannot_be_made_is_refused() {
    let rig = Rig::new();
    rig.put("s.wasm", "s1");
    rig.wish("t", &[shadow("s", "s.wasm", "wrong")]);
    drop(rig.met("t"));
    rig.chains.load();
    let error = rig.chains.upload("s", b"s2").expect_err("refused").to_string();
    assert!(error.contains("/key: unknown"), "{error}");
    assert_eq!(std::fs::read(rig.dir.path().join("s.wasm")).expect("kept"), b"s1");
}
