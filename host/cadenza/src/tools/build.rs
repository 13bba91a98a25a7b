//! `cadenza plugin build`: a component of the crate in a folder.

use anyhow::{Context, Result, bail};
use cadenza_plugin_build::{Compiler, TARGET, wrap};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles and wraps.
pub(super) fn run(folder: &Path, output: Option<PathBuf>) -> Result<()> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    let name = package_name(&text).with_context(|| format!("{}: no package name", manifest.display()))?;
    let compiler = Compiler::find(private)?;
    let target = folder.join("target");
    let mut cargo = Command::new("cargo");
    cargo.arg("build").arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(&target);
    let sources = folder.canonicalize()?;
    let status = compiler.prepare(&mut cargo, &sources).status().context("starting cargo")?;
    if !status.success() {
        bail!("cargo build: {status}");
    }
    let module = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let module = std::fs::read(&module).with_context(|| module.display().to_string())?;
    let component = wrap(&module).with_context(|| format!("{name}: making a component"))?;
    let output = output.unwrap_or_else(|| folder.join(format!("{name}.wasm")));
    std::fs::write(&output, &component).with_context(|| output.display().to_string())?;
    println!("{}: {} bytes", output.display(), component.len());
    Ok(())
}

/// Where `cargo xtask plugins` makes a compiler on machines without rustup.
fn private() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let rustc = base.unwrap_or_else(home).join("cadenza/wasm-rust/bin/rustc");
    match rustc.exists() {
        true => Ok(rustc),
        false => bail!("there is none in {} either", rustc.display()),
    }
}

/// `name = "…"` of the first section that has it.
fn package_name(manifest: &str) -> Option<String> {
    let line =
        manifest.lines().find_map(|line| line.trim().strip_prefix("name")?.trim().strip_prefix('='))?;
    Some(line.trim().trim_matches('"').to_owned())
}
