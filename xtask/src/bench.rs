//! `cargo xtask bench`: speed and memory of the shipped build, on deterministic data.

use crate::plugins;
use crate::sh::{self, cargo};
use anyhow::Result;
use std::process::Command;

/// Arguments go to the bench program; `--help` lists them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    // One build of everything: packages built by themselves get other features, and everything is built again.
    sh::run(&mut cargo(&["build", "--release", "--workspace", "--bins", "--examples"]))?;
    let release = sh::target_dir().join("release");
    let program = |name: &str| Command::new(release.join(name));
    let server = release.join("cadenza");
    if args.first().is_some_and(|arg| arg == "plugins") {
        let guests = plugins::bench_guests()?;
        sh::run(&mut program("examples/transform_bench"))?;
        sh::run(program("examples/plugin_bench").arg(&guests).arg(&server))?;
        return sh::run(program("bench").arg("plugins").arg(guests).env("CADENZA_BIN", server));
    }
    sh::run(program("bench").args(args).env("CADENZA_BIN", server))
}
