//! `cadenza demo`: a server with traffic, shown within seconds.
//!
//! Nothing here is special to the demo but the traffic: it goes in through real OTLP/gRPC and is read
//! back through the public HTTP API, as a user's would. The plugin chain is one that an operator could write, and is
//! changed as an operator would.

mod chain;
mod client;
mod show;
mod swap;
mod traffic;

pub(crate) use chain::{ChainFile, prepare};

use anyhow::{Context, Result};
use cadenza_env::{Clock, Env};
use cadenza_model::hex;
use cadenza_traffic::Generator;
use client::Client;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use traffic::Traffic;

/// Traces sent before the table is shown: enough for every service and process to appear.
const TRACES: u64 = 60;
/// They are spread over this much time before now.
const HISTORY: Duration = Duration::from_secs(240);
/// A new trace this often afterwards.
const TRICKLE: Duration = Duration::from_secs(1);
/// Spans are searchable a second after their acknowledgement; this is generous.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// The built-in plugins are compiled within this, on a slow machine too.
const CHAIN_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks for the traces or the chain.
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
    env: &Env,
    ports: Ports,
    chain: Option<ChainFile>,
    stop: CancellationToken,
) -> Result<()> {
    let clock = env.clock.as_ref();
    let mut client = Client::connect(&ports).await?;
    let mut generator = Generator::new(env.random.next_u64());
    if chain.is_some() {
        wait_for_chain(&client, clock).await?;
    }
    let traffic = Traffic { for_chain: chain.is_some() };
    let history = send_history(&mut client, &mut generator, traffic, clock).await?;
    let traces = find(&client, clock).await?;
    show::table(&traces);
    show::tree(&client.trace(&history.run).await?, chain.is_some());
    if let Some(file) = &chain {
        show::chain(&client.trace(&history.request).await?, &client.chain().await?);
        show::swap_begins(file.path());
        let disk = env.disk.as_ref();
        show::swapped(&swap::run(&mut client, &mut generator, clock, disk, file).await?);
    }
    show::next_steps(&ports, history.spans);
    let mut number = 0;
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            () = clock.sleep(TRICKLE) => {}
        }
        let trace = traffic.trace(&mut generator, number, clock.unix_ns() - 200_000_000);
        number += 1;
        if let Err(error) = client.send(trace.into_request()).await {
            // The server says why in its own log; the trickle goes on when it can.
            tracing::warn!(%error, "the demo's trace was refused");
        }
    }
    Ok(())
}

/// What was sent first.
#[derive(Default)]
struct History {
    spans: u64,
    /// Ids of the last process run and the last request.
    run: String,
    request: String,
}

/// Waits until the chain is in force: until then the server takes nothing.
async fn wait_for_chain(client: &Client, clock: &dyn Clock) -> Result<()> {
    let deadline = clock.monotonic() + CHAIN_WITHIN;
    loop {
        let chain = client.chain().await?;
        if chain["state"] == "running" {
            return Ok(());
        }
        if clock.monotonic() > deadline {
            anyhow::bail!("the plugin chain is not in force after {CHAIN_WITHIN:?}: {chain}");
        }
        clock.sleep(LOOK_EVERY).await;
    }
}

/// Sends the first traces.
async fn send_history(
    client: &mut Client,
    generator: &mut Generator,
    traffic: Traffic,
    clock: &dyn Clock,
) -> Result<History> {
    let style =
        ProgressStyle::with_template("sending traces {bar:30} {pos}/{len}").expect("a valid template");
    let progress = ProgressBar::new(TRACES).with_style(style);
    let (now, step) = (clock.unix_ns(), HISTORY.as_nanos() as u64 / TRACES);
    let mut history = History::default();
    for number in 0..TRACES {
        let trace = traffic.trace(generator, number, now - (TRACES - number) * step);
        let id = hex(&trace.trace_id);
        match traffic::is_run(number) {
            true => history.run = id,
            false => history.request = id,
        }
        history.spans += trace.spans.len() as u64;
        client.send(trace.into_request()).await.context("sending the demo's traces")?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(history)
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
