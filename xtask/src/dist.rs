//! `cargo xtask dist`: what the image holds, without a container engine.

use crate::sh::{self, cargo, root, target_dir};
use anyhow::{Result, bail};
use std::os::unix::fs::symlink;

/// Largest binary we ship: pulls and cold starts scale with it.
const BINARY_BYTES_MAX: u64 = 60 << 20;

/// Builds the stripped binary and lays it out as the image does.
pub(crate) fn run() -> Result<()> {
    sh::run(&mut cargo(&["build", "--profile", "dist", "--package", "cadenza"]))?;
    let built = target_dir().join("dist/cadenza");
    let bytes = std::fs::metadata(&built)?.len();
    println!("binary: {:.1} MiB, limit {} MiB", bytes as f64 / f64::from(1 << 20), BINARY_BYTES_MAX >> 20);
    if bytes > BINARY_BYTES_MAX {
        bail!("the binary of {bytes} bytes exceeds the limit of {BINARY_BYTES_MAX}");
    }
    let layout = target_dir().join("dist/rootfs");
    if layout.exists() {
        std::fs::remove_dir_all(&layout)?;
    }
    std::fs::create_dir_all(layout.join("var/tempo"))?;
    std::fs::copy(&built, layout.join("cadenza"))?;
    // Charts and compose files start `/tempo`.
    symlink("/cadenza", layout.join("tempo"))?;
    std::fs::copy(root().join("LICENSE"), layout.join("LICENSE"))?;
    println!("layout: {}", layout.display());
    Ok(())
}
