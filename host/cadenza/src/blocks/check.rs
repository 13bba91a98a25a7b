//! `cadenza blocks check`.

use super::Options;
use anyhow::{Context, Result, bail};
use cadenza_env::Env;
use cadenza_model::TenantId;
use cadenza_store::{Checked, Fault, StoredBlock};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use uuid::Uuid;

/// At least one block is damaged.
const EXIT_DAMAGED: u8 = 2;
/// No block is known to be damaged, but the store did not give all of them.
const EXIT_UNREACHABLE: u8 = 3;

pub(super) async fn run(options: &Options, wanted: &[Uuid]) -> Result<ExitCode> {
    let env = crate::wire::real_env();
    let store = options.open(&env)?;
    let (mut outcomes, mut missing) = (Vec::new(), wanted.iter().copied().collect::<BTreeSet<_>>());
    let (mut damaged, mut unreachable) = (0_u64, 0_u64);
    for tenant in options.tenants(&store).await? {
        for found in store.inspect(&tenant).await? {
            if !wanted.is_empty() && !wanted.contains(&found.block_id) {
                continue;
            }
            missing.remove(&found.block_id);
            // Without a meta it is no block: it may be in the making.
            let outcome = match found.block {
                None => None,
                Some(Err(fault)) => Some(Err(fault)),
                Some(Ok(block)) => Some(read(&env, block).await?),
            };
            match &outcome {
                Some(Err(Fault::Damaged(_))) => damaged += 1,
                Some(Err(Fault::Unreachable(_))) => unreachable += 1,
                Some(Ok(_)) | None => {}
            }
            let told = describe(&tenant, found.block_id, outcome.as_ref());
            if !options.json {
                print(&told);
            }
            outcomes.push(told);
        }
    }
    if let Some(block) = missing.first() {
        bail!("there is no block {block}");
    }
    if options.json {
        println!("{:#}", Value::Array(outcomes));
    } else {
        println!("{} blocks, {damaged} damaged, {unreachable} out of reach", outcomes.len());
    }
    Ok(match (damaged, unreachable) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(EXIT_UNREACHABLE),
        _ => ExitCode::from(EXIT_DAMAGED),
    })
}

/// The bar shows on a terminal only.
async fn read(env: &Env, block: Arc<StoredBlock>) -> Result<Result<Checked, Fault>> {
    let bar = ProgressBar::new(block.meta().total_objects);
    bar.set_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} traces {eta}")?);
    bar.set_prefix(block.meta().block_id.to_string());
    let shown = bar.clone();
    let work = move || block.check(&mut |rows| shown.set_position(rows));
    let checked = env.spawn.blocking("check", work).await.context("the check ended before its time")?;
    bar.finish_and_clear();
    Ok(checked)
}

fn describe(tenant: &TenantId, block: Uuid, outcome: Option<&Result<Checked, Fault>>) -> Value {
    let (state, reason, checked) = match outcome {
        None => ("no meta", None, None),
        Some(Ok(checked)) => ("whole", None, Some(checked)),
        Some(Err(fault @ Fault::Damaged(_))) => ("damaged", Some(fault.to_string()), None),
        Some(Err(fault @ Fault::Unreachable(_))) => ("unreachable", Some(fault.to_string()), None),
    };
    json!({
        "tenant": tenant.as_str(),
        "block": block,
        "state": state,
        "reason": reason,
        "traces": checked.map(|checked| checked.traces),
        "spans": checked.map(|checked| checked.spans),
    })
}

fn print(told: &Value) {
    let text = |key: &str| told[key].as_str().unwrap_or_default().escape_debug().to_string();
    let detail = match (&told["reason"], &told["traces"]) {
        (Value::String(reason), _) => reason.escape_debug().to_string(),
        (_, Value::Number(traces)) => format!("{traces} traces, {} spans", told["spans"]),
        _ => "unfinished, or left over".to_owned(),
    };
    println!("{:<11} {} {}: {detail}", text("state"), text("tenant"), text("block"));
}
