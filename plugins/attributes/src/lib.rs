//! The OpenTelemetry Collector's attributes processor (0.155), its YAML taken as it stands.
//!
//! ```yaml
//! - name: attributes
//!   source: builtin:attributes
//!   config:
//!     include: {match_type: regexp, services: ["checkout.*"]}   # optional, as `exclude`
//!     actions:                                                  # in order, on span attributes
//!       - {key: http.request.header.authorization, action: delete}
//!       - {pattern: "^secret\\.", action: delete}
//!       - {key: env, value: prod, action: insert}               # insert, update, upsert: value, from_attribute
//!       - {key: user.id, action: hash}                          #   and default_value
//!       - {key: url, pattern: "^(?P<proto>[a-z]+)://", action: extract}
//!       - {key: n, converted_type: int, action: convert}        # string, int, double
//! ```
//!
//! Everything becomes native steps: no span enters WebAssembly.
//!
//! Where it differs from the Collector:
//! - `from_context` is refused: requests' metadata does not reach plugins;
//! - several attributes of one key are all acted upon, not only the first;
//! - `match_type: strict` takes a number in a condition as equal to the same number of the other type;
//! - `match_type: regexp` looks at strings and bools in `attributes` and `resources`, not at numbers;
//! - settings of logs and metrics (`log_bodies`, `metric_names`, …) are refused.

mod actions;
mod matching;

use actions::Action;
use cadenza_plugin_sdk::prelude::*;
use matching::Match;
use serde::Deserialize;

/// As the Collector's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    include: Option<Match>,
    exclude: Option<Match>,
    actions: Vec<Action>,
}

/// Has nothing to keep: its plan is all there is.
pub struct Attributes;

impl Plugin for Attributes {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new(
            "attributes",
            env!("CARGO_PKG_VERSION"),
            "adds, changes, hashes and deletes span attributes, as the Collector's attributes processor",
        )
        .fail_closed()
        .schema(include_str!("../config.schema.json"))
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        let mut errors = Errors::default();
        if config.actions.is_empty() {
            errors.at("/actions", "must not be empty");
        }
        let only = matching::filter(config.include.as_ref(), config.exclude.as_ref(), &mut errors);
        let mut plan = Plan::default();
        for (i, action) in config.actions.iter().enumerate() {
            action.steps(&format!("/actions/{i}"), &only, &mut plan.steps, &mut errors);
        }
        errors.ok((Self, plan))
    }
}

#[scrubber]
impl Transform for Attributes {
    fn process(&mut self, _: &Context, _: &Batch<'_>, _: &mut Edits) -> Result<(), String> {
        Ok(())
    }
}
