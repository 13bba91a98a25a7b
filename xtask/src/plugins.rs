//! `cargo xtask plugins`: builds the guests in `plugins/` and makes components of them.
//!
//! The components are committed, so that building the server needs neither the wasm target nor this command;
//! `--check` builds them again and compares.

use crate::sh::{self, cache_dir, output, root, run, target_dir};
use anyhow::{Context, Result, bail};
use cadenza_plugin_build::{Compiler, TARGET, wrap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where components and their provenance are kept, below `plugins/`.
const COMPONENTS: &str = "plugins/components";
/// Other files that go into a component, besides those of its own folder.
const SHARED: [&str; 4] = ["plugins/Cargo.toml", "plugins/Cargo.lock", "sdk/rust", "wit"];

/// Where a committed component comes from.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Provenance {
    /// `rustc -vV`, in one line.
    compiler: String,
    components: BTreeMap<String, Origin>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Origin {
    /// SHA-256 of the component.
    component: String,
    /// SHA-256 over the paths and contents of all sources.
    sources: String,
    bytes: u64,
}

/// A command of cargo over the guests' workspace.
pub(crate) fn cargo(command: &str) -> Command {
    sh::cargo(&[command, "--manifest-path", "plugins/Cargo.toml"])
}

/// The same, building for this machine.
pub(crate) fn native(command: &str) -> Command {
    let mut command = cargo(command);
    command.arg("--locked").arg("--target-dir").arg(target());
    command
}

fn target() -> PathBuf {
    target_dir().join("plugins")
}

pub(crate) fn run_command(args: &[String]) -> Result<()> {
    // For guests in other languages.
    if let [command, module, component] = args
        && command == "component"
    {
        let bytes = wrap(&std::fs::read(module)?).with_context(|| module.clone())?;
        println!("{component}: {} bytes", bytes.len());
        return Ok(std::fs::write(component, bytes)?);
    }
    let check = args.iter().any(|arg| arg == "--check");
    let compiler = compiler()?;
    println!("compiler: {}", compiler.version);
    let mut made = Provenance { compiler: compiler.version.clone(), components: BTreeMap::new() };
    let mut components = BTreeMap::new();
    for (name, module) in build(&compiler)? {
        let component = wrap(&std::fs::read(&module)?)
            .with_context(|| format!("{}: making a component", module.display()))?;
        let origin = Origin {
            component: hex(&Sha256::digest(&component)),
            sources: sources(&name)?,
            bytes: component.len() as u64,
        };
        println!("{name}: {} bytes", component.len());
        made.components.insert(name.clone(), origin);
        components.insert(name, component);
    }
    let folder = root().join(COMPONENTS);
    let file = folder.join("provenance.json");
    if check {
        let committed = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        return compare(&serde_json::from_str(&committed)?, &made, &folder);
    }
    std::fs::create_dir_all(&folder)?;
    for (name, component) in components {
        std::fs::write(folder.join(format!("{name}.wasm")), component)?;
    }
    std::fs::write(&file, serde_json::to_string_pretty(&made)? + "\n")?;
    Ok(())
}

fn compare(committed: &Provenance, made: &Provenance, folder: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, origin) in &committed.components {
        let bytes = std::fs::read(folder.join(format!("{name}.wasm")))?;
        if hex(&Sha256::digest(&bytes)) != origin.component {
            wrong.push(format!("{name}: the component is not the one in provenance.json"));
        }
        let Some(now) = made.components.get(name) else {
            wrong.push(format!("{name}: has no sources"));
            continue;
        };
        if now.sources != origin.sources {
            wrong.push(format!("{name}: its sources have changed since: run `cargo xtask plugins`"));
        } else if now.component != origin.component && made.compiler == committed.compiler {
            wrong.push(format!("{name}: the same compiler makes other bytes of the same sources"));
        }
    }
    wrong.extend(
        made.components
            .keys()
            .filter(|name| !committed.components.contains_key(*name))
            .map(|name| format!("{name}: is not in provenance.json: run `cargo xtask plugins`")),
    );
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    if made.compiler == committed.compiler {
        println!("the committed components are what this compiler makes, byte by byte");
    } else {
        println!(
            "NOT COMPARED BYTE BY BYTE: made by {}; this is {}. Sources and digests agree, and all of them build",
            committed.compiler, made.compiler
        );
    }
    Ok(())
}

/// The compiler; without one on this machine, one is made of Debian's packages.
fn compiler() -> Result<Compiler> {
    Compiler::find(|| {
        // Does nothing if it has been made already.
        let script = root().join("xtask/wasm-rust.sh");
        let private = cache_dir().join("wasm-rust");
        let made = output(Command::new("bash").arg(script).arg(&private));
        let made = made.context("making one from Debian's packages failed too")?;
        Ok(PathBuf::from(made.trim()))
    })
}

/// Builds every guest; gives names and modules.
fn build(compiler: &Compiler) -> Result<Vec<(String, PathBuf)>> {
    run(compiler.prepare(&mut native("build"), &root()))?;
    let modules = target().join(TARGET).join("release");
    let module = |name: &str| modules.join(format!("cadenza_plugin_{}.wasm", name.replace('-', "_")));
    Ok(names()?.into_iter().map(|name| (name.clone(), module(&name))).collect())
}

/// Builds the bench's guests; gives the folder with their components.
pub(crate) fn bench_guests() -> Result<PathBuf> {
    let (names, compiler) = (["enricher", "scrubber", "sampler"], compiler()?);
    let mut build = native("build");
    build.args(names.iter().flat_map(|name| ["--package".to_owned(), format!("bench-{name}")]));
    run(compiler.prepare(&mut build, &root()))?;
    let folder = target().join("bench-guests");
    std::fs::create_dir_all(&folder)?;
    for name in names {
        let module = target().join(TARGET).join("release").join(format!("bench_{name}.wasm"));
        std::fs::write(folder.join(format!("{name}.wasm")), wrap(&std::fs::read(module)?)?)?;
    }
    Ok(folder)
}

/// The folders of `plugins/` that hold a guest.
fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("plugins"))? {
        let entry = entry?;
        let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml")).unwrap_or_default();
        if manifest.contains("\"cdylib\"") {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// A digest over all that a guest is built from.
fn sources(name: &str) -> Result<String> {
    let own = format!("plugins/{name}");
    let mut paths = vec![own.as_str()];
    paths.extend(SHARED);
    let listed = output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .args(&paths)
            .current_dir(root()),
    )?;
    let mut files: Vec<&str> = listed.lines().collect();
    files.sort_unstable();
    files.dedup();
    let mut digest = Sha256::new();
    for file in files {
        let content = std::fs::read(root().join(file)).with_context(|| file.to_owned())?;
        digest.update(format!("{file}\0{}\0", content.len()));
        digest.update(&content);
    }
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs no compiler: whoever changes a guest must build the components too.
    #[test]
    fn committed_components_are_made_of_the_committed_sources() {
        let folder = root().join(COMPONENTS);
        let text = std::fs::read_to_string(folder.join("provenance.json")).expect("provenance.json");
        let committed: Provenance = serde_json::from_str(&text).expect("provenance");
        assert_eq!(committed.components.keys().cloned().collect::<Vec<_>>(), names().expect("plugins"));
        for (name, origin) in &committed.components {
            let bytes = std::fs::read(folder.join(format!("{name}.wasm"))).expect("a component");
            assert_eq!(hex(&Sha256::digest(&bytes)), origin.component, "{name}: not the recorded component");
            let sources = sources(name).expect("sources");
            assert_eq!(sources, origin.sources, "{name}: sources have changed: run `cargo xtask plugins`");
        }
    }
}
