//! The project's own commands. One word per step, the same here and in continuous integration.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build tool: it runs programs and talks to a person"
)]

mod bench;
mod check;
mod dist;
mod fuzz;
mod plugins;
mod sh;
mod soak;
mod test;
#[cfg(test)]
mod tidy;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

  check   formatting, lints, documentation: no test is run
  test    installs what the tests need, builds and runs all of them
  bench   measures speed and memory on deterministic data; prints a table: bench [SPANS];
          bench plugins: what plugins cost
  fuzz    coverage-guided fuzzing: fuzz [TARGET] [SECONDS]
  soak    the long versions of the tests: soak [MINUTES]
  plugins builds the guests in plugins/ and makes components of them: plugins [--check];
          plugins component MODULE COMPONENT for a module of any language
  dist    the shipped layout without a container engine; checks the size";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    std::env::set_current_dir(sh::root())?;
    let rest = args.get(1..).unwrap_or_default();
    match args.first().map(String::as_str) {
        Some("check") => check::run(),
        Some("test") => test::run(rest),
        Some("bench") => bench::run(rest),
        Some("fuzz") => fuzz::run(rest),
        Some("soak") => soak::run(rest),
        Some("plugins") => plugins::run_command(rest),
        Some("dist") => dist::run(),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {}\n{USAGE}", other.unwrap_or("(none)")),
    }
}
