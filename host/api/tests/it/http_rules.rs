//! Methods, redirects, tenants, pages: everything around the queries.

use crate::fake::Server;
use cadenza_api::Config;
use expect_test::expect;

#[tokio::test]
async fn every_method_works_on_queries_and_only_get_on_status() {
    let server = Server::new(Config::default());
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
        for (path, strict) in [
            ("/api/search", false),
            ("/api/v2/traces/1", false),
            ("/api/v2/search/tags", false),
            ("/api/echo", false),
            ("/ready", false),
            ("/metrics", false),
            ("/api/status/buildinfo", true),
            ("/status", true),
            ("/status/config", true),
        ] {
            let expect = if strict && method != "GET" { 405 } else { 200 };
            assert_eq!(server.call(method, path, &[]).await.status.as_u16(), expect, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn double_slashes_redirect_and_trailing_slashes_are_not_found() {
    let server = Server::new(Config::default());
    let moved = server.get("//api//search?q=%7B%7D").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, "/api/search?q=%7B%7D"));
    for path in
        ["/api/search/", "/api/echo/", "/api/traces/", "/nothing", "/api/metrics/summary", "/api/overrides"]
    {
        assert_eq!(server.get(path).await.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn tenants_are_asked_for_where_data_is() {
    let server = Server::new(Config { multitenancy_enabled: true, ..Config::default() });
    for path in [
        "/api/search",
        "/api/traces/1",
        "/api/v2/search/tags",
        "/api/search/tag/x/values",
        "/api/metrics/query",
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, "no org id\n"), "{path}");
    }
    for path in ["/api/echo", "/ready", "/status", "/api/status/buildinfo", "/metrics", "/"] {
        assert_eq!(server.get(path).await.status.as_u16(), 200, "{path}");
    }
    let answer = server.call("GET", "/api/search", &[("X-Scope-OrgID", "b|a|b")]).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(server.fake.last_asked().contains("tenants: [a, b]"), "{}", server.fake.last_asked());
    let answer = server.call("GET", "/api/search", &[("X-Scope-OrgID", "a/b")]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (400, "tenant ID 'a/b' contains unsupported character '/'\n")
    );
}

#[tokio::test]
async fn the_prefix_moves_the_api() {
    let server = Server::new(Config { http_api_prefix: "/tempo".into(), ..Config::default() });
    assert_eq!(server.get("/tempo/api/echo").await.text(), "echo\n");
    assert_eq!(server.get("/api/echo").await.status.as_u16(), 404);
    assert_eq!(server.get("/ready").await.text(), "ready\n");
}

#[tokio::test]
async fn operators_pages() {
    let server = Server::new(Config::default());
    assert_eq!(server.get("/api/echo").await.text(), "echo\n");
    assert_eq!(
        server.get("/api/status/buildinfo").await.text(),
        r#"{"version":"3.0.3","revision":"abc","branch":"main","buildUser":"me","buildDate":"today","goVersion":"rustc"}"#
    );
    assert_eq!(
        server.get("/metrics").await.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    expect![[r#"
        GET /status/version
        tempo, version 3.0.3 (branch: main, revision: abc)
          build user:       me
          build date:       today
          tool chain:       rustc
          server:           cadenza

        GET /status/services
        service name  status   failure case
        store         Running

        GET /status/endpoints
        path                                 methods
        /api/traces/{traceID}                any
        /api/v2/traces/{traceID}             any
        /api/search                          any
        /api/search/tags                     any
        /api/v2/search/tags                  any
        /api/search/tag/{tagName}/values     any
        /api/v2/search/tag/{tagName}/values  any
        /api/metrics/query_range             any
        /api/metrics/query                   any
        /api/echo                            any
        /api/status/buildinfo                GET
        /ready                               any
        /metrics                             any
        /flush                               GET, POST
        /shutdown                            GET, POST
        /live-store/prepare-downscale        GET, POST, DELETE
        /ingester/prepare-downscale          GET, POST, DELETE
        /status                              GET
        /status/overrides/{tenant}           GET
        /status/usage-stats                  GET
        /status/{endpoint}                   GET
        /                                    GET
        /index.html                          GET

        GET /status/runtime_config
        ---
        runtime: Full

        GET /status/config
        ---
        mode: Full

    "#]]
    .assert_eq(server.get("/status").await.text());
    assert_eq!(server.get("/status/config?mode=diff").await.text(), "GET /status/config\n---\nmode: Diff\n");
    assert_eq!(server.get("/status/overrides/t1").await.text(), "overrides of Some(t1)\n");
    assert_eq!(server.get("/status/overrides/..%2f").await.status.as_u16(), 400);
    assert_eq!(server.get("/status/unknown").await.status.as_u16(), 404);
    assert_eq!(server.get("/status/usage-stats").await.text(), "usage-stats is not enabled\n");
    let home = server.get("/").await;
    assert_eq!(home.header("content-type"), "text/html; charset=utf-8");
    assert!(home.text().contains("/api/v2/search/tags"));
    *server.fake.not_ready.lock().unwrap() = Some("Application is stopping".into());
    let ready = server.get("/ready").await;
    assert_eq!((ready.status.as_u16(), ready.text()), (503, "Application is stopping\n"));
}

#[tokio::test]
async fn leaving_is_prepared_asked_for_and_taken_back() {
    let server = Server::new(Config::default());
    for path in ["/live-store/prepare-downscale", "/ingester/prepare-downscale"] {
        assert_eq!(server.get(path).await.text(), "unset\n");
        assert_eq!(server.call("POST", path, &[]).await.status.as_u16(), 204);
        assert_eq!(server.get(path).await.text(), "set\n");
        assert_eq!(server.call("DELETE", path, &[]).await.status.as_u16(), 204);
        assert_eq!(server.get(path).await.text(), "unset\n");
        assert_eq!(server.call("PUT", path, &[]).await.status.as_u16(), 405);
    }
    assert_eq!(server.call("POST", "/shutdown", &[]).await.status.as_u16(), 204);
    assert_eq!(*server.fake.flushed.lock().unwrap(), ["shutdown"]);
}

#[tokio::test]
async fn flush_takes_a_tenant_or_all() {
    let server = Server::new(Config::default());
    assert_eq!(server.call("POST", "/flush?tenant=t1", &[]).await.status.as_u16(), 204);
    assert_eq!(server.get("/flush").await.status.as_u16(), 204);
    assert_eq!(server.call("PUT", "/flush", &[]).await.status.as_u16(), 405);
    assert_eq!(*server.fake.flushed.lock().unwrap(), ["Some(t1)", "None"]);
}

#[tokio::test]
async fn metrics_queries_are_refused_by_name() {
    let server = Server::new(Config::default());
    let answer = server.get("/api/metrics/query_range?q=%7B%7D+%7C+rate()").await;
    assert_eq!(answer.status.as_u16(), 400);
    assert_eq!(
        answer.text(),
        "invalid TraceQL query: rate() not yet supported: TraceQL metrics are not available in this version\n"
    );
}

#[tokio::test]
async fn big_answers_are_compressed_when_asked_and_small_ones_never() {
    let server = Server::new(Config::default());
    let encoding = async |accept: &str, path: &str| {
        server.call("GET", path, &[("accept-encoding", accept)]).await.header("content-encoding").to_owned()
    };
    assert_eq!(encoding("gzip", "/").await, "gzip");
    assert_eq!(encoding("zstd", "/").await, "zstd");
    assert_eq!(encoding("br, deflate", "/").await, "");
    assert_eq!(encoding("gzip", "/api/echo").await, "");
}
