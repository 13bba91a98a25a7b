//! Parameters of search, tags and tag values.

use crate::fake::{asks, refused};
use cadenza_api::Config;
use expect_test::expect;

#[tokio::test]
async fn search_refuses_bad_parameters_with_tempos_texts() {
    let config = Config::default();
    let check = async |query: &str, text: &str| {
        refused(&config, &format!("/api/search?{query}"), 400, text).await;
    };
    check("limit=0", "invalid limit: must be a positive number").await;
    check("limit=-1", "invalid limit: must be a positive number").await;
    check("limit=1.5", "invalid limit: strconv.ParseInt: parsing \"1.5\": invalid syntax").await;
    check("limit=262145", "limit 262145 exceeds max limit 262144").await;
    check("spss=101", "spans per span set exceeds 100. received 101").await;
    check("spss=x", "invalid spss: strconv.ParseUint: parsing \"x\": invalid syntax").await;
    check("q=%7B%7D&tags=a%3Db", "invalid request: can't specify tags and q in the same query").await;
    check("tags=a%3Db+a%3Dc", "invalid tags: tag a has been set twice").await;
    check("tags=a%3D%22b", "invalid tags: logfmt syntax error at pos 3 : unterminated quoted value").await;
    check("a=b&a=c", "invalid tags: tag a has been set twice").await;
    check("minDuration=10", "invalid minDuration: time: missing unit in duration \"10\"").await;
    check("q=%7B%7D&maxDuration=1d", "invalid maxDuration: time: unknown unit \"d\" in duration \"1d\"")
        .await;
    check("minDuration=2s&maxDuration=1s", "invalid maxDuration: must be greater than minDuration").await;
    check(
        "start=5",
        "error parsing date range: only one of start and end provided: must provide both or neither",
    )
    .await;
    check("start=6&end=5", "http parameter start must be before end. received start=6 end=5").await;
    check("start=5&end=5", "http parameter start must be before end. received start=5 end=5").await;
    check(
        "start=1&end=1700000000000000000",
        "invalid end: strconv.ParseUint: parsing \"1700000000000000000\": value out of range",
    )
    .await;
    check("start=1.5&end=3", "invalid start: strconv.ParseUint: parsing \"1.5\": invalid syntax").await;
    check(
        "start=1000000&end=1604801",
        "range specified by start and end exceeds 168h0m0s. received start=1000000 end=1604801",
    )
    .await;
    check("since=1.5h", "invalid since: not a valid duration string: \"1.5h\"").await;
}

#[tokio::test]
async fn long_expressions_are_refused_by_every_endpoint_that_takes_one() {
    let config = Config { query_bytes_max: 4, ..Config::default() };
    for path in ["/api/search", "/api/v2/search/tags", "/api/v2/search/tag/.x/values"] {
        let text = "TraceQL expression exceeds the configured maximum size of 4 bytes, reduce the query \
                    expression size or contact your system administrator";
        refused(&config, &format!("{path}?q=%7B%20%20%20%7D"), 400, text).await;
    }
}

#[tokio::test]
async fn search_asks_for_what_the_parameters_say() {
    let config = Config::default();
    let check = async |query: &str, expect: expect_test::Expect| {
        asks(&config, &format!("/api/search{query}"), expect).await;
    };
    check("", expect!["SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [], duration_min_ns: 0, duration_max_ns: 0 }), range: TimeRange { start_s: 1799999100, end_s: 1800000001 }, limit: 20, spans_per_spanset: 3 }"]).await;
    check("?q=%7B%7D&q=x&limit=7&spss=0&start=100&end=200&minDuration=-5s", expect![[r#"SearchRequest { tenants: [single-tenant], filter: TraceQl("{}"), range: TimeRange { start_s: 100, end_s: 200 }, limit: 7, spans_per_spanset: 18446744073709551615 }"#]]).await;
    check("?tags=service.name%3D%22a+b%22+name%3Dx&minDuration=1ms&maxDuration=2s&start=1&end=2", expect![[r#"SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [("service.name", "a b"), ("name", "x")], duration_min_ns: 1000000, duration_max_ns: 2000000000 }), range: TimeRange { start_s: 1, end_s: 2 }, limit: 20, spans_per_spanset: 3 }"#]])
        .await;
    check("?foo=bar&limit=3", expect![[r#"SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [("foo", "bar")], duration_min_ns: 0, duration_max_ns: 0 }), range: TimeRange { start_s: 1799999100, end_s: 1800000001 }, limit: 3, spans_per_spanset: 3 }"#]]).await;
    check("?foo=bar&start=1&end=2", expect!["SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [], duration_min_ns: 0, duration_max_ns: 0 }), range: TimeRange { start_s: 1, end_s: 2 }, limit: 20, spans_per_spanset: 3 }"]).await;
    check("?since=1h&start=1&end=2", expect!["SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [], duration_min_ns: 0, duration_max_ns: 0 }), range: TimeRange { start_s: 1799996401, end_s: 1800000001 }, limit: 20, spans_per_spanset: 3 }"]).await;
    check("?start=0&end=0&query=x", expect!["SearchRequest { tenants: [single-tenant], filter: Legacy(LegacyFilter { tags: [], duration_min_ns: 0, duration_max_ns: 0 }), range: TimeRange { start_s: 1799999100, end_s: 1800000001 }, limit: 20, spans_per_spanset: 3 }"]).await;
}

#[tokio::test]
async fn the_end_cutoff_moves_ranges_when_it_is_set() {
    let config = Config { query_end_cutoff_s: 30, ..Config::default() };
    let check = async |query: &str, expect: expect_test::Expect| {
        asks(&config, &format!("/api/search{query}"), expect).await;
    };
    check("?q=%7B%7D", expect![[r#"SearchRequest { tenants: [single-tenant], filter: TraceQl("{}"), range: TimeRange { start_s: 1799999100, end_s: 1799999971 }, limit: 20, spans_per_spanset: 3 }"#]]).await;
    check("?q=%7B%7D&start=1799999000&end=1800000000", expect![[r#"SearchRequest { tenants: [single-tenant], filter: TraceQl("{}"), range: TimeRange { start_s: 1799999000, end_s: 1799999970 }, limit: 20, spans_per_spanset: 3 }"#]]).await;
    check("?q=%7B%7D&start=1799999990&end=1800000000", expect![[r#"SearchRequest { tenants: [single-tenant], filter: TraceQl("{}"), range: TimeRange { start_s: 1799999100, end_s: 1799999970 }, limit: 20, spans_per_spanset: 3 }"#]]).await;
}

#[tokio::test]
async fn tag_requests() {
    let config = Config::default();
    refused(&config, "/api/search/tags?scope=Span", 400, "invalid scope: Span").await;
    refused(&config, "/api/v2/search/tags?scope=x", 400, "invalid scope: x").await;
    refused(
        &config,
        "/api/v2/search/tags?limit=-1",
        400,
        "invalid limit: strconv.ParseUint: parsing \"-1\": invalid syntax",
    )
    .await;
    refused(
        &config,
        "/api/search/tags?start=1",
        400,
        "error parsing date range: only one of start and end provided: must provide both or neither",
    )
    .await;
    asks(&config, "/api/search/tags?start=1&end=2&q=%7B%7D", expect![[r#"TagNamesRequest { tenants: [single-tenant], scopes: [Resource, Span, Event, Link, Instrumentation], query: "", range: TimeRange { start_s: 1, end_s: 2 }, limit_per_scope: 0 }"#]]).await;
    asks(&config, "/api/v2/search/tags?start=1&end=2&limit=5000&q=%7B%7D", expect![[r#"TagNamesRequest { tenants: [single-tenant], scopes: [Resource, Span, Event, Link, Instrumentation, Intrinsic], query: "{}", range: TimeRange { start_s: 1, end_s: 2 }, limit_per_scope: 5000 }"#]]).await;
    asks(&config, "/api/v2/search/tags?start=1&end=2&scope=event", expect![[r#"TagNamesRequest { tenants: [single-tenant], scopes: [Event], query: "", range: TimeRange { start_s: 1, end_s: 2 }, limit_per_scope: 0 }"#]]).await;
    asks(&config, "/api/v2/search/tags?start=1&end=2&scope=trace", expect![[r#"TagNamesRequest { tenants: [single-tenant], scopes: [], query: "", range: TimeRange { start_s: 1, end_s: 2 }, limit_per_scope: 0 }"#]]).await;
    asks(&config, "/api/search/tag/service.name/values?start=1&end=2", expect![[r#"TagValuesRequest { tenants: [single-tenant], tag: Bare("service.name"), query: "", range: TimeRange { start_s: 1, end_s: 2 }, limit: 0 }"#]]).await;
    asks(
        &config,
        "/api/v2/search/tag/span.%22a%20b%22%2Fc/values?start=1&end=2&tag=x&limit=9&maxStaleValues=3&q=%7B",
        expect![[r#"TagValuesRequest { tenants: [single-tenant], tag: TraceQl("span.\"a b\"/c"), query: "{", range: TimeRange { start_s: 1, end_s: 2 }, limit: 9 }"#]],
    )
    .await;
}
