//! The contract is frozen: its shape is held to what it was when it became 1.0, and its versions to what they promise.

use crate::support::{columns, context, guest, shared};
use crate::wat::process;
use cadenza_plugin::LoadError;
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// The first eight bytes of the SHA-256 of each interface and world, without comments. `tail` is a draft.
const FROZEN: [(&str, &str); 12] = [
    ("interface head", "b23ecf116ad0f570"),
    ("interface helpers", "45786b468f7cdd0d"),
    ("interface lifecycle", "4f395b8b5a7bf892"),
    ("interface log", "d1c5ecd8e2ff78a0"),
    ("interface metrics", "0994a86ba6de36c4"),
    ("interface native", "f98570a96ab688ee"),
    ("interface state", "efa280edc7825be9"),
    ("interface transform", "f1f09b337092f018"),
    ("interface types", "466672c183abf475"),
    ("world enricher", "32d9c7336c09c027"),
    ("world head-sampler", "f35f51c050c7c10d"),
    ("world scrubber", "32d9c7336c09c027"),
];

/// Name and code of each interface and world, without comments.
fn items(wit: &str) -> Vec<(String, String)> {
    let mut items: Vec<(String, String)> = Vec::new();
    let lines = wit.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("package ")) {
        match line.strip_suffix(" {").filter(|name| !name.starts_with(' ')) {
            Some(name) => items.push((name.to_owned(), String::new())),
            None => {
                let (_, code) = items.last_mut().expect("a line belongs to something");
                code.push_str(line);
                code.push('\n');
            }
        }
    }
    items
}

#[test]
fn the_contract_is_what_it_was_when_it_was_frozen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut found = Vec::new();
    for file in ["types.wit", "native.wit", "plugin.wit"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the contract is in the repository");
        found.extend(items(&text).into_iter().map(|(name, code)| {
            let digest: String = Sha256::digest(code)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            (name, digest)
        }));
    }
    found.retain(|(name, _)| !["interface tail", "world tail-sampler"].contains(&name.as_str()));
    found.sort();
    let frozen = FROZEN.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
    assert_eq!(
        found, frozen,
        "the contract is frozen (wit/README.md, Versions). If guests can import more and nothing else is different: \
         raise the minor version in wit/types.wit and the bindings, see that components of 1.0.0 still run (the tests \
         of this file), and put the new digests here. Anything else is another major version: a package of its own \
         beside this one, which servers go on hosting."
    );
}

/// The component with every name of the contract in another version, of the same length.
fn version(component: &[u8], version: &str) -> Vec<u8> {
    let (from, to) = (b"@1.0.0", format!("@{version}"));
    assert_eq!(from.len(), to.len());
    let mut other = component.to_vec();
    let places: Vec<usize> =
        (0..other.len() - from.len()).filter(|&at| other[at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "names have versions");
    for at in places {
        other[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    other
}

#[test]
fn components_of_later_minor_versions_run_and_of_other_major_versions_are_refused_by_name() {
    let component = process("");
    for minor in ["1.0.0", "1.0.9", "1.7.0"] {
        let guest = guest("contract", &version(&component, minor));
        assert_eq!(guest.plugin.process(&context(), &guest.batch(&columns(3))), Ok(vec![]), "{minor}");
    }
    for major in ["0.1.0", "2.0.0"] {
        let error = shared().runtime.load(&version(&component, major)).expect_err(major);
        assert!(matches!(&error, LoadError::Imports(_) | LoadError::Exports(_)), "{major}: {error}");
        assert!(error.to_string().contains("cadenza:plugin/"), "{major}: {error}");
    }
}
