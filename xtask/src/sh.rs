//! Running programs, and saying how long the parts took.

use anyhow::{Context, Result, bail};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The profile that everything but a release is built with.
pub(crate) const PROFILE: &str = "ci";

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where downloaded and installed tools are kept between runs.
pub(crate) fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    base.unwrap_or_else(home).join("cadenza")
}

/// Runs a program and waits; its failure is ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Runs a program that must end by itself within a time; else it and all it has started are killed.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let shown = format!("{command:?}");
    // At a terminal Ctrl-C must go on reaching what was started, and who sits there can see it hang.
    if std::io::stdin().is_terminal() {
        return run(command);
    }
    let mut child = command.process_group(0).spawn().with_context(|| format!("starting {shown}"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{shown}: {status}");
            }
            return Ok(());
        }
        if started.elapsed() > limit {
            run(Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]))?;
            child.wait()?;
            bail!("{shown}: not done after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(100)); // sleep-ok: between two looks at a process
    }
}

/// Runs a program and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("starting {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `cargo` as it was called, with arguments.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// The parts of a long command and their times, printed at its end as a budget.
#[derive(Default)]
pub(crate) struct Budget(Vec<(String, f64)>);

impl Budget {
    /// Runs one part.
    pub(crate) fn part(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("== {name}");
        let started = Instant::now();
        let result = work();
        self.0.push((name.to_owned(), started.elapsed().as_secs_f64()));
        if result.is_err() {
            self.print();
        }
        result.with_context(|| name.to_owned())
    }

    /// Prints what each part took.
    pub(crate) fn print(&self) {
        println!("== budget (seconds)");
        for (name, seconds) in &self.0 {
            println!("{seconds:8.1}  {name}");
        }
        println!("{:8.1}  all", self.0.iter().map(|part| part.1).sum::<f64>());
    }
}
