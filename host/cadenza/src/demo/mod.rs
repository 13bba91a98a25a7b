//! `cadenza demo`: a server with traffic, shown within seconds.
//!
//! Nothing here is special to the demo but the traffic: it goes in through real OTLP/gRPC and is read
//! back through the public HTTP API, as a user's would.

mod client;
mod show;

use anyhow::{Context, Result};
use cadenza_env::{Clock, Random};
use cadenza_traffic::Generator;
use client::Client;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Traces sent before the table is shown: enough for every service and process to appear.
const TRACES: u64 = 60;
/// They are spread over this much time before now.
const HISTORY: Duration = Duration::from_secs(240);
/// A new trace this often afterwards.
const TRICKLE: Duration = Duration::from_secs(1);
/// Spans are searchable a second after their acknowledgement; this is generous.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks for the traces.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the server listens.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// OTLP over gRPC.
    pub(crate) otlp_grpc: u16,
    /// OTLP over HTTP.
    pub(crate) otlp_http: u16,
    /// The query API.
    pub(crate) http: u16,
}

/// Sends the traces, shows them, and goes on sending until `stop`.
///
/// # Errors
/// When the server does not take the spans or does not find them.
pub(crate) async fn run(
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ports: Ports,
    stop: CancellationToken,
) -> Result<()> {
    let mut client = Client::connect(&ports).await?;
    let mut generator = Generator::new(random.next_u64());
    let (first, spans) = send_history(&mut client, &mut generator, clock.as_ref()).await?;
    let traces = find(&client, clock.as_ref()).await?;
    show::table(&traces);
    show::tree(&client.trace(&first).await?);
    show::next_steps(&ports, spans);
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            () = clock.sleep(TRICKLE) => {}
        }
        let trace = generator.trace(clock.unix_ns() - 200_000_000);
        if let Err(error) = client.send(trace.into_request()).await {
            // The server says why in its own log; the trickle goes on when it can.
            tracing::warn!(%error, "the demo's trace was refused");
        }
    }
    Ok(())
}

/// Sends the first traces; returns the id of the process run to show, and the number of spans.
async fn send_history(
    client: &mut Client,
    generator: &mut Generator,
    clock: &dyn Clock,
) -> Result<(String, u64)> {
    let style =
        ProgressStyle::with_template("sending traces {bar:30} {pos}/{len}").expect("a valid template");
    let progress = ProgressBar::new(TRACES).with_style(style);
    let (now, step) = (clock.unix_ns(), HISTORY.as_nanos() as u64 / TRACES);
    let (mut spans, mut shown) = (0, String::new());
    for number in 0..TRACES {
        let start = now - (TRACES - number) * step;
        // Every fifth is a process run, so that each process is there; the last one is shown as a tree.
        let trace =
            if number % 5 == 4 { generator.process_run(start) } else { generator.shop_request(start) };
        if number % 5 == 4 {
            shown = trace.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        }
        spans += trace.spans.len() as u64;
        client.send(trace.into_request()).await.context("sending the demo's traces")?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok((shown, spans))
}

/// Waits until the traces are found.
async fn find(client: &Client, clock: &dyn Clock) -> Result<Vec<serde_json::Value>> {
    let deadline = clock.monotonic() + FOUND_WITHIN;
    let end = clock.unix_seconds() + 60;
    let start = end - 60 - 2 * HISTORY.as_secs();
    loop {
        let traces = client.search("{ true }", start, end).await?;
        if traces.len() as u64 >= TRACES.min(client::SEARCH_LIMIT) {
            return Ok(traces);
        }
        if clock.monotonic() > deadline {
            anyhow::bail!("only {} of {TRACES} traces were found within {FOUND_WITHIN:?}", traces.len());
        }
        clock.sleep(LOOK_EVERY).await;
    }
}
