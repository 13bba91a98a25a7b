//! The OpenTelemetry Collector's probabilistic sampler (0.155), decision for decision.
//!
//! ```yaml
//! - name: sample
//!   source: builtin:probabilistic-sampler
//!   config:
//!     sampling_percentage: 10     # 0 (the default) keeps nothing, 100 and more everything
//!     mode: hash_seed             # or proportional, equalizing
//!     hash_seed: 0                # samplers in a row need different ones; only for mode hash_seed
//!     fail_closed: true           # drop spans whose tracestate or trace id makes no sense
//!     sampling_precision: 4       # hex digits of thresholds
//! ```
//!
//! - `hash_seed` hashes the trace id with the seed and compares 14 bits.
//! - `proportional` multiplies the probability that a span arrives with (`th` in its tracestate) by this one.
//! - `equalizing` brings all spans to this probability; those that arrive with a lower one pass.
//!
//! Randomness is `rv` of the tracestate or, in the latter two modes, the trace id. Kept spans carry their threshold
//! (and `rv`, in mode `hash_seed`) in the tracestate. The span attribute `sampling.priority` overrules: 0 drops, more
//! keeps. Settings of logs (`attribute_source`, `from_attribute`, `sampling_priority`) are taken and have no effect,
//! as in the Collector's traces.

mod sampler;
mod tracestate;

use cadenza_plugin_sdk::prelude::*;
use sampler::{Mode, Priority, Sampler, Settings};
use serde::Deserialize;

/// As the Collector's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    sampling_percentage: f32,
    hash_seed: u32,
    mode: Mode,
    fail_closed: bool,
    sampling_precision: u8,
    attribute_source: AttributeSource,
    #[serde(rename = "from_attribute")]
    _from_attribute: String,
    #[serde(rename = "sampling_priority")]
    _sampling_priority: String,
}

#[derive(Deserialize)]
enum AttributeSource {
    #[serde(rename = "traceID", alias = "")]
    TraceId,
    #[serde(rename = "record")]
    Record,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sampling_percentage: 0.0,
            hash_seed: 0,
            mode: Mode::HashSeed,
            fail_closed: true,
            sampling_precision: 4,
            attribute_source: AttributeSource::TraceId,
            _from_attribute: String::new(),
            _sampling_priority: String::new(),
        }
    }
}

/// The sampler and its columns.
pub struct ProbabilisticSampler {
    sampler: Sampler,
    trace_id: Column,
    trace_state: Column,
    priority_int: Column,
    priority_double: Column,
    priority_str: Column,
}

const PRIORITY: &str = "sampling.priority";

impl Plugin for ProbabilisticSampler {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new(
            "probabilistic-sampler",
            env!("CARGO_PKG_VERSION"),
            "keeps a share of the traces, as the Collector's probabilistic sampler",
        )
        .schema(include_str!("../config.schema.json"))
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        let mut errors = Errors::default();
        let ratio = f64::from(config.sampling_percentage) / 100.0;
        if !ratio.is_finite() || ratio < 0.0 {
            errors.at("/sampling_percentage", "must be a number from 0");
        } else if ratio > 0.0 && ratio < sampler::RATIO_MIN {
            errors.at("/sampling_percentage", "is less than one in 2^56");
        }
        if !(1..=14).contains(&config.sampling_precision) {
            errors.at("/sampling_precision", "must be 1 to 14 hex digits");
        }
        // Taken as valid, and without effect on traces.
        match config.attribute_source {
            AttributeSource::TraceId | AttributeSource::Record => {}
        }
        let sampler = Sampler::new(&Settings {
            percentage: config.sampling_percentage,
            seed: config.hash_seed,
            mode: config.mode,
            fail_closed: config.fail_closed,
            precision: i32::from(config.sampling_precision),
        });
        let mut plan = Plan::default();
        let mut priority = |values| plan.column(attribute(Scope::Span, PRIORITY).values(values));
        let priority_int = priority(ValueType::Int);
        let priority_double = priority(ValueType::Double);
        let priority_str = priority(ValueType::Str);
        let trace_id = plan.column(intrinsic(Intrinsic::TraceId));
        let trace_state = plan.column(intrinsic(Intrinsic::TraceState).update());
        errors
            .ok((Self { sampler, trace_id, trace_state, priority_int, priority_double, priority_str }, plan))
    }
}

impl ProbabilisticSampler {
    /// Of each span; most have none.
    fn priorities(&self, batch: &Batch<'_>) -> Vec<Priority> {
        let mut priorities = vec![Priority::Defer; batch.spans() as usize];
        for column in [self.priority_int, self.priority_double, self.priority_str] {
            for cell in batch.column(column).cells() {
                priorities[cell.row as usize] = Priority::of(cell.value);
            }
        }
        priorities
    }
}

#[head_sampler]
impl HeadSampler for ProbabilisticSampler {
    fn decide(&mut self, _: &Context, batch: &Batch<'_>, verdicts: &mut Verdicts) -> Result<(), String> {
        let priorities = self.priorities(batch);
        let states = batch.column(self.trace_state);
        let parsed: Vec<_> = states.entries().map(|entry| tracestate::parse(entry.text)).collect();
        let mut text = String::new();
        for (span, trace_id) in (0..batch.spans()).zip(batch.column(self.trace_id).ids::<16>()) {
            let entry = states.entry_of(span).unwrap_or_default() as usize;
            let decision = self.sampler.decide(trace_id, &parsed[entry], priorities[span as usize]);
            if !decision.kept {
                continue;
            }
            verdicts.keep(span);
            if let Some(state) = decision.state {
                text.clear();
                state.write(&mut text);
                if states.text(span) != Some(text.as_str()) {
                    verdicts.edits.update_cells(self.trace_state).str(span, &text);
                }
            }
        }
        Ok(())
    }
}
