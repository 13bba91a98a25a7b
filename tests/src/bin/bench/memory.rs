//! Peak memory of the server under sustained load, whatever its shape: `bench memory [SPANS]`.
//!
//! A few hundred thousand spans are generated and sent again and again with other trace ids, so that the
//! client costs little and every span is new to the server. What matters is that the figures of the last
//! third are those of the first: a bound, not a growth.

use crate::load::{Load, Shape};
use crate::process::Usage;
use crate::report::Report;
use anyhow::Result;
use cadenza_tests::{Server, wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Spans of each run unless told otherwise.
pub(crate) const SPANS_DEFAULT: u64 = 10_000_000;
/// Spans generated and repeated.
const DISTINCT_SPANS: u64 = 200_000;
/// The bar for all shapes, MiB.
const PEAK_BAR: &str = "bar 350";
/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(500);

/// Resident memory over the time of a run.
#[derive(Default)]
struct Course(Vec<f64>);

impl Course {
    fn peak_of_third(&self, third: usize) -> f64 {
        let len = self.0.len();
        self.0[len * third / 3..(len * (third + 1) / 3).max(1).min(len)].iter().copied().fold(0.0, f64::max)
    }
}

pub(crate) async fn measure(spans: u64) -> Result<()> {
    let mut report = Report::default();
    let runs = [
        ("400-span requests", spans, Shape { per_request: 400, connections: 4, in_flight: 2, tenants: 0 }),
        ("1,000 tenants", spans / 5, Shape { per_request: 100, connections: 4, in_flight: 4, tenants: 1000 }),
        ("10-span requests", spans, Shape { per_request: 10, connections: 16, in_flight: 8, tenants: 0 }),
    ];
    for (name, spans, shape) in runs {
        run(&mut report, name, spans, shape).await?;
    }
    report.print();
    Ok(())
}

async fn run(report: &mut Report, name: &str, spans: u64, shape: Shape) -> Result<()> {
    let mut options = crate::options();
    if shape.tenants > 0 {
        options.yaml.insert_str(0, "multitenancy_enabled: true\n");
    }
    let server = Server::start_with(options).await;
    let load = Load::repeated(DISTINCT_SPANS.min(spans), spans, shape);
    let pid = server.pid();
    let done = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&done);
    let watcher = tokio::spawn(async move {
        let mut course = Course::default();
        while !watched.load(Ordering::Acquire) {
            course.0.push(Usage::of(pid).map(|usage| usage.resident_mib).unwrap_or_default());
            tokio::time::sleep(LOOK).await; // sleep-ok: between two looks
        }
        course
    });
    let started = Instant::now();
    load.run(&server.otlp_grpc_url()).await?;
    let took = started.elapsed();
    done.store(true, Ordering::Release);
    let course = watcher.await?;
    let line = |report: &mut Report, what: &str, value: f64, unit: &str, bar: &str| {
        report.line(&format!("{name}: {what}"), value, unit, bar);
    };
    line(report, "spans", spans as f64 / 1e6, "M", "");
    line(report, "acknowledged", spans as f64 / took.as_secs_f64() / 1e3, "k/s", "");
    for (third, what) in ["first third", "second third", "last third"].iter().enumerate() {
        line(report, &format!("peak resident, {what}"), course.peak_of_third(third), "MiB", "");
    }
    let http = server.http();
    wait::until("all spans to be in blocks", || async {
        http.get("/flush").await.ok().filter(|answer| answer.status < 300)
    })
    .await;
    line(report, "peak resident, all in blocks", Usage::of(pid)?.peak_mib, "MiB", PEAK_BAR);
    Ok(())
}
