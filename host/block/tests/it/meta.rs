//! meta.json keeps Tempo's bytes.

use crate::fixture;
use cadenza_block::meta::{
    BlockMeta, DedicatedColumn, DedicatedScope, DedicatedType, MetaError, Time, dedicated_default,
};
use cadenza_block::schema::{Column, Owner, Schema, ValueKind, Version};
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
            replaces: [],
            is_ours: false,
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

#[test]
fn a_version_keeps_what_it_has_spares_for() {
    let parse = |columns: &str| {
        let json = format!(r#"{{"format":"vParquet4",{ID},"tenantID":"t","dedicatedColumns":[{columns}]}}"#);
        BlockMeta::parse(json.as_bytes()).unwrap()
    };
    let all = parse(
        r#"{"n":"int","t":"int"},{"n":"blob","o":["blob"]},{"n":"array","o":["array"]},{"n":"plain"},
        {"s":"event","n":"event"},{"s":"resource","n":"service.name"},{"s":"resource","n":"k8s.pod.name"},
        {"n":"http.url"},{"n":"http.status_code"},{"n":"http.status_code2","t":"int"},{"n":"k8s.pod.name"},
        {"s":"resource","n":"http.url"}"#,
    );
    let names = |columns: &[DedicatedColumn]| {
        columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(Version::V5.dedicated(&all.dedicated_columns), all.dedicated_columns);
    let kept = Version::V4.dedicated(&all.dedicated_columns);
    assert_eq!(names(&kept), "plain http.status_code k8s.pod.name http.url");
    // A list that somebody else left longer gives its columns by the same count.
    let schema = all.schema().unwrap();
    let own = schema.own(Owner::Span).iter();
    let spares: Vec<_> = own.filter(|own| matches!(own.column, Column::Spare(..))).collect();
    let keys: Vec<_> = spares.iter().map(|own| &*own.key).collect();
    assert_eq!(keys, ["blob", "array", "plain", "http.url", "http.status_code", "k8s.pod.name"]);
    assert_eq!(spares[2].column, Column::Spare(Owner::Span, ValueKind::Str, 2));
}

#[test]
fn columns_beyond_the_spares_stay_in_the_list_and_hold_nothing() {
    let column = |scope, ty, i: usize| DedicatedColumn { scope, name: format!("{i}"), ty, options: vec![] };
    for (scope, owner) in [
        (DedicatedScope::Resource, Owner::Resource),
        (DedicatedScope::Span, Owner::Span),
        (DedicatedScope::Event, Owner::Event),
    ] {
        let mut list: Vec<_> = (0..25).map(|i| column(scope, DedicatedType::String, i)).collect();
        list.extend((25..35).map(|i| column(scope, DedicatedType::Int, i)));
        assert_eq!(Version::V5.dedicated(&list).len(), 35);
        let schema = Schema::new(Version::V5, &list);
        let own = schema.own(owner).iter().filter(|own| matches!(own.column, Column::Spare(..)));
        assert_eq!(own.count(), 20 + 5);
        assert_eq!(schema.own_of(owner, "19").count(), 1);
        assert_eq!(schema.own_of(owner, "20").count(), 0);
        assert_eq!(schema.leaves().len(), Schema::new(Version::V5, &[]).leaves().len() + 25);
    }
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
