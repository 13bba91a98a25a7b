//! `cargo xtask check`: everything that can be said without running the product.

use crate::plugins;
use crate::sh::{self, Budget, PROFILE, cargo};
use anyhow::Result;

/// Formatting, lints and documentation, warnings being errors.
pub(crate) fn run() -> Result<()> {
    let mut budget = Budget::default();
    budget.part("format", || run_cargo(&["fmt", "--all", "--check"], &[]))?;
    budget.part("format of plugins", || sh::run(plugins::cargo("fmt").args(["--all", "--check"])))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--profile", PROFILE, "--", "-D", "warnings"];
    budget.part("lints", || run_cargo(&clippy, &[]))?;
    // Natively: neither this nor their tests need the wasm target.
    let clippy = ["--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    budget.part("lints of plugins", || sh::run(plugins::native("clippy").args(clippy)))?;
    let doc = ["doc", "--workspace", "--no-deps", "--profile", PROFILE, "--document-private-items"];
    budget.part("documentation", || run_cargo(&doc, &[("RUSTDOCFLAGS", "-D warnings")]))?;
    budget.part("tidy", || run_cargo(&["test", "--profile", PROFILE, "--package", "xtask"], &[]))?;
    budget.print();
    Ok(())
}

fn run_cargo(args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    sh::run(cargo(args).envs(env.iter().copied()))
}
