//! The house rules that no compiler checks, as a test.

use crate::sh::{output, root};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Nothing hand-written is longer: past this a file has more than one idea.
const LINES_MAX: usize = 800;
/// Most files stay well below; those above must be listed in [`LONG`] with the reason.
const LINES_USUAL: usize = 500;

/// Files over [`LINES_USUAL`] lines and why they may be. Shrinks, never grows silently.
const LONG: [(&str, &str); 1] =
    [("host/env/src/sim/disk.rs", "a whole file system's state machine; halves of it cannot be read alone")];

fn tracked(pattern: &str) -> Vec<String> {
    let listed = output(Command::new("git").args(["ls-files", pattern]).current_dir(root()));
    listed
        .expect("a git checkout")
        .lines()
        .map(str::to_owned)
        .filter(|path| root().join(path).exists())
        .collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn files_stay_short_enough_to_hold_one_idea() {
    let mut problems = Vec::new();
    for path in tracked("*.rs") {
        let lines = text(&path).lines().count();
        let excused = LONG.iter().any(|(long, _)| *long == path);
        if lines > LINES_MAX {
            problems.push(format!("{path}: {lines} lines exceed the limit of {LINES_MAX}"));
        } else if lines > LINES_USUAL && !excused {
            problems.push(format!(
                "{path}: {lines} lines: split it, or list it in xtask/src/tidy.rs with the reason"
            ));
        } else if lines <= LINES_USUAL && excused {
            problems.push(format!("{path}: {lines} lines: no longer long, strike it from xtask/src/tidy.rs"));
        }
    }
    report(&problems);
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut problems = Vec::new();
    for path in tracked("*.rs") {
        let code = text(&path);
        let first = code.lines().find(|line| !line.is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//!")) {
            problems.push(format!("{path}: begins without a `//!` line"));
        }
    }
    report(&problems);
}

#[test]
fn no_file_is_dead() {
    let files: BTreeSet<String> = tracked("*.rs").into_iter().collect();
    let mut problems = Vec::new();
    for path in &files {
        let file = Path::new(path);
        let (Some(stem), Some(folder)) = (file.file_stem().and_then(|s| s.to_str()), file.parent()) else {
            continue;
        };
        let roots = ["main", "lib", "build"];
        let is_root = roots.contains(&stem)
            || ["bin", "tests", "examples", "benches", "fuzz_targets", "template"]
                .iter()
                .any(|f| folder.ends_with(f));
        if is_root {
            continue;
        }
        let (name, folder) = if stem == "mod" {
            (
                folder.file_name().and_then(|s| s.to_str()).unwrap_or_default(),
                folder.parent().unwrap_or(folder),
            )
        } else {
            (stem, folder)
        };
        let parent_module = folder.with_extension("rs");
        let mut parents: Vec<String> =
            ["mod.rs", "lib.rs", "main.rs"].iter().map(|f| folder.join(f).display().to_string()).collect();
        parents.push(parent_module.display().to_string());
        // A test binary may keep its modules in a folder beside it.
        parents.extend(files.iter().filter(|f| Path::new(f).parent() == Some(folder)).cloned());
        let declared = |parent: &String| {
            files.contains(parent)
                && text(parent).lines().any(|line| {
                    let line = line.trim_start();
                    line.ends_with(&format!("mod {name};")) || line.contains(&format!("/{name}.rs\""))
                })
        };
        if !parents.iter().any(declared) {
            problems.push(format!("{path}: no module declares it"));
        }
    }
    report(&problems);
}

#[test]
fn tests_wait_on_conditions_not_on_time() {
    let mut problems = Vec::new();
    for path in tracked("*.rs").into_iter().filter(|path| path.contains("tests/")) {
        for (number, line) in text(&path).lines().enumerate() {
            let sleeps = line.contains("sleep(") && !line.contains("sleep-ok:");
            if sleeps {
                problems.push(format!("{path}:{}: sleeps; poll a condition with a deadline", number + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn documents_speak_of_the_product_only() {
    // Spelled in halves so that this file does not find itself.
    let banned = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home/", "mike")];
    let mut problems = Vec::new();
    for path in tracked("*") {
        let Ok(content) = std::fs::read_to_string(root().join(&path)) else { continue };
        for word in banned {
            if content.contains(word) {
                problems.push(format!("{path}: names a path of somebody's machine: {word}"));
            }
        }
    }
    report(&problems);
}
