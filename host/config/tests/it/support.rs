//! Loading fixtures and showing what came of them.

use cadenza_config::{Config, LoadOptions, Loaded};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(super) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/config"))
}

pub(super) fn fixture(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every configuration file among the fixtures, by its short name.
pub(super) fn fixtures() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for group in ["guide", "helm", "tempo"] {
        for entry in std::fs::read_dir(folder().join(group)).expect("the fixtures' folder") {
            let name = entry.expect("a readable entry").file_name().into_string().expect("a UTF-8 name");
            if !name.starts_with("overrides-") {
                let name = format!("{group}/{name}");
                let text = fixture(&name);
                all.push((name, text));
            }
        }
    }
    all.sort();
    all
}

pub(super) fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn load(text: &str) -> Loaded {
    Config::load(Some(text), &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn error(text: &str) -> String {
    match Config::load(Some(text), &LoadOptions::default()) {
        Ok(loaded) => format!("loaded, with warnings {:#?}", loaded.warnings),
        Err(error) => {
            assert_eq!(error.exit_code(), 64);
            error.to_string()
        }
    }
}

/// What is said at start, and whether there is one.
pub(super) fn verdict(text: &str) -> String {
    let loaded = load(text);
    let mut out = String::new();
    for refusal in &loaded.refusals {
        out += &format!("refused: {refusal}\n");
    }
    for warning in &loaded.warnings {
        out += &format!("warning: {warning}\n");
    }
    assert_eq!(loaded.startable().is_ok(), loaded.refusals.is_empty());
    out
}
