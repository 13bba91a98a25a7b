//! The configuration: the complete key tree of Tempo 2.x and 3.0, strict, with limits per tenant.
//!
//! A text goes through five steps, each in its module: environment variables (`expand`), YAML with places
//! (`yaml`), the old flat limits into their scoped form (`flat`), the check against the schema (`schema`,
//! `check`), and the typed tree ([`Config`], `tree`). A key is used, accepted without effect and named, or
//! refused because it guards safety and is not implemented: nothing is silently ignored.

mod args;
mod buckets;
mod check;
mod columns;
mod config;
mod error;
mod expand;
mod flags;
mod flat;
pub mod fuzzing;
mod load;
mod overrides;
mod plugins;
mod print;
mod scalar;
pub mod schema;
mod tree;
mod values;
mod yaml;

pub use args::{Args, ArgsError, Command, Setting, help, parse_args};
pub use buckets::{Azure, Backend, ClientTls, Gcs, Hedge, S3, Sse};
pub use config::{
    BlockOptions, BlockVersion, ColumnKind, ColumnOption, ColumnScope, Compaction, Config, DedicatedColumn,
    Distributor, Listen, Live, LogFormat, LogLevel, MetricsQueries, OtlpGrpc, OtlpHttp, OtlpReceiver,
    OverridesConfig, Poll, Querier, QueryFrontend, Search, Server, Storage, TargetError,
};
pub use error::{ConfigError, EXIT_BAD_CONFIG, EXIT_DRAINED, EXIT_FAILED_START, PROBLEMS_MAX, Problem};
pub use expand::{Env, NoEnv};
pub use load::{LoadOptions, Loaded};
pub use overrides::{Limits, Overrides, Reload};
pub use plugins::{
    CHAIN_ENTRIES_MAX, OnFailure, PluginAdmin, PluginEntry, PluginMode, PluginSource, Plugins,
    plugin_config_json,
};
pub use print::PrintMode;
pub use yaml::{BYTES_MAX, DEPTH_MAX, NODES_MAX};
