//! Speed and memory of the shipped build, on deterministic data: `cargo xtask bench`.
//!
//! Figures are CPU seconds of the server's process, kernel included, and ratios to a receiver that only
//! decodes the same requests with prost and drops them, measured in the same run. Machines differ and
//! drift: quote the ratios.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench program: it measures and talks to a person"
)]

mod floor;
mod load;
mod memory;
mod plugins;
mod process;
mod queries;
mod report;

use anyhow::{Result, bail};
use cadenza_tests::{Options, Server, otlp, server, wait};
use load::Load;
use process::Usage;
use report::Report;

/// What to measure.
struct Plan {
    spans: u64,
    small_spans: u64,
}

/// Spans of the large-request run unless told otherwise.
const SPANS_DEFAULT: u64 = 1_000_000;
/// Spans of the small-request run: ten times the requests per span.
const SMALL_SPANS_DEFAULT: u64 = 200_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [command, port] = &args[..]
        && command == "floor"
    {
        return runtime()?.block_on(floor::serve(port.parse()?));
    }
    if let [command, rest @ ..] = &args[..]
        && command == "memory"
    {
        let spans = rest.first().map_or(Ok(memory::SPANS_DEFAULT), |spans| spans.parse())?;
        return runtime()?.block_on(memory::measure(spans));
    }
    if let [command, guests] = &args[..]
        && command == "plugins"
    {
        return runtime()?.block_on(plugins::measure(guests.as_ref()));
    }
    if let [command, url, spans] = &args[..]
        && command == "load"
    {
        let load = Load::new(spans.parse()?, 400, 4, 2);
        let latencies = runtime()?.block_on(load.run(url))?;
        println!("p99 {:.1} ms; a trace: {}", latencies.percentile_ms(99), load.trace_id);
        return Ok(());
    }
    let plan = match &args[..] {
        [] => Plan { spans: SPANS_DEFAULT, small_spans: SMALL_SPANS_DEFAULT },
        [spans] if let Ok(spans) = spans.parse::<u64>() => {
            Plan { spans, small_spans: spans.min(SMALL_SPANS_DEFAULT) }
        }
        _ => bail!(
            "usage: bench [SPANS] | plugins GUESTS | memory [SPANS] | load URL SPANS (into a running server)"
        ),
    };
    runtime()?.block_on(measure(&plan))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn options() -> Options {
    let limits = "overrides:\n  defaults:\n    ingestion: {rate_limit_bytes: 2000000000, burst_size_bytes: 2000000000, max_traces_per_user: 0}\n    global: {max_bytes_per_trace: 0}\n";
    Options { yaml: limits.into(), ..Options::default() }
}

async fn measure(plan: &Plan) -> Result<()> {
    let mut report = Report::default();
    idle(&mut report).await?;
    let large = Load::new(plan.spans, 400, 4, 2);
    let floor = floor_cpu(&large).await?;
    report.line(
        "prost decode and drop, 400-span requests",
        floor.per_million(plan.spans),
        "CPU-s/M",
        "the floor",
    );
    large_requests(&mut report, plan, &large, floor.cpu_seconds).await?;
    let small = Load::new(plan.small_spans, 10, 16, 8);
    let floor = floor_cpu(&small).await?;
    report.line(
        "prost decode and drop, 10-span requests",
        floor.per_million(plan.small_spans),
        "CPU-s/M",
        "the floor",
    );
    small_requests(&mut report, plan, &small, floor.cpu_seconds).await?;
    report.print();
    Ok(())
}

async fn idle(report: &mut Report) -> Result<()> {
    let started = std::time::Instant::now();
    let server = Server::start_with(options()).await;
    report.line("start to ready, empty store", started.elapsed().as_secs_f64(), "s", "bar 1");
    report.line("resident memory when idle", Usage::of(server.pid())?.resident_mib, "MiB", "bar 60");
    Ok(())
}

async fn floor_cpu(load: &Load) -> Result<Usage> {
    let floor = floor::Floor::start().await?;
    let before = Usage::of(floor.pid())?;
    load.run(&floor.url()).await?;
    Ok(Usage::of(floor.pid())?.since(&before))
}

async fn large_requests(report: &mut Report, plan: &Plan, load: &Load, floor: f64) -> Result<()> {
    let server = Server::start_with(options()).await;
    let before = Usage::of(server.pid())?;
    let latencies = load.run(&server.otlp_grpc_url()).await?;
    let acknowledged = Usage::of(server.pid())?.since(&before);
    report.ratio("wire to acknowledged, 400-span requests", acknowledged.cpu_seconds, floor, "bar 0.8");
    report.line("acknowledgement, p50", latencies.percentile_ms(50), "ms", "");
    report.line("acknowledgement, p99", latencies.percentile_ms(99), "ms", "bar 50");
    let http = server.http();
    wait::until("all spans to be in blocks", || async {
        http.get("/flush").await.ok().filter(|answer| answer.status < 300)
    })
    .await;
    let durable = Usage::of(server.pid())?.since(&before);
    report.ratio("wire to durable block, 400-span requests", durable.cpu_seconds, floor, "bar 2.0");
    let blocks = server::folder_bytes(&server.data().join("blocks"));
    report.line("bytes per span in blocks", blocks as f64 / plan.spans as f64, "B", "bar 78");
    report.line("bytes written per span", durable.written_bytes as f64 / plan.spans as f64, "B", "bar 220");
    report.line("peak resident memory", Usage::of(server.pid())?.peak_mib, "MiB", "bar 350");
    queries::measure(report, &server, load).await
}

async fn small_requests(report: &mut Report, plan: &Plan, load: &Load, floor: f64) -> Result<()> {
    let server = Server::start_with(options()).await;
    let before = Usage::of(server.pid())?;
    let latencies = load.run(&server.otlp_grpc_url()).await?;
    let used = Usage::of(server.pid())?.since(&before);
    report.ratio("wire to acknowledged, 10-span requests, 128 in flight", used.cpu_seconds, floor, "bar 1.1");
    report.line("acknowledgement, p99", latencies.percentile_ms(99), "ms", "bar 50");
    report.line("peak resident memory", Usage::of(server.pid())?.peak_mib, "MiB", "bar 350");
    let _ = (plan, otlp::now_s());
    Ok(())
}
