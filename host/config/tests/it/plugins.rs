//! Chains of plugins as an operator writes them.

use super::support::{error, load};
use cadenza_config::{LoadOptions, OnFailure, Overrides, PluginMode, PluginSource, PrintMode};
use cadenza_model::TenantId;
use expect_test::expect;
use std::sync::Arc;

const CHAIN: &str = r#"
plugins:
  dir: /etc/cadenza/plugins
  required:
    - source: builtin:attributes
      on_failure: fail-open
      config:
        actions:
          - {key: http.request.header.authorization, action: delete}
          - {key: n, value: 1, action: insert}
          - {key: s, value: "1", action: insert}
          - {key: d, value: 1.5, action: insert}
          - {key: b, value: true, action: insert}
          - {key: k, value: '${secret:salt}', action: insert}
          - {pattern: "^pass.*\\d$", action: delete}
  chain:
    - {name: steps, source: vendor/steps.wasm, mode: off}
  admin: {listen_port: 3300, token: let-me-in}
"#;

#[test]
fn entries_keep_their_order_and_their_configuration_becomes_json() {
    let plugins = load(CHAIN).config.plugins;
    expect![[r#"{"actions":[{"key":"http.request.header.authorization","action":"delete"},{"key":"n","value":1,"action":"insert"},{"key":"s","value":"1","action":"insert"},{"key":"d","value":1.5,"action":"insert"},{"key":"b","value":true,"action":"insert"},{"key":"k","value":"${secret:salt}","action":"insert"},{"pattern":"^pass.*\\d$","action":"delete"}]}"#]]
    .assert_eq(&plugins.required[0].config_json);
    assert_eq!(plugins.required[0].name, "attributes", "the source names what has no name");
    assert_eq!(plugins.required[0].on_failure, Some(OnFailure::FailOpen));
    assert_eq!(plugins.chain[0].source, PluginSource::File("vendor/steps.wasm".into()));
    assert_eq!((plugins.chain[0].mode, plugins.required[0].mode), (PluginMode::Off, PluginMode::Enforce));
    assert_eq!(plugins.chain[0].config_json, "{}");
    assert_eq!(plugins.cache_dir.file_name().and_then(|name| name.to_str()), Some("plugin-cache"));
    let admin = plugins.admin.expect("a port");
    assert!(admin.listen.is_loopback() && admin.listen.port == 3300);
}

#[test]
fn the_status_page_shows_neither_configurations_nor_the_token() {
    let shown = load(CHAIN).print(PrintMode::Effective);
    assert!(shown.contains("builtin:attributes"), "{shown}");
    for hidden in ["let-me-in", "salt", "authorization"] {
        assert!(!shown.contains(hidden), "{hidden} in\n{shown}");
    }
}

#[test]
fn what_makes_no_chain_is_an_error_with_its_place() {
    let check = |yaml: &str, expected: &str| {
        let error = error(yaml);
        assert!(error.contains(expected), "{error}");
    };
    check("plugins: {chain: [{name: a}]}", "`source` is missing");
    check("plugins: {chain: [{source: ../up.wasm}]}", "must be a path below `plugins.dir`");
    check("plugins: {chain: [{source: /abs.wasm}]}", "must be a path below `plugins.dir`");
    check("plugins: {chain: [{source: 'Bad Name.wasm'}]}", "`Bad Name` cannot name a plugin");
    check("plugins: {chain: [{source: 'builtin:a', on_failure: maybe}]}", "maybe");
    check("plugins: {chain: [{source: 'builtin:a', mood: off}]}", "mood");
    check(
        "plugins: {chain: [{source: 'builtin:a', mode: active}]}",
        "`active` is not one of enforce, shadow",
    );
    let mode = |keys: &str| {
        format!("plugins: {{chain: [{{source: 'builtin:b'}}, {{source: 'builtin:a', {keys}}}]}}")
    };
    check(&mode("mode: canary"), "plugins.chain[1].mode: `canary` needs a `canary_percent`");
    for percent in ["0", "0.001", "-1", "100.1", ".nan", ".inf"] {
        let keys = format!("mode: canary, canary_percent: {percent}");
        check(&mode(&keys), "plugins.chain[1].canary_percent: ");
    }
    check(&mode("mode: canary, canary_percent: some"), "plugins.chain[1].canary_percent: ");
    check(
        &mode("mode: shadow, canary_percent: 10"),
        "plugins.chain[1].canary_percent: is for `mode: canary`",
    );
    check(&mode("canary_percent: 10"), "plugins.chain[1].canary_percent: is for `mode: canary`");
    check(
        "plugins: {required: [{source: 'builtin:a', mode: canary}]}",
        "plugins.required[0].mode: `canary` needs",
    );
    check(
        "plugins: {required: [{source: 'builtin:a'}], chain: [{source: 'builtin:a'}]}",
        "two plugins are named `a`",
    );
    check("plugins: {admin: {listen_port: 3300}}", "needs a `token`");
    check(
        "overrides: {defaults: {plugins: {chain: [{source: 'builtin:a'}]}}}",
        "the chain of all tenants is `plugins.chain`",
    );
    let long = vec!["{source: 'builtin:a'}"; 33].join(",");
    check(&format!("plugins: {{chain: [{long}]}}"), "33 entries, the limit is 32");
}

#[test]
fn an_entry_says_how_it_works() {
    for (keys, expected) in [
        ("", PluginMode::Enforce),
        (", mode: enforce", PluginMode::Enforce),
        (", mode: shadow", PluginMode::Shadow),
        (", mode: off, canary_percent: 10", PluginMode::Off),
        (", mode: canary, canary_percent: 10", PluginMode::Canary { hundredths: 1000 }),
        (", mode: canary, canary_percent: 0.015", PluginMode::Canary { hundredths: 2 }),
        (", mode: canary, canary_percent: 100", PluginMode::Canary { hundredths: 10_000 }),
    ] {
        let loaded = load(&format!("plugins: {{chain: [{{source: 'builtin:a'{keys}}}]}}"));
        assert_eq!(loaded.config.plugins.chain[0].mode, expected, "{keys}");
    }
}

#[test]
fn a_tenants_chain_takes_the_place_of_the_servers() {
    let overrides = Overrides::new(Arc::new(load(CHAIN).config));
    let text = "overrides:\n  a: {plugins: {chain: [{source: 'builtin:redaction'}]}}\n  b: {plugins: {chain: []}}\n  c: {}\n";
    overrides.reload(text, &LoadOptions::default()).expect("a good file");
    let chain = |name: &str| {
        let tenant = TenantId::parse(name).expect("a tenant");
        let limits = overrides.limits(&tenant);
        limits
            .plugin_chain
            .as_ref()
            .map(|chain| chain.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>())
    };
    assert_eq!(chain("a"), Some(vec!["redaction".to_owned()]));
    assert_eq!(chain("b"), Some(Vec::new()), "an empty chain is a choice");
    assert_eq!((chain("c"), chain("d")), (None, None));
    let twice = "overrides:\n  a: {plugins: {chain: [{source: 'builtin:attributes'}]}}\n";
    let error =
        overrides.reload(twice, &LoadOptions::default()).expect_err("required is named so").to_string();
    assert!(error.contains("two plugins are named `attributes`"), "{error}");
}
