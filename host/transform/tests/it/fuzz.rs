//! The fuzz targets over their corpora and mutations of them.

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

#[test]
fn whatever_plan_a_guest_returns_is_refused_or_carried_out() {
    cadenza_mutate::replay_and_mutate(format!("{CORPUS}/plans"), cadenza_transform::fuzzing::plans);
}

#[test]
fn whatever_a_guest_answers_is_applied_whole_or_not_at_all() {
    cadenza_mutate::replay_and_mutate(format!("{CORPUS}/edits"), cadenza_transform::fuzzing::edits);
}
