//! Damaged files: never a panic, never a key that vanishes silently.

use super::support::{fixtures, load};
use cadenza_config::{Config, ConfigError, LoadOptions};
use proptest::prelude::*;

/// A file with one key misspelt must be refused, naming the line.
#[test]
fn a_misspelt_key_anywhere_is_named_with_its_line() {
    for (name, text) in fixtures() {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let body = line.trim_start();
            let key = body.trim_start_matches("- ");
            let Some(end) = key.find(": ").or_else(|| key.ends_with(':').then(|| key.len() - 1)) else {
                continue;
            };
            let free = ["external_labels", "cluster", "source", "Authorization", "headers"];
            if key.starts_with(['#', '"', '{']) || free.contains(&&key[..end]) && !key.starts_with("headers")
            {
                continue;
            }
            // Ignored as a whole by Tempo, and so by us.
            if lines[..i]
                .iter()
                .rev()
                .find(|before| !before.starts_with(' '))
                .is_some_and(|before| before.starts_with("metrics_generator_client"))
            {
                continue;
            }
            let at = line.len() - key.len() + end;
            let damaged: Vec<String> = lines
                .iter()
                .enumerate()
                .map(
                    |(j, line)| {
                        if i == j { format!("{}q{}", &line[..at], &line[at..]) } else { (*line).to_owned() }
                    },
                )
                .collect();
            let damaged = damaged.join("\n") + "\n";
            match Config::load(Some(&damaged), &LoadOptions::default()) {
                Err(ConfigError::Invalid(problems)) => {
                    let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
                    assert!(lines.contains(&(i as u32 + 1)), "{name} line {}: {problems:#?}", i + 1);
                }
                other => panic!("{name} line {}: {other:?}\n{damaged}", i + 1),
            }
        }
    }
}

/// Deleting any line leaves an error or a configuration; a key that remains is used, warned of or refused.
#[test]
fn a_deleted_line_is_never_a_panic() {
    for (_, text) in fixtures() {
        let lines: Vec<&str> = text.lines().collect();
        for i in 0..lines.len() {
            let mut rest = lines.clone();
            rest.remove(i);
            let _ = Config::load(Some(&rest.join("\n")), &LoadOptions::default());
        }
    }
}

#[test]
fn every_key_without_effect_is_named() {
    let loaded = load(
        "memberlist: {bind_port: 1, node_name: x}\nquerier: {extra_query_delay: 1s}\nlive_store: {commit_interval: 1s}",
    );
    assert_eq!(
        loaded.ignored,
        [
            "memberlist.bind_port",
            "memberlist.node_name",
            "querier.extra_query_delay",
            "live_store.commit_interval"
        ]
    );
    assert_eq!(loaded.warnings.iter().filter(|warning| warning.contains("without effect")).count(), 1);
}

proptest! {
    #[test]
    fn random_values_never_panic(which in 0_usize..100, line in 0_usize..200, value in "[ -~]{0,12}") {
        let fixtures = fixtures();
        let text = &fixtures[which % fixtures.len()].1;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let i = line % lines.len();
        if let Some(end) = lines[i].find(':') {
            lines[i].truncate(end + 1);
            lines[i].push(' ');
            lines[i].push_str(&value);
        }
        let _ = Config::load(Some(&lines.join("\n")), &LoadOptions::default());
    }

    #[test]
    fn random_words_are_never_a_command_line_that_panics(words in prop::collection::vec("-{0,3}[a-z.=0-9-]{0,20}", 0..6)) {
        let _ = cadenza_config::parse_args(words);
    }
}
