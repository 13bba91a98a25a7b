//! Compiled code is loaded only if this server has made it.

use crate::support::{compiler, runtime_with};
use crate::wat::process;
use cadenza_plugin::{Compiler, Config};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn config(dir: &Path, compiler: Compiler) -> Config {
    Config { cache_dir: Some(dir.to_owned()), instances_max: 4, ..Config::new(compiler) }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("entry").path()).collect();
    entries.sort();
    entries
}

#[test]
fn code_is_had_from_the_cache_and_only_by_its_maker() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path().join("compiled");
    let component = process("");
    let load = |secret: [u8; 32]| {
        let runtime = runtime_with(config(&dir, Compiler::InProcess), secret);
        runtime.load(&component).expect("it loads").from_cache()
    };
    assert!(!load([1; 32]), "nothing is there yet");
    assert!(load([1; 32]), "another start");
    assert_eq!(std::fs::metadata(&dir).expect("there").permissions().mode() & 0o777, 0o700);
    assert!(!load([2; 32]), "another key");
    assert!(load([2; 32]), "which has replaced the entry");
    let [path] = entries(&dir).try_into().expect("one entry");
    let sound = std::fs::read(&path).expect("readable");
    for at in [0, 8, 20, 40, 41, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("writable");
        assert!(!load([2; 32]), "byte {at} changed");
        assert_eq!(std::fs::read(&path).expect("readable").len(), sound.len(), "made anew");
    }
    for cut in [0, 7, 39, 40, sound.len() - 1] {
        std::fs::write(&path, &sound[..cut]).expect("writable");
        assert!(!load([2; 32]), "cut to {cut} bytes");
    }
    // Half-written by a crash.
    std::fs::write(dir.join("1234.tmp"), b"x").expect("writable");
    assert!(load([2; 32]));
    assert_eq!(entries(&dir), [path]);
}

#[test]
fn the_child_makes_the_same_code_for_all_who_load_it_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let component = process("");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = runtime_with(config(dir.path(), compiler()), [1; 32]);
                runtime.load(&component).expect("it loads");
            });
        }
    });
    assert_eq!(entries(dir.path()).len(), 1);
    let runtime = runtime_with(config(dir.path(), Compiler::InProcess), [1; 32]);
    assert!(runtime.load(&component).expect("it loads").from_cache(), "code of the child fits");
}

#[test]
fn the_hosts_secret_is_made_once_and_for_this_user_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("secret");
    let secret = || cadenza_plugin::host_secret(&cadenza_env::RealDisk, &path);
    let first = secret().expect("it is made");
    assert_ne!(first, [0; 32]);
    assert_eq!(secret().expect("it is there"), first);
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(entries(dir.path()), std::slice::from_ref(&path));
    std::fs::write(&path, b"short").expect("writable");
    assert!(secret().expect_err("no secret").to_string().contains("5 bytes, where a secret has 32"));
}
