//! Batches: cutting attributes, dropping what is unused, merging equal owners.

use crate::messages::{any, encoded, pair, span, text};
use cadenza_model::{AttrType, AttributesCut, Columns, Remap, ValueRef, otlp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValue};

fn decoded(service: &str, attributes: Vec<KeyValue>) -> Columns {
    let mut columns = Columns::new();
    otlp::decode(&encoded(service, vec![span(1, attributes)]), &mut columns).expect("a valid request");
    columns
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn long_keys_and_values_are_cut_between_characters() {
    let list = any(Value::ArrayValue(ArrayValue { values: vec![text("long inside")] }));
    let attributes = vec![
        pair("ab€", Some(text("€€"))),
        pair("k", Some(text("short"))),
        pair("list", Some(list)),
        pair("n", Some(any(Value::IntValue(1 << 40)))),
    ];
    let mut columns = decoded("service", attributes);
    let cut = columns.cut_attributes(4).expect("room");
    // Resource: the key `service.name` and its value.
    assert_eq!(cut, AttributesCut { resource: 2, span: 3, ..Default::default() });
    columns.check().expect("consistent columns");
    let keys: Vec<&str> = (0..4).map(|i| columns.key(&columns.span_attrs, i)).collect();
    assert_eq!(keys, ["ab", "k", "list", "n"]);
    assert_eq!(columns.value(&columns.span_attrs, 0), ValueRef::Str("€"));
    assert_eq!(columns.value(&columns.span_attrs, 1), ValueRef::Str("shor"));
    assert_eq!(columns.span_attrs.ty[2], AttrType::Array);
    assert!(holds(columns.raw.arena(), "long inside"));
    assert_eq!(columns.names.str(columns.spans.name[0]), "span 1");
    assert_eq!(columns.cut_attributes(4).expect("room").total(), 0);
}

#[test]
fn a_limit_of_zero_cuts_nothing() {
    let mut columns = decoded("service", vec![pair("k", Some(text("v")))]);
    assert_eq!(columns.cut_attributes(0).expect("room"), AttributesCut::default());
}

#[test]
fn what_no_span_uses_leaves_the_batch_with_compact() {
    let mut columns = decoded("gone", vec![pair("password", Some(text("hunter2")))]);
    let request = encoded("kept", vec![span(2, vec![pair("k", Some(text("v")))])]);
    otlp::decode(&request, &mut columns).expect("a valid request");
    columns.retain_rows(|row| row == 1);
    assert!(holds(columns.values.arena(), "hunter2"));
    columns.compact();
    columns.check().expect("consistent columns");
    for dict in [&columns.names, &columns.values] {
        assert!(
            !holds(dict.arena(), "hunter2")
                && !holds(dict.arena(), "password")
                && !holds(dict.arena(), "gone")
        );
    }
    assert_eq!((columns.resources.schema_url.len(), columns.scopes.name.len()), (1, 1));
    assert_eq!(columns.service_name(0), Some("kept"));
}

#[test]
fn gathering_carries_only_the_entries_of_its_rows_and_merges_equal_owners() {
    let mut source = decoded("shop", vec![pair("password", Some(text("hunter2")))]);
    otlp::decode(&encoded("shop", vec![span(2, vec![])]), &mut source).expect("a valid request");
    let (mut all, mut remap) = (Columns::new(), Remap::new());
    for _ in 0..50 {
        all.append_rows_with(&mut remap, &source, &[1]).expect("room");
    }
    all.append_rows_with(&mut remap, &decoded("other", vec![]), &[0]).expect("room");
    all.check().expect("consistent columns");
    assert_eq!(all.spans.len(), 51);
    assert_eq!((all.resources.schema_url.len(), all.scopes.name.len()), (2, 2));
    assert_eq!((all.service_name(49), all.service_name(50)), (Some("shop"), Some("other")));
    assert!(!holds(all.values.arena(), "hunter2"));
}

#[test]
fn the_last_service_name_that_is_a_string_names_the_service() {
    let check = |values: Vec<KeyValue>, expect: Option<&str>| {
        let mut request = crate::messages::request("x", vec![span(1, vec![])]);
        request.resource_spans[0].resource.as_mut().expect("a resource").attributes = values;
        let mut columns = Columns::new();
        otlp::decode(&prost::Message::encode_to_vec(&request), &mut columns).expect("a valid request");
        assert_eq!(columns.service_name(0), expect);
    };
    let name = |value| pair("service.name", Some(value));
    check(vec![name(text("a")), name(text("b"))], Some("b"));
    check(vec![name(text("a")), name(any(Value::IntValue(1)))], Some("a"));
    check(vec![name(any(Value::IntValue(1))), name(text("a"))], Some("a"));
    check(vec![name(any(Value::IntValue(1)))], None);
    check(vec![pair("service.name", None)], None);
    check(vec![], None);
}

#[test]
fn columns_that_contradict_themselves_are_found() {
    type Damage = fn(&mut Columns);
    let damages: [Damage; 9] = [
        |c| c.spans.kind.clear(),
        |c| c.spans.name[0] = 1000,
        |c| c.spans.scope[0] = 7,
        |c| c.spans.event_ends[0] = 3,
        |c| c.span_attrs.val[0] = 999,
        |c| c.span_attrs.ends[0] = 2,
        |c| c.scopes.resource[0] = 5,
        |c| c.spans.odd_parents.push((9, 0)),
        |c| {
            c.values.push(b"\xff");
        },
    ];
    for (i, damage) in damages.into_iter().enumerate() {
        let mut columns = decoded("s", vec![pair("k", Some(text("v")))]);
        columns.check().expect("consistent columns");
        damage(&mut columns);
        assert!(columns.check().is_err(), "damage {i}");
    }
}

#[test]
fn a_reused_batch_is_like_a_new_one() {
    let mut columns = decoded("first", vec![pair("k", Some(text("v")))]);
    columns.reset();
    assert_eq!((columns.spans.len(), columns.names.len(), columns.values.len()), (0, 1, 1));
    otlp::decode(&encoded("second", vec![span(2, vec![])]), &mut columns).expect("a valid request");
    columns.check().expect("consistent columns");
    assert_eq!(columns.service_name(0), Some("second"));
    assert!(columns.memory_bytes() > 0);
}
