//! What a chain of two guests costs a server, and what a swap does to its answers.

use crate::load::{Latencies, Load};
use crate::process::Usage;
use crate::report::Report;
use anyhow::{Context, Result};
use cadenza_tests::{Server, wait};
use std::path::Path;
use std::time::Duration;

const SPANS: u64 = 300_000;
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
    let (mut plain, mut chained, mut plain_p99, mut chained_p99) = (0.0, 0.0, Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (cpu, latencies) = run(&load, None, async |_| std::future::pending().await).await?;
        plain += cpu;
        plain_p99.push(latencies.percentile_ms(99));
        let (cpu, latencies) =
            run(&load, Some(folder.path()), async |_| std::future::pending().await).await?;
        chained += cpu;
        chained_p99.push(latencies.percentile_ms(99));
    }
    report.line("wire to durable block, two guests, of none", chained / plain, "x", "bar 1.12");
    report.line("  with them", chained * 1e6 / (SPANS as f64 * ROUNDS as f64), "CPU-s/M", "");
    report.line("  without", plain * 1e6 / (SPANS as f64 * ROUNDS as f64), "CPU-s/M", "");
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
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    report.line("acknowledgement, p99, no plugins", mean(&plain_p99), "ms", "");
    report.line("acknowledgement, p99, two guests", mean(&chained_p99), "ms", "");
    report.line("  while they are swapped, of that", mean(&swapped_p99) / mean(&chained_p99), "x", "bar 1.2");
    report.print();
    Ok(())
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
