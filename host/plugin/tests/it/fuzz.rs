//! Bytes of components, mutated.

#[test]
fn no_bytes_break_the_loaders_look_at_them() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/component_bytes");
    cadenza_mutate::replay_and_mutate(corpus, cadenza_plugin::fuzzing::component_bytes);
}
