//! A file of traces through the chain that a server would run.

use super::rows::{Pair, Row, flat, pair, tree};
use anyhow::{Result, bail};
use cadenza_chains::Assembled;
use cadenza_ingest::chain::Verdict;
use cadenza_model::Columns;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use std::collections::HashMap;

/// What became of all spans.
pub(super) struct Outcome {
    pub(super) pairs: Vec<Pair>,
    /// The traces afterwards.
    pub(super) tree: Vec<ResourceSpans>,
    /// What the chain counted.
    pub(super) counters: serde_json::Value,
}

impl Outcome {
    /// Spans that the plugin failed on: rejected, or let through as they were.
    pub(super) fn failed_spans(&self) -> u64 {
        let count = |name: &str| self.counters[name].as_u64().unwrap_or_default();
        count("rejected") + count("unmodified")
    }
}

/// Runs each batch.
pub(super) fn run(chain: &dyn Assembled, plugin: &str, batches: Vec<Columns>) -> Result<Outcome> {
    let mut outcome = Outcome { pairs: Vec::new(), tree: Vec::new(), counters: serde_json::Value::Null };
    for columns in batches {
        one(chain, columns, &mut outcome)?;
    }
    outcome.counters = chain.status()[plugin].take();
    Ok(outcome)
}

fn one(chain: &dyn Assembled, mut columns: Columns, outcome: &mut Outcome) -> Result<()> {
    let before = flat(tree(&columns));
    let spans = columns.spans.len();
    let done = match chain.run(&mut columns, std::slice::from_ref(&(0..spans))) {
        Ok(done) => done,
        Err(hold) => bail!("no span would be taken, clients would have to come again: {}", hold.message),
    };
    let kept = |row: usize| done.verdicts.get(row).is_none_or(|verdict| *verdict == Verdict::Keep);
    // What a span that did not stay was, in the order in which the rest is found again.
    let mut fates: HashMap<(Vec<u8>, Vec<u8>), Vec<String>> = HashMap::new();
    for row in (0..spans).filter(|row| !kept(*row)) {
        let reason = match done.verdicts[row] {
            Verdict::Reject(reason) => match done.reasons.get(usize::from(reason)) {
                Some(reason) => format!("rejected, the plugin failed on it: {reason}"),
                None => "rejected".to_owned(),
            },
            _ => "sampled out".to_owned(),
        };
        let ids = (columns.spans.trace_id[row].0.to_vec(), columns.spans.span_id[row].bytes().to_vec());
        fates.entry(ids).or_default().push(reason);
    }
    if !done.verdicts.is_empty() {
        columns.retain_rows(kept);
    }
    columns.compact();
    let after = tree(&columns);
    let mut pairs = pair(before, flat(after.clone()));
    for pair in &mut pairs {
        if let (Some(Row { span, .. }), None) = (&pair.before, &pair.after) {
            let ids = (span.trace_id.clone(), span.span_id.clone());
            pair.fate = fates.get_mut(&ids).and_then(Vec::pop);
        }
    }
    outcome.pairs.extend(pairs);
    outcome.tree.extend(after);
    Ok(())
}
