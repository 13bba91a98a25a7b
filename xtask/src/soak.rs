//! `cargo xtask soak`: the same promises, tried for longer.

use crate::sh::{self, Budget, PROFILE, cargo, target_dir};
use anyhow::Result;

/// How much longer than in `cargo xtask test`: kills, seeds, fuzz rounds and oracle cases are multiplied.
const FACTOR_DEFAULT: &str = "50";

/// `[FACTOR]`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let factor = args.first().map_or(FACTOR_DEFAULT, String::as_str);
    let mut budget = Budget::default();
    budget.part("build", || {
        sh::run(&mut cargo(&["build", "--profile", PROFILE, "--workspace", "--bins", "--tests"]))
    })?;
    budget.part(&format!("tests, {factor} times as long"), || {
        let mut command = cargo(&["test", "--profile", PROFILE, "--workspace", "--no-fail-fast"]);
        command.env("CADENZA_BIN", target_dir().join(PROFILE).join("cadenza"));
        command.env("CADENZA_SOAK", factor);
        let rounds = 300 * factor.parse::<u64>()?;
        command.env("CADENZA_FUZZ_ROUNDS", rounds.to_string());
        sh::run(&mut command)
    })?;
    budget.print();
    Ok(())
}
