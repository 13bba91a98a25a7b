//! `cadenza blocks list`.

use super::Options;
use anyhow::Result;
use cadenza_model::TenantId;
use cadenza_store::Inspected;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) async fn run(options: &Options) -> Result<ExitCode> {
    let store = options.open(&crate::wire::real_env())?;
    let mut blocks = Vec::new();
    for tenant in options.tenants(&store).await? {
        blocks.extend(store.inspect(&tenant).await?.iter().map(|found| describe(&tenant, found)));
    }
    if options.json {
        println!("{:#}", Value::Array(blocks));
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<36}  {:<10} {:<10} {:>3} {:>9} {:>13}  TENANT",
        "BLOCK", "STATE", "FORMAT", "LVL", "TRACES", "BYTES"
    );
    for block in &blocks {
        let text = |key: &str| match &block[key] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        println!(
            "{:<36}  {:<10} {:<10} {:>3} {:>9} {:>13}  {}",
            text("block"),
            text("state"),
            text("format"),
            text("level"),
            text("traces"),
            text("bytes"),
            text("tenant"),
        );
        if let Value::String(reason) = &block["reason"] {
            println!("    {}", reason.escape_debug());
        }
    }
    println!("{} blocks", blocks.len());
    Ok(ExitCode::SUCCESS)
}

fn describe(tenant: &TenantId, found: &Inspected) -> Value {
    let state = if found.is_compacted { "compacted" } else { "live" };
    match &found.block {
        None => json!({ "tenant": tenant.as_str(), "block": found.block_id, "state": "no meta" }),
        Some(Err(fault)) => json!({
            "tenant": tenant.as_str(), "block": found.block_id, "state": "unusable", "reason": fault.to_string(),
        }),
        Some(Ok(block)) => {
            let meta = block.meta();
            json!({
                "tenant": tenant.as_str(),
                "block": found.block_id,
                "state": state,
                "format": meta.format,
                "level": meta.compaction_level,
                "traces": meta.total_objects,
                "bytes": meta.size,
                "start": meta.start_time,
                "end": meta.end_time,
            })
        }
    }
}
