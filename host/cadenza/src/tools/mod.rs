//! `cadenza plugin …`: what somebody who writes a plugin needs besides a compiler.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tools for a person at a terminal: they read files, run compilers and print"
)]

mod build;
mod scaffold;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes, builds, checks, tries and measures plugins.
#[derive(Debug, Parser)]
#[command(name = "cadenza plugin", about, disable_version_flag = true)]
struct Tools {
    #[command(subcommand)]
    command: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// A crate that builds, with a test that passes.
    New {
        /// Its name: also that of the folder.
        name: String,
        /// What it is: enricher, scrubber or head-sampler.
        #[arg(long, default_value = "enricher")]
        kind: String,
        /// The SDK's folder (`sdk/rust` of Cadenza's sources); looked for above the working directory if absent.
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Compiles the crate of a folder to a component.
    Build {
        /// The crate's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Where the component goes; `NAME.wasm` in the crate's folder if absent.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

/// Runs a tool; `args` are those behind `plugin`.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let named = std::iter::once("cadenza plugin".to_owned()).chain(args.iter().cloned());
    let tools = match Tools::try_parse_from(named) {
        Ok(tools) => tools,
        Err(error) => {
            // A request for help is no failure; clap knows the difference.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let done = match tools.command {
        Tool::New { name, kind, sdk } => scaffold::new(&name, &kind, sdk),
        Tool::Build { folder, output } => build::run(&folder, output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::cli::fail(1, &format!("{error:#}")),
    }
}
