//! The compiler works in a process that can be stopped.

use crate::support::{compiler, runtime_with};
use crate::wat::{Wat, process};
use cadenza_plugin::{CompileLimits, Compiler, Config, LoadError};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Functions that take long to compile.
fn bomb(functions: usize) -> Vec<u8> {
    let mut more = String::new();
    for function in 0..functions {
        write!(more, "(func (param i64) (result i64) (local.get 0)").expect("memory");
        for step in 0..2000 {
            write!(more, "(i64.add (i64.mul (local.get 0) (i64.const {})))", function * 7919 + step)
                .expect("memory");
        }
        more.push(')');
    }
    Wat { more: &more, ..Wat::default() }.component()
}

fn load(limits: CompileLimits, component: &[u8]) -> Result<(), LoadError> {
    let config = Config { compile: limits, instances_max: 4, ..Config::new(compiler()) };
    runtime_with(config, [1; 32]).load(component).map(drop)
}

fn stopped(limits: CompileLimits, component: &[u8], expect: &str) {
    let started = Instant::now();
    match load(limits, component) {
        Err(LoadError::CompileLimit(message)) => assert!(message.starts_with(expect), "{message}"),
        other => panic!("{expect}: {other:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_component_compiles_in_the_child() {
    load(CompileLimits::default(), &process("")).expect("it compiles");
}

#[test]
fn a_compile_bomb_is_stopped_by_each_of_its_limits() {
    let bomb = bomb(160);
    let limits = CompileLimits::default();
    stopped(CompileLimits { cpu_seconds: 1, ..limits.clone() }, &bomb, "more than 1 s of CPU time");
    let wall = Duration::from_millis(200);
    stopped(CompileLimits { wall, ..limits.clone() }, &bomb, "more than 0 s of wall time");
    stopped(
        CompileLimits { memory_bytes_max: 64 << 20, ..limits },
        &bomb,
        "more than 67108864 bytes of memory",
    );
}

#[test]
fn code_that_is_too_large_is_not_taken() {
    let limits = CompileLimits { output_bytes_max: 1000, ..CompileLimits::default() };
    stopped(limits, &process(""), "more than 1000 bytes of code");
}

#[test]
fn what_does_not_compile_is_refused_with_the_compilers_words() {
    // Sound as far as names go, but its core module does not validate.
    let mut component = process("");
    let at =
        component.windows(4).position(|bytes| bytes == b"\x41\xb8\x17\x0b").expect("i32.const 3000, end");
    component[at] = 0x42;
    match load(CompileLimits::default(), &component) {
        Err(LoadError::Compile(message)) => assert!(message.contains("type mismatch"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_compiler_that_is_not_there_is_named() {
    let program = PathBuf::from("/nonexistent/compiler");
    let config = Config { instances_max: 4, ..Config::new(Compiler::Child { program }) };
    match runtime_with(config, [1; 32]).load(&process("")) {
        Err(LoadError::Compiler(error)) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        other => panic!("{other:?}"),
    }
}
