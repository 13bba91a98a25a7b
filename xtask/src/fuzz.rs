//! `cargo xtask fuzz`: coverage-guided fuzzing of every parser, on a nightly compiler.

use crate::sh::{self, Budget, output, root};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// Long enough to pass the first plateau of a small parser.
const SECONDS_DEFAULT: u64 = 60;

/// `[TARGET] [SECONDS]`: one target, or all.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (names, numbers): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.parse::<u64>().is_err());
    let seconds = numbers.first().map_or(Ok(SECONDS_DEFAULT), |text| text.parse())?;
    if output(Command::new("cargo").args(["+nightly", "fuzz", "--version"])).is_err() {
        sh::run(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))
            .context("cargo-fuzz and a nightly compiler are needed")?;
    }
    let targets = targets()?;
    let wanted: Vec<_> =
        targets.iter().filter(|(_, name)| names.is_empty() || names.contains(&name)).collect();
    if wanted.is_empty() {
        let known: Vec<_> = targets.iter().map(|target| target.1.as_str()).collect();
        bail!("no fuzz target of that name; there are: {}", known.join(", "));
    }
    let mut budget = Budget::default();
    for (folder, name) in wanted {
        budget.part(name, || {
            let limit = format!("-max_total_time={seconds}");
            // No parser may ask for 256 MiB at once on any input. The sanitizer and the corpus need as much
            // themselves, so the bound on the whole process is wider.
            let bounds = ["-malloc_limit_mb=256", "-rss_limit_mb=1024", "-max_len=65536"];
            let args = ["+nightly", "fuzz", "run", name, "--", &limit].into_iter().chain(bounds);
            sh::run(
                Command::new("cargo").args(args).current_dir(folder.parent().expect("fuzz/ lies in a crate")),
            )
        })?;
    }
    budget.print();
    Ok(())
}

/// (folder `host/X/fuzz`, target name) of every target.
fn targets() -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for krate in std::fs::read_dir(root().join("host"))? {
        let folder = krate?.path().join("fuzz");
        let Ok(files) = std::fs::read_dir(folder.join("fuzz_targets")) else { continue };
        for file in files {
            let path = file?.path();
            if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) {
                found.push((folder.clone(), name.to_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}
