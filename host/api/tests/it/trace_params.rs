//! Parameters of trace by id, and what a missing or broken trace looks like.

use crate::fake::{Server, asks, refused};
use crate::forms::one_span;
use cadenza_api::Config;
use cadenza_query::{QueryError, TraceAnswer};
use expect_test::expect;

#[tokio::test]
async fn trace_by_id_refuses_bad_parameters() {
    let config = Config::default();
    for path in ["/api/traces/", "/api/v2/traces/"] {
        let check =
            async |rest: &str, text: &str| refused(&config, &format!("{path}{rest}"), 400, text).await;
        check("12g4", "trace IDs can only contain hex characters: invalid character 'g' at position 3").await;
        check("000000000000000000000000000000001", "trace IDs can't be larger than 128 bits").await;
        check("1?start=2&end=1", "http parameter start must be before end. received start=2 end=1").await;
        check("1?start=x", "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax").await;
        check("1?mode=some", "invalid value for mode \"some\"").await;
        check("1?mode=external", "mode external needs an external endpoint, none is configured").await;
        check("1?blockStart=x", "invalid value for blockStart: \"x\" is not a UUID").await;
    }
}

#[tokio::test]
async fn ids_are_padded_and_times_never_hide_a_trace() {
    asks(
        &Config::default(),
        "/api/v2/traces/1A01?start=-1&end=1700000000000000000&mode=blocks",
        expect!["TraceRequest { tenants: [single-tenant], id: 00000000000000000000000000001a01, allow_partial: true, sources: Stored }"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_trace_is_404_in_v1_and_an_empty_trace_in_v2() {
    let server = Server::new(Config::default());
    let v1 = server.get("/api/traces/abc").await;
    assert_eq!((v1.status.as_u16(), v1.text()), (404, ""));
    let v2 = server.get("/api/v2/traces/abc").await;
    assert_eq!((v2.status.as_u16(), v2.text()), (200, r#"{"trace":{},"metrics":{}}"#));
    assert_eq!(v2.header("content-type"), "application/json");
    let v2 = server.call("GET", "/api/v2/traces/abc", &[("accept", "application/protobuf")]).await;
    assert_eq!(v2.bytes, [0x0a, 0, 0x12, 0], "field 1 is present and empty");
    assert_eq!(v2.header("content-type"), "application/protobuf");
}

#[tokio::test]
async fn v1_never_says_not_found_while_something_could_not_be_asked() {
    let server = Server::new(Config::default());
    let mut answer = TraceAnswer::default();
    answer.missing.note("write-ahead log: still being read".into());
    server.fake.answers.lock().unwrap().trace = Some(Ok(answer));
    let v1 = server.get("/api/traces/abc").await;
    assert_eq!((v1.status.as_u16(), v1.header("retry-after")), (503, "5"));
    assert_eq!(
        v1.text(),
        "not found, but not everything could be asked: write-ahead log: still being read\n"
    );
}

#[tokio::test]
async fn v1_says_in_a_header_that_a_trace_may_lack_spans() {
    let server = Server::new(Config::default());
    let check = async |reason: Option<&str>, header: &str| {
        let mut answer = one_span();
        reason.into_iter().for_each(|reason| answer.missing.note(reason.into()));
        server.fake.answers.lock().unwrap().trace = Some(Ok(answer));
        let v1 = server.get("/api/traces/abc").await;
        assert_eq!((v1.status.as_u16(), v1.header("x-cadenza-partial")), (200, header));
    };
    check(None, "").await;
    check(Some("block x: bad"), "block x: bad").await;
}

#[tokio::test]
async fn a_trace_over_the_limit_is_422_in_v1() {
    let server = Server::new(Config::default());
    let error = QueryError::TraceTooLarge { bytes_max: 5_000_000 };
    server.fake.answers.lock().unwrap().trace = Some(Err(error));
    let answer = server.get("/api/traces/abc").await;
    assert_eq!(answer.status.as_u16(), 422);
    assert_eq!(answer.text(), "trace exceeds max size (max bytes: 5000000)\n");
}
