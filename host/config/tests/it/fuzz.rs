//! The committed corpus, replayed and mutated.

#[test]
fn configuration_files_of_any_bytes_are_an_error_or_a_configuration() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/config_yaml");
    cadenza_mutate::replay_and_mutate(corpus, cadenza_config::fuzzing::config_yaml);
}
