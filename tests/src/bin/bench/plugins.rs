//! What a chain of two guests costs a server, and what a swap does to its answers.

use crate::load::{Latencies, Load};
use crate::process::Usage;
use crate::report::Report;
use anyhow::{Context, Result};
use cadenza_tests::{Server, wait};
use std::path::Path;
use std::time::Duration;

const SPANS: u64 = 300_000;
const SPANS_M: f64 = SPANS as f64 / 1e6;
/// With and without the chain, in turns.
const ROUNDS: usize = 3;
/// Pause between swaps: the server looks for changed files every second.
const SWAP_EVERY: Duration = Duration::from_millis(1500);
/// No sampler: what it drops costs nothing any more, which would hide what the others cost.
const GUESTS: [&str; 2] = ["enricher", "scrubber"];

/// A custom section: other bytes, same code.
const OTHER: [u8; 4] = [0, 2, 1, b'x'];

pub(crate) async fn measure(guests: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(format!("{name}.wasm"));
    for name in GUESTS {
        std::fs::copy(guests.join(format!("{name}.wasm")), file(name)).with_context(|| name.to_owned())?;
    }
    let mut report = Report::default();
    let load = Load::new(SPANS, 400, 4, 2);
    let large = Against::measure(&load, folder.path()).await?;
    report.line("wire to durable block, two guests, of none", large.ratio(), "x", "bar 1.12");
    report.line("  with them", large.chained / SPANS_M, "CPU-s/M", "");
    report.line("  without", large.plain / SPANS_M, "CPU-s/M", "");
    // Guests are called with what the log takes at once, not with requests.
    let small = Against::measure(&Load::new(SPANS, 10, 16, 8), folder.path()).await?;
    report.line("the same, 10-span requests, 128 in flight", small.ratio(), "x", "");
    report.line("  with them", small.chained / SPANS_M, "CPU-s/M", "");
    report.line("  without", small.plain / SPANS_M, "CPU-s/M", "");
    let mut swapped_p99 = Vec::new();
    for _ in 0..ROUNDS {
        let bytes = std::fs::read(file("scrubber"))?;
        let swaps = async |_: &Server| {
            for round in 0.. {
                let other: &[u8] = if round % 2 == 0 { &OTHER } else { &[] };
                let next = file("scrubber").with_extension("next");
                // In one step, as a deployment would.
                let written = std::fs::write(&next, [&bytes[..], other].concat());
                written.and_then(|()| std::fs::rename(&next, file("scrubber"))).expect("it can be replaced");
                // Swaps come at a pace, whatever the load does meanwhile.
                tokio::time::sleep(SWAP_EVERY).await; // sleep-ok: a pace
            }
        };
        swapped_p99.push(run(&load, Some(folder.path()), swaps).await?.1.percentile_ms(99));
        std::fs::write(file("scrubber"), &bytes)?;
    }
    report.line("acknowledgement, p99, no plugins", large.plain_p99_ms, "ms", "");
    report.line("acknowledgement, p99, two guests", large.chained_p99_ms, "ms", "");
    report.line(
        "  while they are swapped, of that",
        mean(&swapped_p99) / large.chained_p99_ms,
        "x",
        "bar 1.2",
    );
    report.print();
    Ok(())
}

/// A server with a chain against one without.
struct Against {
    /// CPU seconds of a round, the mean of [`ROUNDS`].
    plain: f64,
    chained: f64,
    plain_p99_ms: f64,
    chained_p99_ms: f64,
}

impl Against {
    async fn measure(load: &Load, guests: &Path) -> Result<Self> {
        let (mut plain, mut chained) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for _ in 0..ROUNDS {
            for (guests, sums) in [(None, &mut plain), (Some(guests), &mut chained)] {
                let (cpu, latencies) = run(load, guests, async |_| std::future::pending().await).await?;
                sums.0.push(cpu);
                sums.1.push(latencies.percentile_ms(99));
            }
        }
        Ok(Self {
            plain: mean(&plain.0),
            chained: mean(&chained.0),
            plain_p99_ms: mean(&plain.1),
            chained_p99_ms: mean(&chained.1),
        })
    }

    fn ratio(&self) -> f64 {
        self.chained / self.plain
    }
}

fn mean(list: &[f64]) -> f64 {
    list.iter().sum::<f64>() / list.len() as f64
}

/// CPU seconds from the wire to blocks, while something else happens too.
async fn run(
    load: &Load,
    guests: Option<&Path>,
    meanwhile: impl AsyncFnOnce(&Server),
) -> Result<(f64, Latencies)> {
    let mut options = crate::options();
    if let Some(folder) = guests {
        options.yaml += &format!("plugins:\n  dir: {}\n  chain:\n", folder.display());
        for name in GUESTS {
            options.yaml += &format!("    - {{name: {name}, source: {name}.wasm}}\n");
        }
    }
    let server = Server::start_with(options).await;
    let http = server.http();
    wait::until("the chain to be loaded", || async {
        let page = http.get("/status/plugins").await.ok()?;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        (guests.is_none() || text.contains("\"running\"")).then_some(())
    })
    .await;
    let before = Usage::of(server.pid())?;
    let url = server.otlp_grpc_url();
    let latencies = tokio::select! {
        latencies = load.run(&url) => latencies?,
        () = meanwhile(&server) => anyhow::bail!("it ended before the load"),
    };
    wait::until("all spans to be in blocks", || async {
        http.get("/flush").await.ok().filter(|answer| answer.status < 300)
    })
    .await;
    Ok((Usage::of(server.pid())?.since(&before).cpu_seconds, latencies))
}
