//! `cargo xtask test`: every test there is, on a bare machine.
//!
//! Tools the tests need are installed first, from package registries, into the user's cache. What this
//! machine cannot run is listed with its reason at the end: no test skips itself silently.

use crate::plugins;
use crate::sh::{self, Budget, PROFILE, cargo, target_dir};
use crate::tools;
use anyhow::Result;
use std::time::Duration;

/// Longest all tests may take, several times what they do: a test that hangs is a failure that names itself,
/// not a build server that gives up. Soaks have no such end.
const TESTS_MAX: Duration = Duration::from_secs(40 * 60);

/// Arguments go to `cargo test` unchanged.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut budget = Budget::default();
    let mut tools = tools::Tools::default();
    budget.part("tools", || {
        tools = tools::install();
        Ok(())
    })?;
    // The end-to-end suites start this binary.
    budget.part("build", || {
        sh::run(&mut cargo(&[
            "build",
            "--profile",
            PROFILE,
            "--workspace",
            "--bins",
            "--tests",
            "--examples",
        ]))
    })?;
    budget.part("tests", || {
        let mut command = cargo(&["test", "--profile", PROFILE, "--workspace", "--no-fail-fast"]);
        command.args(args).env("CADENZA_BIN", target_dir().join(PROFILE).join("cadenza"));
        tools.export(&mut command);
        sh::run_within(&mut command, TESTS_MAX)
    })?;
    budget.part("tests of plugins", || {
        sh::run_within(plugins::native("test").args(["--workspace", "--all-features"]), TESTS_MAX)
    })?;
    budget.print();
    tools.print_missing();
    Ok(())
}
