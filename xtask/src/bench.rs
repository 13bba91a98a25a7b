//! `cargo xtask bench`: speed and memory of the shipped build, on deterministic data.

use crate::sh::{self, cargo};
use anyhow::Result;

/// Arguments go to the bench program; `--help` lists them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    sh::run(&mut cargo(&["build", "--release", "--package", "cadenza"]))?;
    let mut bench = cargo(&["run", "--release", "--package", "cadenza-tests", "--bin", "bench", "--"]);
    bench.args(args).env("CADENZA_BIN", sh::target_dir().join("release/cadenza"));
    sh::run(&mut bench)
}
