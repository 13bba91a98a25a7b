//! What decoding refuses, and that it then leaves nothing behind.

use crate::messages::{any, encoded, pair, request, span, text};
use cadenza_model::{Columns, DecodeError, IdError, SpanId, ValueRef, otlp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use prost::Message as _;

/// Decodes into a batch that holds a span already; an error must leave that span alone.
fn error_of(bytes: &[u8]) -> DecodeError {
    let mut columns = Columns::new();
    otlp::decode(&encoded("before", vec![span(1, vec![])]), &mut columns).expect("a valid request");
    let sizes =
        |c: &Columns| (c.spans.len(), c.names.len(), c.values.len(), c.raw.len(), c.scopes.name.len());
    let before = sizes(&columns);
    let error = otlp::decode(bytes, &mut columns).expect_err("a refusal");
    assert_eq!(sizes(&columns), before);
    columns.check().expect("consistent columns");
    error
}

fn len_field(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut out).expect("room");
    out.extend_from_slice(content);
    out
}

/// A request whose only span has good ids and these fields.
fn around(fields: &[u8]) -> Vec<u8> {
    let span = [&len_field(1, &[1; 16])[..], &len_field(2, &[1; 8]), fields].concat();
    len_field(1, &len_field(2, &len_field(2, &span)))
}

#[test]
fn malformed_requests_are_refused_with_the_reason() {
    let check = |bytes: &[u8], expect: &str| assert_eq!(error_of(bytes).to_string(), expect);
    check(&[0x0a, 5, 0], "a field runs past the end of its message");
    check(&[0x0a, 0xff], "a varint is cut off or longer than 64 bits");
    check(
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        "a varint is cut off or longer than 64 bits",
    );
    check(&[0x00], "field key 0 is not valid");
    check(&[0x17], "field key 23 is not valid");
    check(&[0x08, 1], "field 1 of ExportTraceServiceRequest has wire type 0");
    check(&[0x14], "a group does not end where it should");
    check(&[0x13, 0x1c], "a group does not end where it should");
    check(&around(&[0x2a, 1, 0xff]), "a string is not valid utf-8");
    check(&around(&[0x0d, 0, 0, 0, 0]), "field 1 of Span has wire type 5");
    check(&around(&[0x85, 0x01, 0, 0]), "a field runs past the end of its message");
    check(&around(&len_field(15, &[0x1a, 0])), "field 3 of Status has wire type 2");
    check(&around(&len_field(9, &len_field(2, &[0x0a, 1, 0xff]))), "a string is not valid utf-8");
    check(&around(&len_field(9, &len_field(2, &[0x28, 1]))), "field 5 of AnyValue has wire type 0");
}

#[test]
fn a_malformed_part_of_a_message_is_not_completed_by_the_next() {
    // A resource cut off after its attribute's length, and its rest as a second one.
    let inside = [len_field(1, &[0x0a, 2]), len_field(1, &[0x0a, 0])].concat();
    assert_eq!(error_of(&len_field(1, &inside)), DecodeError::Truncated);
}

#[test]
fn groups_and_unknown_fields_are_passed_over() {
    let mut columns = Columns::new();
    let mut bytes = encoded("s", vec![span(1, vec![])]);
    // Field 30: a group with a varint, a fixed64 and a group in it.
    bytes.extend_from_slice(&[0xf3, 0x01, 0x08, 1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0x1b, 0x1c, 0xf4, 0x01]);
    let decoded = otlp::decode(&bytes, &mut columns).expect("a valid request");
    assert_eq!((decoded.spans(), decoded.wire_bytes), (1, bytes.len()));
}

#[test]
fn requests_without_spans_leave_nothing() {
    for bytes in [vec![], encoded("s", vec![]), vec![0x0a, 0]] {
        let mut columns = Columns::new();
        assert_eq!(otlp::decode(&bytes, &mut columns).expect("a valid request").spans(), 0);
        assert_eq!((columns.resources.schema_url.len(), columns.scopes.name.len()), (0, 0));
    }
    // But what they hold must be right.
    assert!(error_of(&len_field(1, &len_field(1, &[0x08, 1]))).to_string().contains("Resource"));
}

#[test]
fn one_bad_id_refuses_the_request_with_the_known_text() {
    let check = |trace: &[u8], own: &[u8], expect: &str, invalid_argument: bool| {
        let bad = Span { trace_id: trace.to_vec(), span_id: own.to_vec(), ..Default::default() };
        let error = error_of(&encoded("s", vec![span(2, vec![]), bad, span(3, vec![])]));
        assert_eq!((error.to_string().as_str(), error.is_invalid_argument()), (expect, invalid_argument));
        let DecodeError::Id { spans, .. } = error else { panic!("not about an id") };
        assert_eq!(spans, if invalid_argument { 3 } else { 0 });
    };
    check(&[], &[1; 8], "trace ids must be 128 bit, received 0 bits", true);
    check(&[0; 16], &[1; 8], "trace ids must be 128 bit, received 0 bits", true);
    check(&[1; 8], &[1; 8], "trace ids must be 128 bit, received 64 bits", false);
    check(&[1; 17], &[1; 8], "trace ids must be 128 bit, received 136 bits", false);
    check(&[1; 16], &[], "span ids must be 64 bit and not all zero, received 0 bits", true);
    check(&[1; 16], &[0; 8], "span ids must be 64 bit and not all zero, received 0 bits", true);
    check(&[1; 16], &[1; 7], "span ids must be 64 bit and not all zero, received 56 bits", false);
    assert_eq!(otlp::ids_ok(&[1; 16], &[0; 8]), Err(IdError::Span { bits: 0 }));
}

#[test]
fn garbage_after_an_empty_id_is_the_graver_error() {
    let mut bytes = encoded("s", vec![Span::default()]);
    bytes.extend_from_slice(&[0x0a, 9]);
    assert_eq!(error_of(&bytes), DecodeError::Truncated);
}

#[test]
fn parents_and_links_may_have_odd_ids() {
    let link = |trace: &[u8], own: &[u8]| Link {
        trace_id: trace.to_vec(),
        span_id: own.to_vec(),
        ..Default::default()
    };
    let child = Span {
        parent_span_id: vec![7; 3],
        links: vec![link(&[1; 16], &[2; 8]), link(&[1; 4], &[2; 8]), link(&[], &[])],
        ..span(1, vec![])
    };
    let message = request("s", vec![span(2, vec![]), child]);
    let mut columns = Columns::new();
    otlp::decode(&message.encode_to_vec(), &mut columns).expect("a valid request");
    columns.check().expect("consistent columns");
    assert_eq!(columns.spans.parent_id, [SpanId::NONE, SpanId::NONE]);
    assert_eq!((columns.spans.odd_parents.len(), columns.links.odd_ids.len()), (1, 1));
    assert_eq!(otlp::to_resource_spans(&columns, &[0, 1]), message.resource_spans);
}

#[test]
fn values_nest_to_a_limit() {
    let nested = |levels: usize| {
        (0..levels).fold(text("x"), |value, _| any(Value::ArrayValue(ArrayValue { values: vec![value] })))
    };
    let with = |value: AnyValue| encoded("s", vec![span(1, vec![pair("k", Some(value))])]);
    let mut columns = Columns::new();
    otlp::decode(&with(nested(47)), &mut columns).expect("47 arrays are allowed");
    assert_eq!(error_of(&with(nested(48))), DecodeError::Depth);
    // What is accepted survives its JSON.
    let ValueRef::Array(encoded) = columns.value(&columns.span_attrs, 0) else { panic!("not an array") };
    let json = otlp::any_value::to_json(ValueRef::Array(encoded));
    assert_eq!(otlp::any_value::from_json(&json).as_deref(), Ok(encoded));
}

#[test]
fn a_resource_sent_again_shares_its_row() {
    let mut columns = Columns::new();
    for (service, row) in [("a", 1), ("b", 2), ("a", 3)] {
        otlp::decode(&encoded(service, vec![span(row, vec![])]), &mut columns).expect("a valid request");
    }
    assert_eq!((columns.resources.schema_url.len(), columns.scopes.name.len()), (2, 2));
    assert_eq!(columns.spans.scope, [0, 1, 0]);
}

#[test]
fn the_size_of_each_span_is_kept() {
    let spans = vec![span(1, vec![]), span(2, vec![pair("k", Some(text("value")))])];
    let sizes: Vec<u32> = spans.iter().map(|span| span.encoded_len() as u32).collect();
    let mut columns = Columns::new();
    otlp::decode(&encoded("s", spans), &mut columns).expect("a valid request");
    assert_eq!(columns.spans.wire_bytes, sizes);
}

#[test]
fn absent_and_empty_values_differ() {
    let empty = Some(AnyValue { value: None });
    let mut columns = Columns::new();
    otlp::decode(&encoded("s", vec![span(1, vec![pair("a", None), pair("b", empty)])]), &mut columns)
        .expect("a valid request");
    let value = |i| columns.value(&columns.span_attrs, i);
    assert_eq!((value(0), value(1)), (ValueRef::Absent, ValueRef::Empty));
}
