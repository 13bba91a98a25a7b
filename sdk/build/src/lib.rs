//! From a guest's crate to a component: which compiler, how to call it, and how to wrap what it makes.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// What a component may import. Anything else (WASI first of all) the server refuses.
const IMPORTS: [&str; 6] = ["types", "native", "log", "metrics", "state", "helpers"];
const PACKAGE: &str = "cadenza:plugin/";

/// A compiler that has the target.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// Its path.
    pub rustc: PathBuf,
    /// What it says of itself, in one line.
    pub version: String,
}

impl Compiler {
    /// The one that `PLUGIN_RUSTC` names, the usual one if it has the target, or what `otherwise` gives.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(otherwise: impl FnOnce() -> Result<PathBuf>) -> Result<Self> {
        let given = std::env::var_os("PLUGIN_RUSTC").map(PathBuf::from);
        let rustc = match given {
            Some(rustc) => rustc,
            None if has_target(Path::new("rustc")) => PathBuf::from("rustc"),
            None => otherwise().with_context(|| {
                format!("no compiler for {TARGET}: `rustup target add {TARGET}`, or name one in PLUGIN_RUSTC")
            })?,
        };
        if !has_target(&rustc) {
            bail!("{} has no std for {TARGET}", rustc.display());
        }
        let version = output(Command::new(&rustc).arg("-vV"))?;
        let wanted = ["rustc ", "host: ", "LLVM version: "];
        let lines: Vec<&str> =
            version.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start))).collect();
        Ok(Self { rustc, version: lines.join("; ") })
    }

    /// Makes a cargo command build guests for the target. No path of `sources` or of this machine gets into
    /// them: the same everywhere, and nothing to learn from it.
    pub fn prepare<'c>(&self, cargo: &'c mut Command, sources: &Path) -> &'c mut Command {
        let home = std::env::var_os("CARGO_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
            PathBuf::from,
        );
        let flags = format!(
            "--remap-path-prefix={}=/cargo\x1f--remap-path-prefix={}=/cadenza",
            home.display(),
            sources.display()
        );
        cargo
            .args(["--release", "--target", TARGET])
            .env("RUSTC", &self.rustc)
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
    }
}

fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("starting {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn has_target(rustc: &Path) -> bool {
    let folder = output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    let entries = folder.ok().and_then(|folder| std::fs::read_dir(folder.trim()).ok());
    entries.is_some_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // With a hash where rustup puts it, without where cargo has built it.
            name == "libstd.rlib" || name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

/// A component of a core module, refused if it needs what the server does not give.
///
/// # Errors
/// When the module is no guest of the contract.
pub fn wrap(module: &[u8]) -> Result<Vec<u8>> {
    // The encoder lends itself to `module()`, so it cannot be a temporary.
    let mut encoder = wit_component::ComponentEncoder::default();
    let component = encoder.validate(true).module(module)?.encode()?;
    let decoded = wit_component::decode(&component)?;
    let (resolve, package) = (decoded.resolve(), decoded.package());
    let world = resolve.packages[package].worlds.values().next().context("a component has a world")?;
    for key in resolve.worlds[*world].imports.keys() {
        let name = resolve.name_world_key(key);
        let ours = name.strip_prefix(PACKAGE).and_then(|rest| rest.split('@').next());
        if !ours.is_some_and(|interface| IMPORTS.contains(&interface)) {
            bail!("imports {name}: a plugin may import only {} of {PACKAGE}", IMPORTS.join(", "));
        }
    }
    Ok(component)
}
