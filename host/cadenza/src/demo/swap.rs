//! The live swap: the chain is changed while traces go in, and afterwards every one of them is looked for.

use super::chain::ChainFile;
use super::client::Client;
use super::show::{Swapped, attribute_anywhere, span_ids};
use super::traffic::{self, EMAIL};
use anyhow::{Result, bail};
use cadenza_env::{Clock, Disk};
use cadenza_model::hex;
use cadenza_traffic::Generator;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two traces meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// Traces before the change and after the swap.
const TRACES_AROUND: usize = 20;
/// A change is in force within two looks at the file and one at the chains; this is generous.
const SWAPPED_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks for the version in force.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A trace that was acknowledged.
struct Sent {
    id: String,
    spans: usize,
}

/// Sends, changes, goes on sending until the new version is in force and a little longer; then counts.
pub(super) async fn run(
    client: &mut Client,
    generator: &mut Generator,
    clock: &dyn Clock,
    disk: &dyn Disk,
    file: &ChainFile,
) -> Result<Swapped> {
    let before = client.chain_version().await?;
    let mut sent = Vec::new();
    for _ in 0..TRACES_AROUND {
        send(client, generator, clock, &mut sent).await?;
    }
    file.change(disk)?;
    let changed = clock.monotonic();
    let mut looked = changed;
    let version = loop {
        send(client, generator, clock, &mut sent).await?;
        let now = clock.monotonic();
        if now < looked + LOOK_EVERY {
            continue;
        }
        looked = now;
        let version = client.chain_version().await?;
        if version != before {
            break version;
        }
        if now > changed + SWAPPED_WITHIN {
            bail!("the changed chain is not in force after {SWAPPED_WITHIN:?}");
        }
    };
    let took = clock.monotonic().saturating_sub(changed);
    for _ in 0..TRACES_AROUND {
        send(client, generator, clock, &mut sent).await?;
    }
    let mut swapped = Swapped { before, version, took, traces: sent.len(), ..Swapped::default() };
    for Sent { id, spans } in &sent {
        count(&client.trace(id).await?, *spans, &mut swapped);
    }
    Ok(swapped)
}

async fn send(
    client: &mut Client,
    generator: &mut Generator,
    clock: &dyn Clock,
    sent: &mut Vec<Sent>,
) -> Result<()> {
    let trace = traffic::request(generator, sent.len() as u64, clock.unix_ns() - 200_000_000);
    let id = hex(&trace.trace_id);
    let spans = trace.spans.len();
    client.send(trace.into_request()).await?;
    sent.push(Sent { id, spans });
    clock.sleep(PAUSE).await;
    Ok(())
}

fn count(trace: &serde_json::Value, spans: usize, swapped: &mut Swapped) {
    let found = span_ids(trace);
    let distinct: BTreeSet<&str> = found.iter().copied().collect();
    swapped.spans += spans;
    swapped.lost += spans.saturating_sub(distinct.len());
    swapped.doubled += found.len() - distinct.len();
    let email = attribute_anywhere(trace, EMAIL);
    if email.contains('@') {
        swapped.last_before = email;
    } else if swapped.first_after.is_empty() {
        swapped.first_after = email;
    }
}
