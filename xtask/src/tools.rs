//! Real counterparts for the tests: OpenTelemetry's Python SDK and Collector.
//!
//! Each comes from a package registry by name and is kept in the user's cache. One that cannot be had
//! here is named with its reason; the tests that need it then say so in their output.

use crate::sh::{cache_dir, output, run};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The SDK release the tests are written against.
const PYTHON_PACKAGES: [&str; 2] = ["opentelemetry-sdk==1.39.1", "opentelemetry-exporter-otlp==1.39.1"];
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
    tools.add("OpenTelemetry Python SDK", "CADENZA_TEST_PYTHON", python());
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

fn python() -> Result<PathBuf> {
    let venv = cache_dir().join("python");
    let python = venv.join("bin/python");
    if Command::new(&python)
        .args(["-c", "import opentelemetry.exporter.otlp"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    output(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PYTHON_PACKAGES))?;
    Ok(python)
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
