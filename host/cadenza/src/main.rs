//! Cadenza: a distributed-tracing backend, drop-in for Grafana Tempo.
//!
//! This file is the table of contents: command line, configuration, runtime, run.

mod blocks;
mod cli;
mod demo;
mod doors;
mod logging;
mod plugins;
mod resources;
mod run;
mod serve;
mod settings;
mod shutdown;
mod tools;
mod upkeep;
mod wire;

use cadenza_config::{Command, EXIT_BAD_CONFIG, EXIT_DRAINED, EXIT_FAILED_START, parse_args};
use std::process::ExitCode;

/// Threads for blocking work: queries, block building, large decodes. More than the cores can use, so that
/// reads waiting for a disk do not hold up others; few enough that their stacks stay small.
const BLOCKING_THREADS_MAX: usize = 64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("plugin") => return tools::run(&words[1..]),
        Some("blocks") => return blocks::run(&words[1..]),
        // The server calls itself: a compile must be bounded, and cannot be within a process.
        Some(cadenza_plugin::COMPILE_COMMAND) => return cadenza_plugin::compile_child(),
        _ => {}
    }
    let args = match parse_args(words) {
        Ok(args) => args,
        Err(error) => return cli::fail(error.exit_code(), &error),
    };
    if args.version || args.help {
        return cli::print_about(args.version);
    }
    if args.health {
        return cli::check_health(&args.health_url);
    }
    let loaded = match settings::load(&args) {
        Ok(loaded) => loaded,
        Err(error) => return cli::fail(EXIT_BAD_CONFIG, &format!("{error:#}")),
    };
    if args.verify {
        return cli::verify(&loaded);
    }
    if let Err(error) = loaded.config.check_target() {
        return cli::fail(EXIT_FAILED_START, &error);
    }
    if let Err(error) = loaded.startable() {
        return cli::fail(error.exit_code(), &error);
    }
    cadenza_objects::http::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(resources::cores())
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .expect("the system can start a runtime");
    let demo = args.command == Command::Demo;
    match runtime.block_on(run::run(loaded, demo)) {
        Ok(()) => ExitCode::from(EXIT_DRAINED),
        Err(error) => cli::fail(EXIT_FAILED_START, &format!("{error:#}")),
    }
}
