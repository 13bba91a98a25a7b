//! The fuzz corpora, replayed and mutated.

use cadenza_block::fuzzing;

#[test]
fn mutated_metas_are_refused_or_come_back_the_same() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/meta_json");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::meta_json);
}
