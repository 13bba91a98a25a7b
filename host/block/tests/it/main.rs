//! Blocks against the fixtures that a real Tempo 3.0.3 wrote.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures from the file system")]

mod bloom;
mod foreign;
mod fuzz;
mod golden;
mod interchange;
mod merge;
mod meta;
mod oracle;
mod random;
mod round_trip;
mod rows;
mod schema;

/// Bytes of a file below `tests/fixtures/tempo-3.0.3`.
fn fixture(path: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3/");
    std::fs::read(format!("{root}{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Directory of the vParquet4 block, relative to [`fixture`]'s root.
const V4_BLOCK: &str = "vParquet4/single-tenant/369509f3-f85d-4807-bf3a-d0607e85699a";

/// Directory of the vParquet5 block.
const V5_BLOCK: &str = "vParquet5/single-tenant/f84a9779-aa37-44af-a205-8b7dd39c9d37";
