//! Derives a process and a step from other attributes.
use cadenza_plugin_sdk::prelude::*;

/// Derives a process and a step.
pub struct Enricher {
    function: Column,
    thread: Column,
    process: Target,
    step: Target,
}

/// Nothing can be configured.
#[derive(serde::Deserialize)]
pub struct Config {}

impl Plugin for Enricher {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("bench-enricher", env!("CARGO_PKG_VERSION"), "derives process.name and step.index")
    }

    fn configure(_: Config) -> Result<(Self, Plan), Errors> {
        let mut plan = Plan::default();
        let (function, thread) = bench_logic::NAMES;
        let (process, step) = bench_logic::WRITTEN;
        let enricher = Self {
            function: plan.column(attribute(Scope::Span, function)),
            thread: plan.column(attribute(Scope::Span, thread)),
            process: plan.target(Scope::Span, process),
            step: plan.target(Scope::Span, step),
        };
        Ok((enricher, plan))
    }
}

#[enricher]
impl Transform for Enricher {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        let mut writer = edits.upsert_beside(self.process, self.function);
        for entry in batch.column(self.function).entries() {
            writer.str(entry.index, bench_logic::process(entry.text));
        }
        let mut writer = edits.upsert_beside(self.step, self.thread);
        for entry in batch.column(self.thread).entries() {
            if let Some(step) = bench_logic::step(entry.text) {
                writer.int(entry.index, step);
            }
        }
        Ok(())
    }
}
