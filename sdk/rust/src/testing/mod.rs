//! For a plugin's own tests: batches from plain rows, and edits applied to them, without a server or WebAssembly.
//!
//! ```
//! use cadenza_plugin_sdk::testing::*;
//!
//! let mut data = Data::default();
//! data.resource([("service.name", Value::from("shop"))]);
//! data.span("checkout", [("user.id", Value::from("u-1"))]);
//! assert_eq!(data.spans[0].name, "checkout");
//! ```
//!
//! [`run`] and [`decide`] configure a plugin with a JSON text, show it the data and apply its edits. Native steps are
//! not carried out here: they are the server's, and [`plan`] shows which ones a plugin asks for.

mod apply;
mod data;
mod otlp;
mod project;

pub use apply::apply;
pub use data::{Attributes, Data, Event, Link, Resource, Scoped, Span, Value};
pub use project::project;

use crate::layout::Layout;
use crate::types::{self, Context};
use crate::{Edits, Errors, HeadSampler, Plan, Plugin, Transform, Verdicts};

/// What calls get in tests.
pub fn context() -> Context {
    Context { now_unix_nano: 1_700_000_000_000_000_000, seed: 7 }
}

/// A configured plugin and its plan.
pub fn configure<P: Plugin>(json: &str) -> Result<(P, Plan), Errors> {
    crate::parse(json).and_then(P::configure)
}

/// The plan of a configuration that must be valid.
pub fn plan<P: Plugin>(json: &str) -> Plan {
    configure::<P>(json).unwrap_or_else(|errors| panic!("{errors}")).1
}

/// Runs an enricher or scrubber over the data, and gives its edits.
pub fn run<P: Transform>(json: &str, data: &mut Data) -> types::Edits {
    let (mut plugin, plan) = configure::<P>(json).unwrap_or_else(|errors| panic!("{errors}"));
    let batch = project(&plan, data);
    let (mut layout, mut edits) = (Layout::new(&plan), Edits::default());
    plugin
        .process(&context(), &crate::Batch::new(&batch, &plan, &mut layout), &mut edits)
        .unwrap_or_else(|error| panic!("{error}"));
    let edits = edits.finish();
    apply(&plan, data, &edits);
    edits
}

/// Asks a head sampler; gives whether each span is kept, and applies its edits to those.
pub fn decide<P: HeadSampler>(json: &str, data: &mut Data) -> Vec<bool> {
    let (mut plugin, plan) = configure::<P>(json).unwrap_or_else(|errors| panic!("{errors}"));
    let batch = project(&plan, data);
    let (mut layout, mut verdicts) = (Layout::new(&plan), Verdicts::new(batch.spans, Edits::default()));
    plugin
        .decide(&context(), &crate::Batch::new(&batch, &plan, &mut layout), &mut verdicts)
        .unwrap_or_else(|error| panic!("{error}"));
    let kept = (0..batch.spans).map(|span| verdicts.kept(span)).collect();
    apply(&plan, data, &verdicts.edits.finish());
    kept
}
