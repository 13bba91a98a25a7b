//! OTLP/JSON in, Tempo's trace JSON out.

use crate::messages::{any, pair, request, span, text};
use cadenza_model::{Columns, DecodeError, ValueRef, fuzzing, otlp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

const IDS: &str = r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""#;

fn decode(json: &str) -> Result<Columns, DecodeError> {
    let mut columns = Columns::new();
    otlp::decode_json(json.as_bytes(), &mut columns).map(|_| columns)
}

fn with_span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn with_value(value: &str) -> String {
    with_span(&format!(r#"{IDS},"attributes":[{{"key":"k","value":{value}}}]"#))
}

#[test]
fn bodies_without_spans() {
    for body in
        ["{}", "null", " {} ", r#"{"resourceSpans":null}"#, r#"{"resourceSpans":[]}"#, r#"{"x":[1,{"y":2}]}"#]
    {
        assert_eq!(decode(body).expect(body).spans.len(), 0);
    }
    for body in ["", "[]", "{", "{} x", "1", "\"x\"", "\u{a}\u{10}"] {
        assert!(matches!(decode(body), Err(DecodeError::Json(_))), "{body}");
    }
}

#[test]
fn both_namings_hex_of_either_case_and_both_spellings_of_numbers() {
    let camel = with_span(
        r#""traceId":"0A02030405060708090a0b0c0d0e0f10","spanId":"0a02030405060708","parentSpanId":"","kind":3,"startTimeUnixNano":"5","endTimeUnixNano":18446744073709551615,"status":{"code":2},"droppedAttributesCount":"1","more":{}"#,
    );
    let snake = with_span(
        r#""trace_id":"0a02030405060708090A0B0c0d0e0f10","span_id":"0A02030405060708","parent_span_id":null,"kind":"SPAN_KIND_CLIENT","start_time_unix_nano":5,"end_time_unix_nano":"18446744073709551615","status":{"code":"STATUS_CODE_ERROR"},"dropped_attributes_count":1"#,
    )
    .replace("resourceSpans", "resource_spans")
    .replace("scopeSpans", "scope_spans");
    let [camel, snake] =
        [camel, snake].map(|json| otlp::to_resource_spans(&decode(&json).expect("valid"), &[0]));
    assert_eq!(camel, snake);
    let span = &camel[0].scope_spans[0].spans[0];
    assert_eq!((span.kind, span.start_time_unix_nano, span.end_time_unix_nano), (3, 5, u64::MAX));
}

#[test]
fn unknown_enum_numbers_pass_and_unknown_names_do_not() {
    let kind = |kind: &str| decode(&with_span(&format!(r#"{IDS},"kind":{kind}"#)));
    assert_eq!(kind("77").expect("a number").spans.kind, [77]);
    assert_eq!(kind("-1").expect("a number").spans.kind, [-1]);
    for bad in [r#""SPAN_KIND_BOGUS""#, r#""SERVER""#, "1.5", "3000000000", "true", "{}"] {
        assert!(matches!(kind(bad), Err(DecodeError::Json(_))), "{bad}");
    }
}

#[test]
fn ids_in_base64_or_of_wrong_length_are_refused() {
    let ids = |trace: &str, own: &str| {
        decode(&with_span(&format!(r#""traceId":"{trace}","spanId":"{own}""#))).err()
    };
    assert!(matches!(ids("AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwg="), Some(DecodeError::Json(_))));
    assert!(matches!(ids("123", "0102030405060708"), Some(DecodeError::Json(_))));
    assert!(matches!(ids("0102", "0102030405060708"), Some(DecodeError::Id { .. })));
    assert!(matches!(ids(&"0".repeat(32), "0102030405060708"), Some(DecodeError::Id { spans: 1, .. })));
}

#[test]
fn numbers_out_of_range_are_refused() {
    for field in [
        r#""startTimeUnixNano":-1"#,
        r#""startTimeUnixNano":"-1""#,
        r#""startTimeUnixNano":18446744073709551616"#,
        r#""startTimeUnixNano":1.5"#,
        r#""droppedAttributesCount":4294967296"#,
        r#""flags":-1"#,
        r#""name":5"#,
    ] {
        assert!(
            matches!(decode(&with_span(&format!("{IDS},{field}"))), Err(DecodeError::Json(_))),
            "{field}"
        );
    }
}

#[test]
fn values_of_every_type() {
    let check = |json: &str, expect: ValueRef<'_>| {
        let columns = decode(&with_value(json)).expect(json);
        assert_eq!(columns.value(&columns.span_attrs, 0), expect, "{json}");
    };
    check(r#"{"stringValue":""}"#, ValueRef::Str(""));
    check(r#"{"string_value":"x"}"#, ValueRef::Str("x"));
    check(r#"{"intValue":"-9223372036854775808"}"#, ValueRef::Int(i64::MIN));
    check(r#"{"intValue":7}"#, ValueRef::Int(7));
    check(r#"{"doubleValue":2}"#, ValueRef::Double(2.0));
    check(r#"{"doubleValue":"-Infinity"}"#, ValueRef::Double(f64::NEG_INFINITY));
    check(r#"{"boolValue":false}"#, ValueRef::Bool(false));
    check(r#"{"bytesValue":"/w=="}"#, ValueRef::Bytes(b"\x3a\x01\xff"));
    check(r#"{"arrayValue":null}"#, ValueRef::Empty);
    check("{}", ValueRef::Empty);
    check("null", ValueRef::Absent);
    for bad in [r#"{"boolValue":"true"}"#, r#"{"bytesValue":"_w"}"#, r#"{"intValue":1.5}"#, "3", "[]"] {
        assert!(matches!(decode(&with_value(bad)), Err(DecodeError::Json(_))), "{bad}");
    }
}

#[test]
fn nesting_is_bounded_and_errors_never_quote_values() {
    assert_eq!(decode(&"[".repeat(1 << 20)).err(), Some(DecodeError::Depth));
    let unknown = format!(r#"{{"x":{}{}}}"#, "[".repeat(161), "]".repeat(161));
    assert_eq!(decode(&unknown).err(), Some(DecodeError::Depth));
    let error = decode(&with_span(r#""kind":"secret""#)).expect_err("a refusal").to_string();
    assert_eq!(error, "invalid OTLP JSON: value of the wrong type or form at line 1 column 59");
}

#[test]
fn a_trace_is_written_as_tempo_writes_it() {
    let attributes = vec![
        pair("<&>\"\u{2028}\n\u{1}", Some(text("é"))),
        pair("i", Some(any(Value::IntValue(0)))),
        pair("d", Some(any(Value::DoubleValue(1e-7)))),
        pair("inf", Some(any(Value::DoubleValue(f64::INFINITY)))),
        pair("none", None),
    ];
    let full = Span {
        kind: 2,
        start_time_unix_nano: 1,
        parent_span_id: vec![0xff; 8],
        status: Some(Status { code: 2, message: "m".into() }),
        ..span(1, attributes)
    };
    let list = request("s", vec![full, Span { kind: 99, ..span(2, vec![]) }]).resource_spans;
    let json = String::from_utf8(otlp::json::trace("batches", &list)).expect("text");
    expect_test::expect![[r#"{"batches":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{},"spans":[{"traceId":"AQEBAQEBAQEBAQEBAQEBAQ==","spanId":"AQEBAQEBAQE=","parentSpanId":"//////////8=","name":"span 1","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1","attributes":[{"key":"\u003c\u0026\u003e\"\u2028\n\u0001","value":{"stringValue":"é"}},{"key":"i","value":{"intValue":"0"}},{"key":"d","value":{"doubleValue":1e-7}},{"key":"inf","value":{"doubleValue":"Infinity"}},{"key":"none"}],"status":{"message":"m","code":"STATUS_CODE_ERROR"}},{"traceId":"AgICAgICAgICAgICAgICAg==","spanId":"AgICAgICAgI=","name":"span 2","kind":99,"status":{}}]}]}]}"#]]
    .assert_eq(&json);
    assert_eq!(otlp::json::trace("resourceSpans", &[]), b"{}");
}

#[test]
fn doubles_read_as_go_writes_them() {
    let check = |number: f64, expect: &str| {
        let mut out = Vec::new();
        otlp::json::put_double(&mut out, number);
        assert_eq!(String::from_utf8(out).expect("text"), expect);
    };
    check(0.0, "0");
    check(-0.0, "-0");
    check(2.0, "2");
    check(0.1, "0.1");
    check(1e20, "100000000000000000000");
    check(1e21, "1e+21");
    check(-1.5e300, "-1.5e+300");
    check(1e-6, "0.000001");
    check(9.5e-7, "9.5e-7");
    check(5e-324, "5e-324");
}

/// Span objects by id, their attributes sorted: blocks reorder attributes.
fn spans_by_id(trace: &serde_json::Value, list: &str) -> Vec<(String, String)> {
    let mut spans = Vec::new();
    let each = |value: &serde_json::Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    for resource_spans in each(trace, list) {
        for scope_spans in each(&resource_spans, "scopeSpans") {
            for mut span in each(&scope_spans, "spans") {
                if let Some(attributes) = span["attributes"].as_array_mut() {
                    attributes.sort_by_key(ToString::to_string);
                }
                let fields = span.as_object_mut().expect("an object");
                fields.remove("flags");
                // The answers passed through a reader that takes Go's `-0` for an integer.
                spans.push((span["spanId"].to_string(), span.to_string().replace(":-0.0}", ":0}")));
            }
        }
    }
    spans.sort();
    spans
}

#[test]
fn traces_read_as_a_real_tempo_answered_them() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");
    let mut columns = Columns::new();
    for request in crate::lossless::fixture_requests() {
        otlp::decode(&request, &mut columns).expect("a valid request");
    }
    // Tempo cuts attributes at its default limit before it stores them.
    columns.cut_attributes(2048).expect("room in the dictionaries");
    let answers =
        std::fs::read_to_string(format!("{fixtures}/vParquet4/answers.jsonl")).expect("the answers");
    let mut compared = 0;
    for line in answers.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let path = answer["path"].as_str().expect("a path");
        let Some(id) = path.strip_prefix("/api/traces/") else { continue };
        let id = cadenza_model::TraceId::parse(id).expect("an id");
        let rows: Vec<u32> = (0..columns.spans.len() as u32)
            .filter(|&row| columns.spans.trace_id[row as usize] == id)
            .collect();
        let json = otlp::json::trace("batches", &otlp::to_resource_spans(&columns, &rows));
        let ours = spans_by_id(&serde_json::from_slice(&json).expect("JSON"), "batches");
        let theirs = spans_by_id(&answer["body"], "batches");
        // Answering rewrites a server's span id that its client has too, and sorts: not the writer's task.
        if ours.iter().map(|span| &span.0).eq(theirs.iter().map(|span| &span.0)) {
            assert_eq!(ours, theirs, "{path}");
            compared += ours.len();
        }
    }
    assert!(compared > 300, "{compared} spans compared");
}

#[test]
fn json_and_protobuf_of_one_request_decode_alike() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/otlp_json/camel.json");
    let json = std::fs::read_to_string(path).expect("the corpus");
    let messages = otlp::to_resource_spans(&decode(&json).expect("valid"), &[0]);
    let request = opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest {
        resource_spans: messages.clone(),
    };
    let mut columns = Columns::new();
    let decoded = otlp::decode(&prost::Message::encode_to_vec(&request), &mut columns).expect("valid");
    assert_eq!(decoded.rows, 0..1);
    fuzzing::assert_same(otlp::to_resource_spans(&columns, &[0]), messages.clone());
    let [ResourceSpans { scope_spans, .. }] = &messages[..] else { panic!("one resource") };
    let [ScopeSpans { spans, .. }] = &scope_spans[..] else { panic!("one scope") };
    assert_eq!((spans[0].attributes.len(), spans[0].flags, spans[0].links.len()), (4, 257, 1));
}
