//! meta.json keeps Tempo's bytes.

use crate::fixture;
use cadenza_block::meta::{BlockMeta, MetaError, Time, dedicated_default};
use cadenza_block::schema::{Owner, Version};
use expect_test::expect;
use proptest::prelude::*;

#[test]
fn tempos_metas_come_back_byte_for_byte() {
    for block in [crate::V4_BLOCK, crate::V5_BLOCK] {
        let json = fixture(&format!("{block}/meta.json"));
        let meta = BlockMeta::parse(&json).unwrap();
        assert_eq!(String::from_utf8(meta.to_json().unwrap()), String::from_utf8(json));
    }
}

#[test]
fn fields_are_read() {
    let meta = BlockMeta::parse(&fixture(&format!("{}/meta.json", crate::V4_BLOCK))).unwrap();
    expect![[r#"
        BlockMeta {
            format: "vParquet4",
            block_id: 369509f3-f85d-4807-bf3a-d0607e85699a,
            tenant_id: "single-tenant",
            start_time: 2026-11-24T13:58:21Z,
            end_time: 2026-11-24T13:58:24Z,
            total_objects: 14,
            size: 57980,
            compaction_level: 0,
            index_page_size: 0,
            total_records: 1,
            bloom_shards: 1,
            footer_size: 19476,
            dedicated_columns: [],
            replication_factor: 1,
        }
    "#]]
    .assert_debug_eq(&BlockMeta { dedicated_columns: Vec::new(), ..meta });
}

#[test]
fn the_default_list_filtered_is_what_tempo_wrote() {
    let v4 = BlockMeta::parse(&fixture(&format!("{}/meta.json", crate::V4_BLOCK))).unwrap();
    let v5 = BlockMeta::parse(&fixture(&format!("{}/meta.json", crate::V5_BLOCK))).unwrap();
    assert_eq!(v5.dedicated_columns, dedicated_default());
    assert_eq!(v4.dedicated_columns, Version::V4.dedicated(&dedicated_default()));
    let own = |meta: &BlockMeta, owner| {
        let schema = meta.schema().unwrap();
        schema.own(owner).iter().map(|own| own.key.clone()).collect::<Vec<_>>()
    };
    let spares = ["http.request.method", "url.path", "url.route", "server.address", "http.route"];
    let fixed = ["http.method", "http.url", "http.status_code"];
    assert_eq!(own(&v4, Owner::Span), [&spares[..], &fixed].concat());
    assert_eq!(own(&v4, Owner::Resource).len(), 9);
    assert_eq!(own(&v5, Owner::Resource).len(), 5);
    assert_eq!(own(&v5, Owner::Span).len(), 10);
    assert_eq!(own(&v5, Owner::Event), Vec::<String>::new());
}

const ID: &str = r#""blockID":"369509f3-f85d-4807-bf3a-d0607e85699a""#;

#[test]
fn old_and_small_metas_are_read() {
    let meta = |fields: &str| BlockMeta::parse(format!("{{{fields}}}").as_bytes()).unwrap();
    let small =
        meta(&format!(r#""format":"vParquet4",{ID},"tenantID":"t","minID":"x","dedicatedColumns":null"#));
    assert_eq!(small.bloom_shards(), 10);
    assert_eq!(small.start_time.to_string(), "0001-01-01T00:00:00Z");
    assert_eq!(small.start_time.ns(), 0);
    let with = meta(&format!(
        r#""format":"vParquet5",{ID},"tenantID":"t","dedicatedColumns":[{{"n":"request.id","o":["blob"]}}]"#
    ));
    assert!(
        String::from_utf8(with.to_json().unwrap()).unwrap().contains(r#"[{"n":"request.id","o":["blob"]}]"#)
    );
}

#[test]
fn bad_metas_are_refused_by_name() {
    let check = |json: &str, expect: &str| {
        let error = BlockMeta::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check("", "EOF while parsing");
    check("{}", "missing field `format`");
    check(r#"{"format":"vParquet4","blockID":"no"}"#, "invalid character");
    check(&format!(r#"{{"format":"vParquet4",{ID},"tenantID":"t","startTime":"yesterday"}}"#), "'yesterday'");
    check(&format!(r#"{{"format":"vParquet4",{ID},"tenantID":"t","size":-1}}"#), "invalid value");
    check(
        &format!(
            r#"{{"format":"vParquet4",{ID},"tenantID":"t","dedicatedColumns":[{{"n":"a","s":"link"}}]}}"#
        ),
        "unknown variant `link`",
    );
    let long = vec![b' '; (1 << 20) + 1];
    assert!(matches!(BlockMeta::parse(&long), Err(MetaError::TooLong { .. })));
}

#[test]
fn times_are_gos() {
    let check = |text: &str, expect: Option<&str>| {
        let time = text.parse::<Time>().ok();
        assert_eq!(time.map(|t| t.to_string()).as_deref(), expect, "{text}");
    };
    let same = |text| check(text, Some(text));
    same("2026-11-24T13:58:21Z");
    same("2024-02-29T23:59:59.000000001Z");
    same("1969-12-31T23:59:59.5Z");
    same("0001-01-01T00:00:00Z");
    check("2026-11-24T13:58:21.120Z", Some("2026-11-24T13:58:21.12Z"));
    check("2026-11-24T13:58:21.1234567899Z", Some("2026-11-24T13:58:21.123456789Z"));
    check("2026-11-24T00:30:00+01:00", Some("2026-11-23T23:30:00Z"));
    for bad in [
        "2025-02-29T00:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T13:58:21",
        "2026-11-24T13:58:21.Z",
        "2026-11-24 13:58:21Z",
        "2026-11-24T13:58:21+1:00",
        "",
        "é026-11-24T13:58:21Z",
        "+026-11-24T13:58:21Z",
    ] {
        check(bad, None);
    }
}

proptest! {
    #[test]
    fn any_instant_survives(ns: u64) {
        let time = Time::from_ns(ns);
        prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
        prop_assert_eq!(time.ns(), ns);
    }
}
