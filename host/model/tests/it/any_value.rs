//! Encoded values: reading, building, JSON.

use cadenza_model::ValueRef;
use cadenza_model::otlp::any_value::{
    array, array_elements, bytes, bytes_of, from_json, map_entries, to_json, value,
};

#[test]
fn arrays_are_built_and_read_back() {
    let inner = array([ValueRef::Int(-1)]);
    let elements = [
        ValueRef::Str("a"),
        ValueRef::Int(i64::MIN),
        ValueRef::Double(0.5),
        ValueRef::Bool(false),
        ValueRef::Empty,
        ValueRef::Array(&inner),
    ];
    let encoded = array(elements);
    assert_eq!(array_elements(&encoded).collect::<Vec<_>>(), elements);
    assert_eq!(value(&encoded), ValueRef::Array(&encoded));
    assert_eq!(array_elements(&array([])).count(), 0);
}

#[test]
fn anything_else_has_no_elements() {
    assert_eq!(array_elements(&bytes(b"x")).count(), 0);
    assert_eq!(map_entries(&array([ValueRef::Bool(true)])).count(), 0);
    assert_eq!(bytes_of(b"\x0a\x01x"), b"");
    assert_eq!(value(b"\x2a\x7f"), ValueRef::Array(b"\x2a\x7f"));
    assert_eq!(array_elements(b"\x2a\x7f").count(), 0);
}

#[test]
fn json_is_written_and_read_back() {
    let check = |json: &str| {
        let encoded = from_json(json).expect("valid JSON");
        assert_eq!(to_json(value(&encoded)), json);
    };
    check(r#"{"bytesValue":"3q2+7w=="}"#);
    check(r#"{"arrayValue":{}}"#);
    check(r#"{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"},{},{"boolValue":false}]}}"#);
    check(r#"{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":1e+21}},{"key":"none"}]}}"#);
    check(r#"{"doubleValue":"NaN"}"#);
    check("{}");
}

#[test]
fn maps_and_byte_strings_are_read() {
    let map = from_json(r#"{"kvlistValue":{"values":[{"key":"k","value":{"intValue":1}},{"key":"n"}]}}"#);
    let map = map.expect("valid JSON");
    assert_eq!(map_entries(&map).collect::<Vec<_>>(), [("k", ValueRef::Int(1)), ("n", ValueRef::Absent)]);
    assert_eq!(bytes_of(&bytes(b"\x00\xff")), b"\x00\xff");
}

#[test]
fn json_that_is_no_value_is_refused() {
    for json in ["", "[]", r#"{"intValue":"x"}"#, r#"{"bytesValue":"?"}"#, "{} {}"] {
        assert!(from_json(json).is_err(), "{json}");
    }
    assert!(from_json(&"[".repeat(100_000)).is_err());
}
