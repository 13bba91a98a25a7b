//! `cadenza blocks list | check` of the shipped binary: a bucket is looked at without a server.

use cadenza_tests::server;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tempo-3.0.3");
const V4: &str = "369509f3-f85d-4807-bf3a-d0607e85699a";
const V5: &str = "f84a9779-aa37-44af-a205-8b7dd39c9d37";

/// A folder of blocks and a configuration that names it by a variable.
struct Bucket(TempDir);

impl Bucket {
    /// Both blocks of Tempo's.
    fn new() -> Self {
        let bucket = Self(TempDir::new().expect("a folder"));
        for (format, id) in [("vParquet4", V4), ("vParquet5", V5)] {
            let from = Path::new(FIXTURES).join(format).join("single-tenant").join(id);
            let to = bucket.block(id);
            std::fs::create_dir_all(&to).expect("a folder");
            for entry in std::fs::read_dir(from).expect("the fixture").flatten() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copying the fixture");
            }
        }
        bucket.configure("${BLOCKS}");
        bucket
    }

    fn configure(&self, path: &str) {
        let yaml = format!("storage:\n  trace:\n    backend: local\n    local: {{path: \"{path}\"}}\n");
        std::fs::write(self.0.path().join("cadenza.yaml"), yaml).expect("writing the configuration");
    }

    fn block(&self, id: &str) -> PathBuf {
        self.0.path().join("blocks/single-tenant").join(id)
    }

    /// Exit code, output and complaints.
    fn ask(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let config = format!("-config.file={}", self.0.path().join("cadenza.yaml").display());
        let mut command = Command::new(server::binary());
        command.arg("blocks").args(args).args([&config, "-config.expand-env=true"]);
        command.env("BLOCKS", self.0.path().join("blocks"));
        let output = command.output().expect("running the binary");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// What a tool says to programs, by block.
    #[track_caller]
    fn json(&self, args: &[&str], code: i32) -> Vec<Value> {
        let (found, out, err) = self.ask(&[args, &["--json"]].concat());
        assert_eq!(found, Some(code), "{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
    }
}

fn texts<'a>(told: &'a [Value], key: &str) -> Vec<&'a str> {
    told.iter().map(|block| block[key].as_str().unwrap_or_default()).collect()
}

#[test]
fn blocks_are_listed_for_people_and_for_programs() {
    let bucket = Bucket::new();
    let listed = bucket.json(&["list"], 0);
    assert_eq!(texts(&listed, "block"), [V4, V5]);
    assert_eq!(texts(&listed, "format"), ["vParquet4", "vParquet5"]);
    assert_eq!(texts(&listed, "state"), ["live", "live"]);
    assert_eq!(listed[0]["bytes"], 57_980);
    assert!(bucket.json(&["list", "--tenant", "somebody"], 0).is_empty());

    let (code, out, err) = bucket.ask(&["list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(V4) && out.contains("vParquet5") && out.ends_with("2 blocks\n"), "{out}");
}

#[test]
fn a_compacted_block_and_one_without_a_meta_are_told_apart() {
    let bucket = Bucket::new();
    let (v4, v5) = (bucket.block(V4), bucket.block(V5));
    std::fs::rename(v4.join("meta.json"), v4.join("meta.compacted.json")).expect("renaming");
    std::fs::remove_file(v5.join("meta.json")).expect("removing");
    assert_eq!(texts(&bucket.json(&["list"], 0), "state"), ["compacted", "no meta"]);
    assert_eq!(texts(&bucket.json(&["check"], 0), "state"), ["whole", "no meta"]);
}

#[test]
fn a_check_names_the_damaged_block_and_its_reason_by_exit_code_too() {
    let bucket = Bucket::new();
    let whole = bucket.json(&["check"], 0);
    assert_eq!(texts(&whole, "state"), ["whole", "whole"]);
    assert!(whole[0]["spans"].as_u64() > whole[0]["traces"].as_u64(), "{whole:?}");

    std::fs::remove_file(bucket.block(V5).join("bloom-0")).expect("removing");
    let told = bucket.json(&["check"], 2);
    assert_eq!(texts(&told, "state"), ["whole", "damaged"]);
    assert_eq!(texts(&told, "reason"), ["", "bloom-0 is missing"]);
    assert_eq!(texts(&bucket.json(&["check", "--block", V4], 0), "block"), [V4]);
    let (code, out, err) = bucket.ask(&["check"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(out.contains("bloom-0 is missing") && out.contains("1 damaged"), "{out}");
    // Progress bars are for terminals.
    assert_eq!(err, "");
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let bucket = Bucket::new();
    let (code, _, err) = bucket.ask(&["check", "--block", "00000000-0000-4000-8000-000000000000"]);
    assert!(code == Some(1) && err.contains("there is no block 00000000"), "{code:?} {err}");
    let (code, _, err) = bucket.ask(&["list", "--tenant", "a/b"]);
    assert!(code == Some(1) && err.contains("`a/b` is no tenant's name"), "{code:?} {err}");
    let (code, _, err) = bucket.ask(&["check", "--blok"]);
    assert!(code == Some(64) && err.contains("--blok"), "not the code of a damaged block: {code:?} {err}");
    bucket.configure("${BLOCKS}/nowhere");
    let (code, _, err) = bucket.ask(&["list"]);
    assert!(code == Some(1) && err.contains("nowhere does not exist"), "{code:?} {err}");
    assert!(!bucket.0.path().join("blocks/nowhere").exists(), "nothing is made");
}
