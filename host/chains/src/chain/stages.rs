//! A chain as stages: plugins for all spans, for copies, for some traces.

use super::canary::Canary;
use super::rows::Fates;
use super::segment::Segment;
use super::shadow::{Shadow, Shadows};
use super::{ChainMetrics, Link, PluginChain};
use crate::{Assembled, Fault, Mode};
use cadenza_env::Clock;
use cadenza_ingest::chain::{Chain, Hold, Processing};
use cadenza_model::{Columns, TenantId};
use std::ops::Range;
use std::sync::Arc;

/// What a batch meets, one after another.
pub(super) enum Stage {
    /// Plugins that work on all spans.
    All(Segment),
    /// One that works on copies.
    Shadow(Arc<Shadow>),
    /// One that works on some traces.
    Canary(Canary),
}

/// Stages of links in their order: neighbours that work on all spans share one projection.
pub(super) fn stages(
    tenant: &TenantId,
    links: Vec<Link>,
    metrics: &ChainMetrics,
    clock: &Arc<dyn Clock>,
    shadows: &Shadows,
) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut together = Vec::new();
    let all = |together: &mut Vec<Link>, stages: &mut Vec<Stage>| {
        if !together.is_empty() {
            let links = std::mem::take(together);
            stages.push(Stage::All(Segment::new(tenant, links, &metrics.enforced, clock)));
        }
    };
    for link in links {
        let stage = match link.entry.mode {
            Mode::Enforce => {
                together.push(link);
                continue;
            }
            Mode::Shadow => {
                let skipped = metrics.skipped(tenant, &link.entry.name);
                let segment = Segment::new(tenant, vec![link], &metrics.shadow, clock);
                Stage::Shadow(Arc::new(Shadow::new(segment, shadows.clone(), skipped)))
            }
            Mode::Canary(share) => {
                let segment = Segment::new(tenant, vec![link], &metrics.enforced, clock);
                Stage::Canary(Canary { segment, share })
            }
        };
        all(&mut together, &mut stages);
        stages.push(stage);
    }
    all(&mut together, &mut stages);
    stages
}

impl Chain for PluginChain {
    fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn calls_guests(&self) -> bool {
        self.stages.iter().any(|stage| match stage {
            Stage::All(segment) => segment.calls_guests,
            Stage::Canary(canary) => canary.segment.calls_guests,
            Stage::Shadow(_) => false,
        })
    }

    fn run(&self, columns: &mut Columns, requests: &[Range<usize>]) -> Result<Processing, Hold> {
        let (fates, edited) = self.pass(columns, requests, false)?;
        let (verdicts, reasons) = fates.into_parts();
        Ok(Processing { verdicts, reasons, edited })
    }
}

impl PluginChain {
    /// What becomes of the spans, and whether dictionaries hold what nothing uses any more: the write path
    /// cleans them once, when it has removed spans too.
    fn pass(
        &self,
        columns: &mut Columns,
        requests: &[Range<usize>],
        is_trial: bool,
    ) -> Result<(Fates, bool), Hold> {
        let mut fates = Fates::default();
        let mut edited = false;
        if columns.spans.is_empty() {
            return Ok((fates, edited));
        }
        for stage in &self.stages {
            match stage {
                Stage::All(segment) => edited |= segment.pass(columns, requests, is_trial, &mut fates)?,
                Stage::Canary(canary) => edited |= canary.pass(columns, requests, is_trial, &mut fates)?,
                Stage::Shadow(shadow) if !is_trial => shadow.offer(columns, requests),
                // Nothing may depend on what a shadow does.
                Stage::Shadow(_) => {}
            }
        }
        Ok((fates, edited))
    }

    fn last_enforced(&self) -> Option<&str> {
        self.stages
            .iter()
            .rev()
            .find_map(|stage| match stage {
                Stage::All(segment) => segment.members.last(),
                Stage::Canary(canary) => canary.segment.members.last(),
                Stage::Shadow(_) => None,
            })
            .map(|member| member.name.as_str())
    }
}

impl Assembled for PluginChain {
    fn trial(&self, mut columns: Columns) -> Result<(), Fault> {
        let plugin = self.last_enforced().unwrap_or_default().to_owned();
        // What was recorded does not say where a request ends.
        let all = 0..columns.spans.len();
        let fates = self.pass(&mut columns, std::slice::from_ref(&all), true);
        let (fates, _) = fates.map_err(|hold| Fault { plugin: plugin.clone(), message: hold.message })?;
        match fates.has_rejected() {
            Some(reason) => {
                let message = format!("fails on spans that the tenant has sent lately: {reason}");
                Err(Fault { plugin, message })
            }
            None => Ok(()),
        }
    }

    fn status(&self) -> serde_json::Value {
        let mut all = serde_json::Map::new();
        for stage in &self.stages {
            match stage {
                Stage::All(segment) => segment.status(&mut all),
                Stage::Canary(canary) => canary.segment.status(&mut all),
                Stage::Shadow(shadow) => shadow.status(&mut all),
            }
        }
        all.into()
    }
}
