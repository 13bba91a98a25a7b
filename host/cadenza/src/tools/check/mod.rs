//! `cadenza plugin check`: what a component is, what it asks for, and whether a server would take it.

mod plan;
mod show;

use super::lab::Lab;
use super::subject::Subject;
use super::term::{ColorChoice, Paint, say};
use crate::plugins::Unfit;
use anyhow::Result;
use cadenza_model::hex;
use cadenza_plugin::{ConfigureError, Import, Loaded, imports};
use plan::Outline;
use sha2::{Digest, Sha256};
use std::process::ExitCode;
use std::sync::Arc;

/// Something because of which a server would not run the component.
struct Problem {
    /// What it is about: `import`, `component`, `configuration` or `plan`.
    about: &'static str,
    /// The place in it, if it has places.
    path: String,
    message: String,
}

/// Everything that was found.
struct Report<'a> {
    subject: &'a Subject,
    bytes: usize,
    sha256: String,
    imports: Vec<Import>,
    loaded: Option<Arc<Loaded>>,
    outline: Option<Outline>,
    problems: Vec<Problem>,
}

/// Looks at a component, then at what it makes of its configuration.
pub(super) fn run(subject: &Subject, color: ColorChoice) -> Result<ExitCode> {
    let bytes = subject.bytes()?;
    let config = subject.config_json()?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let mut report = Report {
        subject,
        bytes: bytes.len(),
        sha256,
        imports: Vec::new(),
        loaded: None,
        outline: None,
        problems: Vec::new(),
    };
    match imports(&bytes) {
        Ok(imports) => report.imports = imports,
        Err(error) => report.problem("component", "", error.to_string()),
    }
    let refused: Vec<_> = report.imports.iter().filter(|import| !import.allowed).cloned().collect();
    for import in refused {
        report.problem("import", &import.name, "no plugin may have this import".to_owned());
    }
    if report.problems.is_empty() {
        report.look_inside(&bytes, &config)?;
    }
    if subject.json {
        say!("{:#}", show::json(&report));
    } else {
        show::text(&report, Paint::new(color));
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Report<'_> {
    fn problem(&mut self, about: &'static str, path: &str, message: String) {
        self.problems.push(Problem { about, path: path.to_owned(), message });
    }

    fn look_inside(&mut self, bytes: &[u8], config: &str) -> Result<()> {
        let lab = Lab::new(self.subject, None)?;
        let loaded = match lab.load(bytes) {
            Ok(loaded) => loaded,
            Err(message) => {
                self.problem("component", "", message);
                return Ok(());
            }
        };
        match lab.shop.configure(&lab.tenant, &loaded.metadata().name, &loaded, config) {
            Ok(made) => self.outline = Some(Outline::new(&made.plan, made.compiled.calls_guest())),
            Err(Unfit::Configure(ConfigureError::Config(errors))) => {
                for error in errors {
                    self.problem("configuration", &error.path, error.message);
                }
            }
            Err(Unfit::Plan(errors)) => {
                for error in errors {
                    self.problem("plan", &error.path, error.message);
                }
            }
            Err(other) => self.problem("configuration", "", other.to_string()),
        }
        self.loaded = Some(loaded);
        Ok(())
    }
}
