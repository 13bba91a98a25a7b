//! Real counterparts for the tests: OpenTelemetry's Python SDK and Collector, stores as the clouds have them.
//!
//! Each comes from a package registry by name and is kept in the user's cache. One that cannot be had
//! here is named with its reason; the tests that need it then say so in their output.

use crate::sh::{cache_dir, output, run};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The SDK release the tests are written against.
const PYTHON_PACKAGES: [&str; 2] = ["opentelemetry-sdk==1.39.1", "opentelemetry-exporter-otlp==1.39.1"];
/// The S3 server. A folder of its own: it wants many packages, in versions of its own.
const STORES_PACKAGES: [&str; 1] = ["moto[s3,server]==5.2.5"];
/// The Azure server.
const AZURITE_PACKAGE: &str = "azurite@3.37.0";
/// Other releases need modules that the module proxy does not serve.
const COLLECTOR_VERSION: &str = "v0.155.0";

/// What was found or installed: (variable that tells the tests, path), and what was not: (tool, reason).
#[derive(Default)]
pub(crate) struct Tools {
    found: Vec<(&'static str, PathBuf)>,
    missing: Vec<(&'static str, String)>,
}

/// Installs what is not there yet. Never fails: what is missing is reported by [`Tools::print_missing`].
pub(crate) fn install() -> Tools {
    let mut tools = Tools::default();
    let sdk = python("python", "opentelemetry.exporter.otlp", &PYTHON_PACKAGES);
    tools.add("OpenTelemetry Python SDK", "CADENZA_TEST_PYTHON", sdk);
    let stores = python("stores", "moto.server", &STORES_PACKAGES);
    tools.add("S3 server moto", "CADENZA_TEST_STORES_PYTHON", stores);
    tools.add("Azure server Azurite", "CADENZA_TEST_AZURITE", azurite());
    tools.add("OpenTelemetry Collector", "CADENZA_TEST_COLLECTOR", collector());
    tools
}

impl Tools {
    fn add(&mut self, tool: &'static str, variable: &'static str, path: Result<PathBuf>) {
        match path {
            Ok(path) => self.found.push((variable, path)),
            Err(error) => self.missing.push((tool, format!("{error:#}"))),
        }
    }

    /// Tells the tests where the tools are.
    pub(crate) fn export(&self, command: &mut Command) {
        command.envs(self.found.iter().map(|(variable, path)| (variable, path)));
    }

    /// Lists what could not be run on this machine.
    pub(crate) fn print_missing(&self) {
        for (tool, reason) in &self.missing {
            println!("NOT RUN HERE: tests with the {tool}: {reason}");
        }
    }
}

/// A Python with these packages, of which `module` is one.
fn python(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf> {
    let venv = cache_dir().join(name);
    let python = venv.join("bin/python");
    let import = format!("import {module}");
    if Command::new(&python).args(["-c", &import]).output().is_ok_and(|o| o.status.success()) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    output(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    Ok(python)
}

fn azurite() -> Result<PathBuf> {
    let folder = cache_dir().join("azurite");
    let program = folder.join("node_modules/.bin/azurite-blob");
    if !program.exists() {
        output(
            Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&folder).arg(AZURITE_PACKAGE),
        )?;
    }
    Ok(program)
}

fn collector() -> Result<PathBuf> {
    let folder = cache_dir().join(format!("collector-{COLLECTOR_VERSION}"));
    let binary = folder.join("otelcol");
    if binary.exists() {
        return Ok(binary);
    }
    std::fs::create_dir_all(&folder)?;
    let module = |path: &str| format!("  - gomod: {path} {COLLECTOR_VERSION}\n");
    let manifest = format!(
        "dist:\n  name: otelcol\n  output_path: {}\nreceivers:\n{}exporters:\n{}{}processors:\n{}",
        folder.display(),
        module("go.opentelemetry.io/collector/receiver/otlpreceiver"),
        module("go.opentelemetry.io/collector/exporter/otlpexporter"),
        module("go.opentelemetry.io/collector/exporter/otlphttpexporter"),
        module("go.opentelemetry.io/collector/processor/batchprocessor"),
    );
    let config = folder.join("builder.yaml");
    std::fs::write(&config, manifest)?;
    let builder = format!("go.opentelemetry.io/collector/cmd/builder@{COLLECTOR_VERSION}");
    output(Command::new("go").args(["run", &builder, "--config"]).arg(&config))?;
    Ok(binary)
}
