//! Derives `process.name`, `process.instance_id`, `step.name` and `step.index` of spans that do not say them.
//!
//! ```yaml
//! - name: process
//!   source: builtin:process-enricher
//!   config:                             # everything is optional; these are the defaults
//!     process_name:                     # the first source that gives something wins
//!       - {resource: process.executable.name}
//!       - {resource: process.executable.path, file: true}
//!       - {resource: process.command, file: true}
//!       - {resource: service.name}
//!     process_instance_id:
//!       - {resource: service.instance.id}
//!       - {resource: process.pid}
//!     step_name:
//!       - {name: "^(?i:step)[ :/._-]+(.+)$"}
//!       - {name: ".+"}
//!     step_index: {order: true, first: 0}
//!     overwrite: false                  # true: also where the attribute is there already
//! ```
//!
//! Sources:
//! - `{resource: KEY}` and `{span: KEY}`: an attribute, with its type. With `file: true` the file name in its text,
//!   without folders, arguments and the endings `.exe`, `.dll` and `.jar`.
//! - `{name: PATTERN}`: from the span's name: the first group of the pattern, or all that matches. Patterns are those of
//!   the crate `regex-lite`: RE2 without Unicode classes.
//! - `{value: TEXT}`: always this.
//! - `{trace_id: true}`: the trace id in hex, if each run of the process is a trace of its own.
//!
//! Steps are the spans whose parent is in the same request, or, with `steps: PATTERN`, those of them with such a name;
//! `step_*` is for steps only. `step_index` counts a parent's steps by their start (`order: true`), from `first`; or,
//! with `name: PATTERN`, it is the number in the span's name, and `order` is for names without one. A trace that a
//! client splits over requests, or that has more spans in one than a guest is called with (512), is counted in parts.
//!
//! Attributes that come as they are (`resource`, `span`, `value`) are native steps as far as the order of sources allows.

mod family;
mod process;
mod source;
mod step;

use cadenza_plugin_sdk::prelude::*;
use process::Derived;
use serde::Deserialize;
use source::Source;
use step::Steps;

/// See the crate's page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    process_name: Vec<Source>,
    process_instance_id: Vec<Source>,
    step_name: Vec<Source>,
    step_index: StepIndex,
    steps: Option<String>,
    overwrite: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StepIndex {
    order: bool,
    first: i64,
    name: Option<String>,
}

impl Default for StepIndex {
    fn default() -> Self {
        Self { order: true, first: 0, name: None }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            process_name: vec![
                Source::resource("process.executable.name"),
                Source::resource("process.executable.path").file(),
                Source::resource("process.command").file(),
                Source::resource("service.name"),
            ],
            process_instance_id: vec![
                Source::resource("service.instance.id"),
                Source::resource("process.pid"),
            ],
            step_name: vec![Source::name("^(?i:step)[ :/._-]+(.+)$"), Source::name(".+")],
            step_index: StepIndex::default(),
            steps: None,
            overwrite: false,
        }
    }
}

/// What the guest derives.
pub struct ProcessEnricher {
    processes: Vec<Derived>,
    steps: Option<Steps>,
}

impl Plugin for ProcessEnricher {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new(
            "process-enricher",
            env!("CARGO_PKG_VERSION"),
            "derives process.name, process.instance_id, step.name and step.index",
        )
        .schema(include_str!("../config.schema.json"))
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        let mut errors = Errors::default();
        let mut plan = Plan::default();
        let mut after = Vec::new();
        let mut processes = Vec::new();
        for (path, key, sources) in [
            ("/process_name", "process.name", &config.process_name),
            ("/process_instance_id", "process.instance_id", &config.process_instance_id),
        ] {
            let compiled = source::compile(sources, path, &mut errors);
            processes.extend(Derived::plan(key, compiled, config.overwrite, &mut plan, &mut after));
        }
        let steps = Steps::plan(&config, &mut plan, &mut errors);
        if !processes.is_empty() || steps.is_some() {
            plan.step(steps::guest());
        }
        plan.steps.extend(after);
        errors.ok((Self { processes, steps }, plan))
    }
}

#[enricher]
impl Transform for ProcessEnricher {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        for derived in &self.processes {
            derived.process(batch, edits);
        }
        if let Some(steps) = &self.steps {
            steps.process(batch, edits);
        }
        Ok(())
    }
}
