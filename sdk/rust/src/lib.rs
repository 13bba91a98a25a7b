//! Write plugins for Cadenza in Rust.
//!
//! A plugin says in [`Plugin::configure`] which columns it wants to see and what it may write, and gets batches of
//! columns and gives edits. Rules without logic are [native steps](steps) that the server carries out by itself; a
//! plugin that has only those is never called.
//!
//! ```
//! use cadenza_plugin_sdk::prelude::*;
//!
//! /// Counts words in `message` and writes the number beside it.
//! struct Words {
//!     message: Column,
//!     words: Target,
//! }
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {}
//!
//! impl Plugin for Words {
//!     type Config = Config;
//!     fn describe() -> Metadata {
//!         Metadata::new("words", env!("CARGO_PKG_VERSION"), "counts the words of messages")
//!     }
//!     fn configure(_: Config) -> Result<(Self, Plan), Errors> {
//!         let mut plan = Plan::default();
//!         let message = plan.column(attribute(Scope::Span, "message"));
//!         let words = plan.target(Scope::Span, "message.words");
//!         Ok((Self { message, words }, plan))
//!     }
//! }
//!
//! #[enricher]
//! impl Transform for Words {
//!     fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
//!         for entry in batch.column(self.message).entries() {
//!             let count = entry.text.split_whitespace().count();
//!             edits.upsert_beside(self.words, self.message).int(entry.index, count as i64);
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! With the feature `testing`, plugins are tested without a server or WebAssembly: see [`testing`].

mod arena;
pub mod batch;
mod config;
mod edits;
mod export;
pub mod host;
mod layout;
mod metadata;
pub mod plan;
pub mod steps;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use batch::Batch;
pub use cadenza_plugin_bindings::cadenza::plugin::{native, types};
pub use cadenza_plugin_macros::{enricher, head_sampler, scrubber};
pub use config::{ConfigError, Errors, parse};
pub use edits::{Edits, Verdicts};
#[doc(hidden)]
pub use export::glue;
pub use export::{HeadSampler, Plugin, Transform};
pub use metadata::{Kind, Metadata, OnFailure};
pub use plan::{Column, Plan, Target};

/// What most plugins need.
pub mod prelude {
    pub use crate::plan::{Column, Plan, Target, attribute, intrinsic};
    pub use crate::types::{Context, Intrinsic, KeySelector, Scope, ValueType};
    pub use crate::{
        Batch, ConfigError, Edits, Errors, HeadSampler, Metadata, OnFailure, Plugin, Transform, Verdicts,
        enricher, head_sampler, host, scrubber, steps,
    };
}
