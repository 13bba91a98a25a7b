//! The shape of answers, in JSON and protobuf.

use crate::fake::Server;
use cadenza_api::{Config, tempopb};
use cadenza_model::{Columns, SpanId, TraceId};
use cadenza_query::{
    FoundTrace, Inspected, ResultSpan, ResultSpanSet, ResultValue, SearchAnswer, ServiceStats,
    TagNamesAnswer, TagScope, TagValueType, TagValuesAnswer, TraceAnswer,
};
use expect_test::expect;
use prost::Message;
use std::collections::BTreeMap;

fn found() -> SearchAnswer {
    let values = [
        ("s", ResultValue::Str("<x>".into())),
        ("i", ResultValue::Int(500)),
        ("d", ResultValue::Double(0.5)),
        ("whole", ResultValue::Double(2.0)),
        ("nan", ResultValue::Double(f64::NAN)),
        ("b", ResultValue::Bool(false)),
        ("a", ResultValue::Array(vec![ResultValue::Int(1), ResultValue::Int(2)])),
    ];
    let span = ResultSpan {
        id: SpanId(0x2a),
        name: String::new(),
        start_ns: 7,
        duration_ns: 0,
        attributes: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    let set = ResultSpanSet {
        spans: vec![span],
        matched: 3,
        attributes: vec![("count()".into(), ResultValue::Int(3))],
    };
    let trace = |id, pad_id, root: Option<&str>| FoundTrace {
        id: TraceId(u128::to_be_bytes(id)),
        pad_id,
        root_service: root.map(str::to_owned),
        root_name: root.map_or(String::new(), |_| "op".to_owned()),
        start_ns: 1_700_000_000_000_000_000,
        duration_ns: 1_999_999,
        spansets: vec![set.clone()],
        services: BTreeMap::from([("svc".to_owned(), ServiceStats { spans: 5, errors: 0 })]),
    };
    let inspected = Inspected { traces: 1, bytes: 2, blocks: 3, jobs: 4, ..Inspected::default() };
    SearchAnswer {
        traces: vec![trace(0xabc, false, Some("svc")), trace(1, true, None)],
        inspected,
        ..SearchAnswer::default()
    }
}

#[tokio::test]
async fn search_json_follows_jsonpb() {
    let server = Server::new(Config::default());
    let empty = server.get("/api/search").await;
    assert_eq!(empty.text(), r#"{"traces":[],"metrics":{}}"#);
    server.fake.answers.lock().unwrap().search = Some(Ok(found()));
    let answer = server.call("GET", "/api/search", &[("accept", "application/vnd.grafana.llm")]).await;
    assert_eq!(answer.header("content-type"), "application/json");
    expect![[r#"{"traces":[{"traceID":"abc","rootServiceName":"svc","rootTraceName":"op","startTimeUnixNano":"1700000000000000000","durationMs":1,"spanSet":{"spans":[{"spanID":"000000000000002a","startTimeUnixNano":"7","attributes":[{"key":"s","value":{"stringValue":"\u003cx\u003e"}},{"key":"i","value":{"intValue":"500"}},{"key":"d","value":{"doubleValue":0.5}},{"key":"whole","value":{"doubleValue":2}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":false}},{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}],"matched":3,"attributes":[{"key":"count()","value":{"intValue":"3"}}]},"spanSets":[{"spans":[{"spanID":"000000000000002a","startTimeUnixNano":"7","attributes":[{"key":"s","value":{"stringValue":"\u003cx\u003e"}},{"key":"i","value":{"intValue":"500"}},{"key":"d","value":{"doubleValue":0.5}},{"key":"whole","value":{"doubleValue":2}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":false}},{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}],"matched":3,"attributes":[{"key":"count()","value":{"intValue":"3"}}]}],"serviceStats":{"svc":{"spanCount":5}}},{"traceID":"00000000000000000000000000000001","rootServiceName":"\u003croot span not yet received\u003e","startTimeUnixNano":"1700000000000000000","durationMs":1,"spanSet":{"spans":[{"spanID":"000000000000002a","startTimeUnixNano":"7","attributes":[{"key":"s","value":{"stringValue":"\u003cx\u003e"}},{"key":"i","value":{"intValue":"500"}},{"key":"d","value":{"doubleValue":0.5}},{"key":"whole","value":{"doubleValue":2}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":false}},{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}],"matched":3,"attributes":[{"key":"count()","value":{"intValue":"3"}}]},"spanSets":[{"spans":[{"spanID":"000000000000002a","startTimeUnixNano":"7","attributes":[{"key":"s","value":{"stringValue":"\u003cx\u003e"}},{"key":"i","value":{"intValue":"500"}},{"key":"d","value":{"doubleValue":0.5}},{"key":"whole","value":{"doubleValue":2}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":false}},{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}],"matched":3,"attributes":[{"key":"count()","value":{"intValue":"3"}}]}],"serviceStats":{"svc":{"spanCount":5}}}],"metrics":{"inspectedTraces":1,"inspectedBytes":"2","totalBlocks":3,"totalJobs":4}}"#]].assert_eq(answer.text());
}

#[tokio::test]
async fn search_protobuf_holds_the_same() {
    let server = Server::new(Config::default());
    server.fake.answers.lock().unwrap().search = Some(Ok(found()));
    let answer = server.call("GET", "/api/search", &[("accept", "application/protobuf")]).await;
    assert_eq!(answer.header("content-type"), "application/protobuf");
    let decoded = tempopb::SearchResponse::decode(answer.bytes.as_slice()).expect("our own message");
    assert_eq!(decoded.traces.len(), 2);
    assert_eq!(decoded.traces[0].span_sets.len(), 1);
    // As text, since NaN is not equal to itself.
    let (set, first) = (&decoded.traces[0].span_set, decoded.traces[0].span_sets.first());
    assert_eq!(format!("{:?}", set.as_ref()), format!("{first:?}"));
    assert_eq!(decoded.traces[1].trace_id, "00000000000000000000000000000001");
    assert_eq!(decoded.traces[1].root_service_name, "<root span not yet received>");
}

fn names() -> TagNamesAnswer {
    let scopes = vec![
        (TagScope::Span, vec!["a".to_owned(), "b".to_owned()]),
        (TagScope::Resource, vec!["a".to_owned(), "service.name".to_owned()]),
    ];
    TagNamesAnswer { scopes, ..TagNamesAnswer::default() }
}

fn values() -> TagValuesAnswer {
    let values = vec![
        (TagValueType::String, String::new()),
        (TagValueType::String, "1".to_owned()),
        (TagValueType::Int, "1".to_owned()),
    ];
    TagValuesAnswer { values, ..TagValuesAnswer::default() }
}

#[tokio::test]
async fn tag_answers() {
    let server = Server::new(Config::default());
    let check = async |path: &str, accept: &str, expect: expect_test::Expect| {
        {
            let mut answers = server.fake.answers.lock().unwrap();
            answers.names = Some(Ok(names()));
            answers.values = Some(Ok(values()));
        }
        let answer = server.call("GET", path, &[("accept", accept)]).await;
        expect.assert_eq(&format!("{} {}", answer.header("content-type"), answer.text()));
    };
    check(
        "/api/search/tags",
        "",
        expect![[r#"application/json {"tagNames":["a","b","service.name"],"metrics":{}}"#]],
    )
    .await;
    check("/api/v2/search/tags", "", expect![[r#"application/json {"scopes":[{"name":"span","tags":["a","b"]},{"name":"resource","tags":["a","service.name"]}],"metrics":{}}"#]]).await;
    check(
        "/api/search/tag/x/values",
        "",
        expect![[r#"application/json {"tagValues":["","1"],"metrics":{}}"#]],
    )
    .await;
    check("/api/v2/search/tag/.x/values", "", expect![[r#"application/json {"tagValues":[{"type":"string"},{"type":"string","value":"1"},{"type":"int","value":"1"}],"metrics":{}}"#]]).await;
    check(
        "/api/v2/search/tag/.x/values",
        "application/vnd.grafana.llm",
        expect![[
            r#"application/vnd.grafana.llm+json {"tagValues":{"int":["1"],"string":["","1"]},"metrics":{}}"#
        ]],
    )
    .await;
}

/// A trace with one span, as the service answers it.
pub(crate) fn one_span() -> TraceAnswer {
    let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
        "scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"0000000000000000000000000000002a",
        "spanId":"000000000000000b","name":"op","kind":2,"startTimeUnixNano":"5","endTimeUnixNano":"1000005",
        "attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}]}]}]}"#;
    let mut columns = Columns::new();
    cadenza_model::otlp::decode_json(json.as_bytes(), &mut columns).expect("good OTLP");
    let inspected = Inspected { bytes: 9, ..Inspected::default() };
    TraceAnswer { columns, rows: vec![0], inspected, ..TraceAnswer::default() }
}

#[tokio::test]
async fn a_trace_in_each_form() {
    let server = Server::new(Config::default());
    let check = async |path: &str,
                       accept: &str,
                       change: fn(&mut TraceAnswer),
                       expect: expect_test::Expect| {
        let mut answer = one_span();
        change(&mut answer);
        server.fake.answers.lock().unwrap().trace = Some(Ok(answer));
        let answer = server.call("GET", path, &[("accept", accept)]).await;
        let body = String::from_utf8_lossy(&answer.bytes);
        expect.assert_eq(&format!("{} {} {}", answer.status.as_u16(), answer.header("content-type"), body));
    };
    check("/api/traces/2a", "", |_| (), expect![[r#"200 application/json {"batches":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAKg==","spanId":"AAAAAAAAAAs=","name":"op","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"5","endTimeUnixNano":"1000005","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}],"status":{}}]}]}]}"#]]).await;
    check("/api/v2/traces/2a", "", |_| (), expect![[r#"200 application/json {"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAKg==","spanId":"AAAAAAAAAAs=","name":"op","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"5","endTimeUnixNano":"1000005","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}],"status":{}}]}]}]},"metrics":{"inspectedBytes":"9"}}"#]]).await;
    check("/api/v2/traces/2a", "", |answer| answer.truncated_at_bytes = Some(7), expect![[r#"200 application/json {"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAKg==","spanId":"AAAAAAAAAAs=","name":"op","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"5","endTimeUnixNano":"1000005","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}],"status":{}}]}]}]},"metrics":{"inspectedBytes":"9"},"status":"PARTIAL","message":"Trace exceeds maximum size of 7 bytes, a partial trace is returned"}"#]]).await;
    check("/api/v2/traces/2a", "", |answer| answer.missing.note("block x: bad".into()), expect![[r#"200 application/json {"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAKg==","spanId":"AAAAAAAAAAs=","name":"op","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"5","endTimeUnixNano":"1000005","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}],"status":{}}]}]}]},"metrics":{"inspectedBytes":"9"},"status":"PARTIAL","message":"block x: bad"}"#]]).await;
    check("/api/v2/traces/2a", "application/vnd.grafana.llm", |_| (), expect![[r#"200 application/vnd.grafana.llm+json {"metrics":{"inspectedBytes":9},"trace":{"services":[{"resource":{"service.name":"s"},"scopes":[{"name":"lib","spans":[{"attributes":{"a":[1]},"durationMs":1.0,"endTimeUnixNano":"1000005","events":[],"kind":"SPAN_KIND_SERVER","links":[],"name":"op","parentSpanId":"","spanId":"000000000000000b","startTimeUnixNano":"5","status":{"code":"STATUS_CODE_UNSET","message":""}}],"version":""}],"serviceName":"s"}],"traceId":"0000000000000000000000000000002a"}}"#]]).await;
    check(
        "/api/traces/2a",
        "application/vnd.grafana.llm",
        |answer| answer.rows.clear(),
        expect!["404 text/plain; charset=utf-8 "],
    )
    .await;
}

#[tokio::test]
async fn a_trace_in_protobuf_is_an_otlp_request_within_the_answer() {
    let server = Server::new(Config::default());
    let get = async |path| {
        server.fake.answers.lock().unwrap().trace = Some(Ok(one_span()));
        server.call("GET", path, &[("accept", "application/protobuf")]).await.bytes
    };
    let v1 = tempopb::Trace::decode(get("/api/traces/2a").await.as_slice()).expect("a trace");
    let v2 =
        tempopb::TraceByIdResponse::decode(get("/api/v2/traces/2a").await.as_slice()).expect("an answer");
    assert_eq!(v2.trace.as_ref(), Some(&v1));
    assert_eq!(v1.resource_spans[0].scope_spans[0].spans[0].name, "op");
    assert_eq!(v2.metrics.map(|m| m.inspected_bytes), Some(9));
}
