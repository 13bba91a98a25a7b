//! Committed corpora, replayed and mutated.

use cadenza_traceql::fuzzing;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

#[test]
fn any_text_parses_or_is_refused_and_canonical_forms_are_stable() {
    cadenza_mutate::replay_and_mutate(format!("{CORPUS}/traceql_parse"), fuzzing::traceql_parse);
}

#[test]
fn any_query_runs_over_extreme_values_and_finds_only_candidates() {
    cadenza_mutate::replay_and_mutate(format!("{CORPUS}/traceql_eval"), fuzzing::traceql_eval);
}

#[test]
fn any_pattern_is_refused_or_means_something_to_the_engine() {
    cadenza_mutate::replay_and_mutate(format!("{CORPUS}/re2_pattern"), fuzzing::re2_pattern);
}
