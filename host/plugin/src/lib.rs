//! Runs plugins: the only crate that knows the WebAssembly runtime.
//!
//! [`Runtime`] is one per process. It makes [`Loaded`] components from bytes, checking what they import before
//! it compiles them in a process of their own, and [`Plugin`]s of a tenant from components and configurations.
//! A call of a plugin is one try: a guest that fails costs at most its budget, its instance is thrown away, and
//! what it wrote in the call is forgotten.

mod bindings;
mod cache;
mod config;
mod convert;
mod error;
pub mod fuzzing;
mod guest;
mod host;
mod key;
mod loader;
mod metadata;
mod metrics;
mod plugin;
mod pool;
mod runtime;
mod state;
mod ticker;

pub use config::{CompileLimits, Compiler, Config, Limits};
pub use error::{ConfigError, ConfigureError, Failure, LoadError};
pub use host::thread_cpu;
pub use key::host_secret;
pub use loader::{COMPILE_COMMAND, Import, Loaded, compile_child, imports};
pub use metadata::{METRICS_MAX, Metadata, Metric, MetricKind, NAME_BYTES_MAX};
pub use metrics::Metrics;
pub use plugin::{Plugin, PluginOptions};
pub use runtime::{Runtime, StartError};
