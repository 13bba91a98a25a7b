//! CPU of the server per query, over everything that was ingested.

use crate::load::Load;
use crate::process::Usage;
use crate::report::Report;
use anyhow::{Result, ensure};
use cadenza_tests::Server;
use cadenza_tests::http::Http;

/// Runs of each query: the first one fills caches and is not counted.
const RUNS: u32 = 10;

/// Measures the queries.
pub(crate) async fn measure(report: &mut Report, server: &Server, load: &Load) -> Result<()> {
    let (start, end) = load.range;
    let by_id = format!("/api/traces/{}", load.trace_id);
    query(report, server, "trace by id", &by_id, "bar 8").await?;
    let searches = [
        ("search: status code >= 500", "{ span.http.status_code >= 500 }", "bar 10"),
        ("search: status code >= 500, generic", "{ span.http.response.status_code >= 500 }", "bar 110"),
        ("search: service name", "{ resource.service.name = \"payment\" }", ""),
        ("search: generic attribute, common", "{ span.rpc.system = \"grpc\" }", "bar 110"),
        ("search: generic attribute, rare", "{ span.user.id = \"u-00042\" }", "bar 55"),
        ("search: generic attribute, nowhere", "{ span.user.id = \"nobody\" }", ""),
        ("search: slow spans", "{ duration > 2s }", ""),
        ("search: every trace judged whole", "{} | count() > 1000", ""),
    ];
    for (what, path) in [
        ("tag names", "/api/v2/search/tags?"),
        ("tag values: service name", "/api/v2/search/tag/resource.service.name/values?"),
        ("tag values: generic attribute", "/api/v2/search/tag/span.code.function.name/values?"),
    ] {
        query(report, server, what, &format!("{path}start={start}&end={end}"), "").await?;
    }
    for (what, traceql, bar) in searches {
        let path = format!("/api/search?q={}&start={start}&end={end}&limit=20", Http::encode(traceql));
        query(report, server, what, &path, bar).await?;
    }
    Ok(())
}

async fn query(report: &mut Report, server: &Server, what: &str, path: &str, bar: &str) -> Result<()> {
    let http = server.http();
    let get = async || -> Result<()> {
        let answer = http.get(path).await?;
        ensure!(answer.status == 200, "{what}: {} {}", answer.status, answer.text());
        Ok(())
    };
    get().await?;
    let before = Usage::of(server.pid())?;
    for _ in 0..RUNS {
        get().await?;
    }
    let used = Usage::of(server.pid())?.since(&before);
    report.line(what, used.cpu_seconds * 1000.0 / f64::from(RUNS), "CPU-ms", bar);
    Ok(())
}
