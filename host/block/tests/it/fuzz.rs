//! The fuzz corpora, replayed and mutated.

use cadenza_block::fuzzing;

#[test]
fn mutated_metas_are_refused_or_come_back_the_same() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/meta_json");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::meta_json);
}

#[test]
fn mutated_pages_are_refused_or_hold_together() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/block_pages");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::block_pages);
}

#[test]
fn mutated_bloom_shards_are_refused_or_answer() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/bloom_shard");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::bloom_shard);
}
