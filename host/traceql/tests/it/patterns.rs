//! Random patterns and texts, and what Go 1.26 made of them.

use cadenza_traceql::compile_regex;
use serde_json::Value;

/// One object a line: a pattern, and either Go's error or texts that match and texts that do not.
const CASES: &str = include_str!("../golden/patterns.jsonl");

#[test]
fn patterns_mean_what_they_mean_to_go_and_are_refused_in_its_words() {
    let mut wrong = Vec::new();
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let pattern = case["pattern"].as_str().expect("a pattern");
        let texts = |key: &str| case[key].as_array().cloned().unwrap_or_default();
        match (compile_regex(pattern), case["error"].as_str()) {
            (Ok(regex), None) => {
                for (key, wanted) in [("yes", true), ("no", false)] {
                    for text in texts(key).iter().filter_map(Value::as_str) {
                        if regex.is_match(text) != wanted {
                            wrong.push(format!("{pattern:?} on {text:?}: not {wanted}"));
                        }
                    }
                }
            }
            (Err(ours), Some(gos)) if ours.to_string() == gos => {}
            (Err(ours), gos) => wrong.push(format!("{pattern:?}: {ours}, not {gos:?}")),
            (Ok(_), Some(gos)) => wrong.push(format!("{pattern:?}: accepted, not {gos:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
