//! `cadenza plugin …`: what somebody who writes a plugin needs besides a compiler.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tools for a person at a terminal: they read files, run compilers and print"
)]

mod bench;
mod build;
mod check;
mod lab;
mod scaffold;
mod subject;
mod term;
mod try_out;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use subject::Subject;
use term::ColorChoice;

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
    /// Says what a component is, what it imports, and whether a server would run it with a configuration.
    Check {
        #[command(flatten)]
        subject: Subject,
        /// When to use colour.
        #[arg(long, default_value = "auto")]
        color: ColorChoice,
    },
    /// Runs a plugin on a file of traces and shows what it did to them.
    Test(try_out::Options),
    /// Measures what a plugin costs a span.
    Bench(bench::Options),
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
        Tool::New { name, kind, sdk } => scaffold::new(&name, &kind, sdk).map(|()| ExitCode::SUCCESS),
        Tool::Build { folder, output } => build::run(&folder, output).map(|()| ExitCode::SUCCESS),
        Tool::Check { subject, color } => check::run(&subject, color),
        Tool::Test(options) => try_out::run(&options),
        Tool::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => crate::cli::fail(1, &format!("{error:#}")),
    }
}
