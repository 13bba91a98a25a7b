//! `cadenza blocks …`: what is in a bucket, without a server. Nothing is written.
#![expect(clippy::print_stdout, reason = "tools for a person or a script at a terminal")]

mod check;
mod list;

use anyhow::{Context, Result};
use cadenza_config::EXIT_BAD_CONFIG;
use cadenza_env::Env;
use cadenza_model::TenantId;
use cadenza_store::Store;
use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

/// The tool could not do what it was asked to.
const EXIT_FAILED: u8 = 1;

/// Reading one block at a time needs no more.
const WORKER_THREADS: usize = 2;

/// Looks at the blocks of a bucket.
#[derive(Debug, Parser)]
#[command(name = "cadenza blocks", about, disable_version_flag = true)]
struct Tools {
    #[command(subcommand)]
    command: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// All blocks, those that cannot be used included.
    List(Options),
    /// Reads blocks whole and says which are damaged (exit code 2) or out of reach (exit code 3).
    Check {
        #[command(flatten)]
        options: Options,
        /// Only these blocks.
        #[arg(long = "block")]
        blocks: Vec<uuid::Uuid>,
    },
}

/// What all tools take.
#[derive(Debug, Args)]
struct Options {
    /// The server's configuration: where the bucket is, and with which credentials.
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: String,
    /// Replace `${NAME}` in the configuration by environment variables.
    #[arg(
        long = "config.expand-env",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    expand_env: bool,
    /// Only this tenant; all of them if absent.
    #[arg(long)]
    tenant: Option<String>,
    /// For programs instead of for people.
    #[arg(long)]
    json: bool,
}

impl Options {
    fn open(&self, env: &Env) -> Result<Store> {
        let args =
            [format!("-config.file={}", self.config_file), format!("-config.expand-env={}", self.expand_env)];
        let loaded = crate::settings::load(&cadenza_config::parse_args(args)?)?;
        crate::wire::open_bucket(env, &loaded.config)
    }

    async fn tenants(&self, store: &Store) -> Result<Vec<TenantId>> {
        match &self.tenant {
            Some(name) => {
                Ok(vec![TenantId::parse(name).with_context(|| format!("`{name}` is no tenant's name"))?])
            }
            None => {
                let mut tenants = store.list_tenants().await.context("the bucket cannot be listed")?;
                tenants.sort_by(|a, b| a.as_str().cmp(b.as_str()));
                Ok(tenants)
            }
        }
    }
}

/// Runs a tool; `args` are those behind `blocks`.
pub(crate) fn run(args: &[String]) -> ExitCode {
    // The server's flags take one dash or two.
    let two_dashes = |arg: &String| match arg.starts_with("-config.") {
        true => format!("-{arg}"),
        false => arg.clone(),
    };
    let named = std::iter::once("cadenza blocks".to_owned()).chain(args.iter().map(two_dashes));
    let tools = match Tools::try_parse_from(named) {
        Ok(tools) => tools,
        Err(error) => {
            // A request for help is no failure; clap knows the difference. Its own code for a bad command line
            // would be taken for a damaged block.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { EXIT_BAD_CONFIG } else { 0 });
        }
    };
    cadenza_objects::http::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .expect("the system can start a runtime");
    let done = runtime.block_on(async {
        match tools.command {
            Tool::List(options) => list::run(&options).await,
            Tool::Check { options, blocks } => check::run(&options, &blocks).await,
        }
    });
    match done {
        Ok(code) => code,
        Err(error) => crate::cli::fail(EXIT_FAILED, &format!("{error:#}")),
    }
}
