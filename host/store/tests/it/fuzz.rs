//! Parsers of what others write into the bucket.

use cadenza_store::fuzzing;

#[test]
fn any_bytes_are_a_tenant_index_or_refused() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/tenant_index");
    cadenza_mutate::replay_and_mutate(corpus, fuzzing::tenant_index);
}
