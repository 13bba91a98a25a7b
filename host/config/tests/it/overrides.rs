//! Limits per tenant.

use super::support::{fixture, load};
use cadenza_config::{LoadOptions, Overrides};
use cadenza_model::TenantId;
use expect_test::expect;
use std::sync::Arc;
use std::time::Duration;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

fn overrides(config: &str) -> Overrides {
    Overrides::new(Arc::new(load(config).config))
}

fn reload(overrides: &Overrides, text: &str) -> Vec<String> {
    overrides.reload(text, &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}")).warnings
}

#[test]
fn a_tenants_block_replaces_the_defaults_as_a_whole() {
    let overrides = overrides(
        "overrides: {defaults: {ingestion: {max_traces_per_user: 77}, read: {max_condition_groups_per_tag_query: 5}}}",
    );
    let warnings = reload(&overrides, &fixture("helm/overrides-scoped.yaml"));
    assert!(
        warnings.iter().any(|warning| warning.starts_with("overrides.tenant-b: ")
            && warning.contains("every push is refused")),
        "{warnings:?}"
    );
    let own = overrides.limits(&tenant("tenant-a"));
    assert_eq!((own.rate_limit_bytes, own.burst_size_bytes), (10_000_000, 20_000_000));
    assert_eq!(own.max_bytes_per_tag_values_query, 0, "absent is zero, not the default");
    assert!(!own.retry_info_enabled);
    assert_eq!(own.max_condition_groups_per_tag_query, 5, "always the defaults'");
    assert_eq!(own.block_retention, Duration::from_secs(7 * 86_400));
    assert_eq!(own.generator_processors, ["span-metrics", "service-graphs"]);
    let none = overrides.limits(&tenant("tenant-b"));
    assert_eq!((none.rate_limit_bytes, none.max_traces_per_user), (0, 0));
    let null = overrides.limits(&tenant("tenant-c"));
    assert_eq!(*null, *overrides.defaults(), "an entry without a block has the defaults");
    let wild = overrides.limits(&tenant("someone"));
    assert_eq!((wild.rate_limit_bytes, wild.max_traces_per_user), (15_000_000, 0));
}

#[test]
fn what_a_limit_leaves_open_is_the_static_configurations() {
    let overrides = overrides(
        "query_frontend: {search: {max_duration: 2h}, metrics: {max_duration: 3h}}\n\
         compactor: {compaction: {block_retention: 24h, compaction_window: 4h}}\n\
         distributor: {max_attribute_bytes: 100}\n\
         storage: {trace: {block: {parquet_dedicated_columns: [{name: x}]}}}\n",
    );
    reload(
        &overrides,
        "overrides: {a: {ingestion: {rate_limit_bytes: 1, burst_size_bytes: 1}}, b: {read: {max_search_duration: 1d}}}",
    );
    let own = overrides.limits(&tenant("a"));
    assert_eq!(own.max_search_duration, Duration::from_secs(7200));
    assert_eq!(own.max_metrics_duration, Duration::from_secs(3 * 3600));
    assert_eq!(own.block_retention, Duration::from_secs(86_400));
    assert_eq!(own.compaction_window, Duration::from_secs(4 * 3600));
    assert_eq!(own.max_attribute_bytes, 100);
    assert_eq!(own.dedicated_columns.as_ref().map(Vec::len), Some(1));
    assert_eq!(overrides.limits(&tenant("b")).max_search_duration, Duration::from_secs(86_400));
    let raw = overrides.tenants();
    assert_eq!(raw[0].1.block_retention, Duration::ZERO, "metrics show what was written");
}

#[test]
fn scoped_and_flat_files_mean_the_same() {
    let (scoped, flat) = (overrides(""), overrides(""));
    reload(&scoped, &fixture("helm/overrides-scoped.yaml"));
    reload(&flat, &fixture("helm/overrides-flat.yaml"));
    assert_eq!(scoped.limits(&tenant("tenant-a")), flat.limits(&tenant("tenant-a")));
}

#[test]
fn empty_files_are_fine() {
    for text in ["", "overrides:", "# nothing\n"] {
        assert_eq!(reload(&overrides(""), text), Vec::<String>::new(), "{text}");
    }
    reload(&overrides(""), &fixture("helm/overrides-null.yaml"));
    reload(&overrides(""), &fixture("helm/overrides-empty.yaml"));
}

#[test]
fn a_bad_file_leaves_the_old_set() {
    let overrides = overrides("");
    assert_eq!(overrides.hash(), None);
    let options = LoadOptions::default();
    assert!(overrides.reload("overrides: {a: {max_traces_per_user: 5}}", &options).expect("good").changed);
    let hash = overrides.hash().expect("a hash");
    assert_eq!(hash.len(), 64);
    let mut out = String::new();
    for text in [
        "overrides: {a: {max_traces_per_usr: 6}}",
        "overrides: {a: {max_traces_per_user: six}}",
        "overrides: {a: {ingestion: {max_traces_per_user: 6}, max_traces_per_user: 7}}",
        "overrides: {a: 5}",
        "overrides: [a]",
        "override: {}",
        "[]",
        "overrides: {a: {forwarders: [x]}}",
        "overrides: {a: {}, a: {}}",
        "overrides: {a: {storage: {parquet_dedicated_columns: [{type: int}]}}}",
        "overrides: {",
    ] {
        let error = overrides.reload(text, &options).expect_err(text);
        out += &format!("{error}\n");
        assert_eq!(overrides.limits(&tenant("a")).max_traces_per_user, 5);
        assert_eq!(overrides.hash().as_deref(), Some(&*hash));
    }
    expect![[r#"
        invalid configuration:
          line 1, column 17: overrides.a.max_traces_per_usr: unknown key (did you mean `max_traces_per_user`?)
        invalid configuration:
          line 1, column 38: overrides.a.ingestion.max_traces_per_user: `six` is not a whole number
        invalid configuration:
          line 1, column 54: overrides.a.max_traces_per_user: the same limit is also set by `overrides.a.ingestion.max_traces_per_user`
        invalid configuration:
          line 1, column 16: overrides.a: expected a section of keys, found a single value
        invalid configuration:
          line 1, column 12: overrides: expected a map from tenants to limits
        invalid configuration:
          line 1, column 1: override: unknown key (did you mean `overrides`?)
        invalid configuration:
          line 1, column 1: a per-tenant file is a map with the key `overrides`
        refusing to start:
          line 1, column 17: overrides.a.forwarders: forwarding is not implemented yet, and the copies would be lost silently
        invalid YAML: line 1, column 20: key `a` is set twice in the same map
        invalid configuration:
          line 1, column 55: overrides.a.storage.parquet_dedicated_columns[0]: a dedicated column needs a name
        invalid YAML: line 2, column 1: while parsing a node, did not find expected node content
    "#]].assert_eq(&out);
    assert!(!overrides.reload("overrides: {a: {max_traces_per_user: 5}}", &options).expect("good").changed);
    assert!(overrides.reload("overrides: {}", &options).expect("good").changed);
    assert_eq!(
        overrides.limits(&tenant("a")).max_traces_per_user,
        10_000,
        "a removed tenant has the defaults again"
    );
}

#[test]
fn names_no_tenant_can_have_are_warned_of() {
    let warnings = reload(&overrides(""), "overrides: {'a b': , 'a:b': , '..': , ok: }");
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn the_stricter_cap_on_live_traces_holds() {
    let overrides = overrides("");
    reload(
        &overrides,
        "overrides: {a: {max_traces_per_user: 5, max_global_traces_per_user: 3}, b: {max_global_traces_per_user: 4}, c: {}}",
    );
    let cap = |name: &str| overrides.limits(&tenant(name)).live_traces_max();
    assert_eq!((cap("a"), cap("b"), cap("c"), cap("other")), (3, 4, 0, 10_000));
}

#[test]
fn the_status_pages_show_what_holds() {
    let overrides = overrides(
        "storage: {trace: {block: {parquet_dedicated_columns: [{name: x, type: int, options: [blob]}]}}}",
    );
    reload(
        &overrides,
        "overrides: {a: {max_traces_per_user: 5, metrics_generator_processors: [span-metrics]}}",
    );
    expect![[r#"
        ingestion:
          rate_strategy: local
          rate_limit_bytes: 0
          burst_size_bytes: 0
          max_traces_per_user: 5
          max_global_traces_per_user: 0
          max_attribute_bytes: 2048
          retry_info_enabled: false
        read:
          max_bytes_per_tag_values_query: 0
          max_blocks_per_tag_values_query: 0
          max_condition_groups_per_tag_query: 100
          max_search_duration: 168h0m0s
          max_metrics_duration: 24h0m0s
          left_pad_trace_ids: false
        compaction:
          block_retention: 336h0m0s
          compaction_window: 1h0m0s
          compaction_disabled: false
        metrics_generator:
          processors: ["span-metrics"]
          max_active_series: 0
        global:
          max_bytes_per_trace: 0
        storage:
          parquet_dedicated_columns: [{scope: span, name: "x", type: int, options: [blob]}]
    "#]]
    .assert_eq(&overrides.status_of(&tenant("a")));
    let page = overrides.status();
    assert!(
        page.starts_with(
            "defaults:\n  ingestion:\n    rate_strategy: local\n    rate_limit_bytes: 30000000\n"
        ),
        "{page}"
    );
    assert!(page.contains("overrides:\n  \"a\":\n    ingestion:\n"), "{page}");
}
