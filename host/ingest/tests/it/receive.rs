//! What clients see over HTTP and gRPC, against answers a real Tempo gave.

use crate::support::*;
use axum::body::Body;
use cadenza_ingest::receive::{grpc_service, http_router};
use cadenza_ingest::{Config, TenantLimits};
use expect_test::{Expect, expect};
use http::{Request, Response};
use http_body_util::BodyExt;
use prost::Message;
use tower::ServiceExt;

async fn show(response: Response<Body>) -> String {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("in memory").to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("-").to_owned();
    let retry = parts.headers.get("retry-after").map(|v| format!(" retry-after {v:?}")).unwrap_or_default();
    format!(
        "{} {}{retry} {:?}",
        parts.status.as_u16(),
        header("content-type"),
        String::from_utf8_lossy(&body)
    )
}

async fn post(rig: &Rig, headers: &[(&str, &str)], body: Vec<u8>, expect: Expect) {
    ask(rig, "POST", "/v1/traces", headers, body, expect).await;
}

async fn ask(rig: &Rig, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>, expect: Expect) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).expect("a request");
    let response = http_router(rig.ingester.clone()).oneshot(request).await.expect("infallible");
    expect.assert_eq(&show(response).await);
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_success_has_an_empty_partial_success_in_the_requests_encoding() {
    let rig = Rig::new();
    let body = request(&spans(1..2, 2)).encode_to_vec();
    let protobuf = || expect![[r#"200 application/x-protobuf "\n\0""#]];
    let json = || expect![[r#"200 application/json "{\"partialSuccess\":{}}""#]];
    post(&rig, &[PROTOBUF], body.clone(), protobuf()).await;
    post(&rig, &[("content-type", "Application/X-Protobuf; charset=utf-8")], body, protobuf()).await;
    post(&rig, &[PROTOBUF], Vec::new(), protobuf()).await;
    for text in ["{}", "null"] {
        post(&rig, &[JSON], text.into(), json()).await;
    }
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000A","spanId":"00000000000000ff","name":"n","kind":"SPAN_KIND_SERVER"}]}]}]}"#;
    post(&rig, &[JSON], text.into(), json()).await;
    assert_eq!(rig.live_rows(), 3);
    assert_eq!(rig.metric("tempo_receiver_accepted_spans", &[("transport", "http")]), 5.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_misuse_is_answered_in_plain_text() {
    let rig = Rig::new();
    let not_found = || expect![[r#"404 text/plain; charset=utf-8 "404 page not found\n""#]];
    ask(&rig, "POST", "/v1/traces/", &[PROTOBUF], Vec::new(), not_found()).await;
    ask(&rig, "GET", "/other", &[], Vec::new(), not_found()).await;
    for method in ["GET", "OPTIONS", "PUT"] {
        let expect =
            expect![[r#"405 text/plain; charset=utf-8 "405 method not allowed, supported: [POST]""#]];
        ask(&rig, method, "/v1/traces", &[PROTOBUF], Vec::new(), expect).await;
    }
    for headers in [&[][..], &[("content-type", "application/protobuf")], &[("content-type", "text/plain")]] {
        let expect = expect![[
            r#"415 text/plain; charset=utf-8 "415 unsupported media type, supported: [application/json, application/x-protobuf]""#
        ]];
        post(&rig, headers, Vec::new(), expect).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_errors_are_a_status_in_the_requests_encoding() {
    let rig = Rig::new();
    let mut bad = span(1, 1);
    bad.trace_id = Vec::new();
    let body = request(&[span(1, 2), bad]).encode_to_vec();
    let expect = expect![[
        r#"400 application/x-protobuf "\u{8}\u{3}\u{12}*trace ids must be 128 bit, received 0 bits""#
    ]];
    post(&rig, &[PROTOBUF], body, expect).await;
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000a","spanId":""}]}]}]}"#;
    let expect = expect![[
        r#"400 application/json "{\"code\":3,\"message\":\"span ids must be 64 bit and not all zero, received 0 bits\"}""#
    ]];
    post(&rig, &[JSON], text.into(), expect).await;
    let expect = expect![[
        r#"400 application/json "{\"code\":3,\"message\":\"unsupported Content-Encoding: identity\"}""#
    ]];
    post(&rig, &[JSON, ("content-encoding", "identity")], b"{}".to_vec(), expect).await;
    let expect =
        expect![[r#"400 application/json "{\"code\":3,\"message\":\"http: request body too large\"}""#]];
    post(&rig, &[JSON], vec![b' '; 21 << 20], expect).await;
    assert_eq!(rig.live_rows(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_rate_limit_has_a_delay_in_header_and_details() {
    let rig = Rig::with(Config::default(), TenantLimits { live_traces_max: 1, ..TenantLimits::default() });
    rig.push(&spans(1..2, 1)).await.expect("the first trace");
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000a","spanId":"00000000000000ff"}]}]}]}"#;
    let expect = expect![[
        r#"429 application/json retry-after "5" "{\"code\":8,\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"5s\"}],\"message\":\"LIVE_TRACES_EXCEEDED: user single-tenant has 1 live traces, 1 more would exceed ingestion.max_traces_per_user (1)\"}""#
    ]];
    post(&rig, &[JSON], text.into(), expect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_tenants_come_from_the_header() {
    let config = Config { multitenancy_enabled: true, ..Config::default() };
    let rig = Rig::with(config, TenantLimits::default());
    let expect = expect![[r#"503 application/json "{\"code\":14,\"message\":\"no org id\"}""#]];
    post(&rig, &[JSON], b"{}".to_vec(), expect).await;
    let expect = expect![[r#"400 application/json "{\"code\":3,\"message\":\"multiple org IDs present\"}""#]];
    post(&rig, &[JSON, ("X-Scope-OrgID", "a|b")], b"{}".to_vec(), expect).await;
    let expect = expect![[r#"200 application/x-protobuf "\n\0""#]];
    let body = request(&spans(1..2, 2)).encode_to_vec();
    post(&rig, &[PROTOBUF, ("X-Scope-OrgID", "a")], body, expect).await;
    assert_eq!(rig.found("a"), expected(&spans(1..2, 2)));
}

async fn grpc(rig: &Rig, path: &str, message: &[u8]) -> tonic::Status {
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/grpc")
        .body(Body::from(body))
        .expect("a request");
    let response = grpc_service(rig.ingester.clone()).oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.expect("in memory");
    let headers = collected.trailers().unwrap_or(&parts.headers);
    tonic::Status::from_header_map(headers).expect("a status")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_answers_with_the_tables_codes() {
    use tonic::Code;
    use tonic_types::StatusExt;
    let limits = TenantLimits { live_traces_max: 1, ..TenantLimits::default() };
    let rig = Rig::with(Config::default(), limits);
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!(grpc(&rig, "/x.Y/Z", b"").await.code(), Code::Unimplemented);
    assert_eq!(grpc(&rig, export, b"").await.code(), Code::Ok);
    assert_eq!(grpc(&rig, export, b"\xff\xff").await.code(), Code::Internal);
    let large = grpc(&rig, export, &vec![0; (4 << 20) + 1]).await;
    assert_eq!(large.code(), Code::ResourceExhausted);
    assert!(large.get_details_retry_info().is_none(), "a retry cannot help");
    let mut bad = span(1, 1);
    bad.span_id = vec![0; 8];
    let answer = grpc(&rig, export, &request(&[bad.clone()]).encode_to_vec()).await;
    assert_eq!(answer.code(), Code::InvalidArgument);
    bad.span_id = vec![1; 4];
    assert_eq!(grpc(&rig, export, &request(&[bad]).encode_to_vec()).await.code(), Code::Internal);
    assert_eq!(grpc(&rig, export, &request(&spans(1..2, 1)).encode_to_vec()).await.code(), Code::Ok);
    let full = grpc(&rig, export, &request(&spans(2..3, 1)).encode_to_vec()).await;
    assert_eq!(full.code(), Code::ResourceExhausted);
    let delay = full.get_details_retry_info().and_then(|info| info.retry_delay);
    assert_eq!(delay, Some(std::time::Duration::from_secs(5)));
}
