//! The fuzz corpora, replayed and mutated.

use cadenza_model::fuzzing;

#[test]
fn mutated_requests_are_decoded_or_refused_as_prost_does() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/otlp_protobuf");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::otlp_protobuf);
}

#[test]
fn mutated_json_never_breaks_columns() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/otlp_json");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::otlp_json);
}
