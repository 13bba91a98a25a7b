//! Compiling in a process of its own: a compile cannot be cancelled, but a process can be stopped.
//!
//! The child gets its limits and the component on its standard input and writes code to its standard output,
//! both files in memory. It limits itself before it reads the first byte of the component.

use crate::config::{CompileLimits, Compiler};
use crate::error::LoadError;
use crate::runtime;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, setrlimit};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// The hidden command of the server's binary that compiles a component.
pub const COMPILE_COMMAND: &str = "plugin-compile";
/// Bytes of what the compiler has to say that are read.
const MESSAGE_BYTES_MAX: u64 = 4096;
/// The child works behind everything else.
const NICENESS: i32 = 10;
/// Three numbers: CPU seconds, bytes of memory, bytes of output.
const HEADER_BYTES: usize = 24;
/// Largest component that the child reads at all; the parent's limit is lower.
const INPUT_BYTES_MAX: u64 = 256 << 20;

/// Compiles a component.
pub(crate) fn compile(
    engine: &wasmtime::Engine,
    compiler: &Compiler,
    limits: &CompileLimits,
    bytes: &[u8],
) -> Result<Vec<u8>, LoadError> {
    match compiler {
        Compiler::InProcess => engine
            .precompile_component(bytes)
            .map_err(|error| LoadError::Compile(first_line(&format!("{error:#}")))),
        Compiler::Child { program } => in_child(program, limits, bytes),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn memory_file(name: &str) -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?))
}

fn in_child(program: &Path, limits: &CompileLimits, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut input = memory_file("component")?;
    for number in [limits.cpu_seconds, limits.memory_bytes_max, limits.output_bytes_max] {
        input.write_all(&number.to_le_bytes())?;
    }
    input.write_all(bytes)?;
    input.seek(SeekFrom::Start(0))?;
    let mut output = memory_file("code")?;
    let mut messages = memory_file("messages")?;
    let child = Command::new(program)
        .arg(COMPILE_COMMAND)
        .env_clear()
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(messages.try_clone()?))
        .spawn()?;
    let status = wait(child, limits)?;
    if !status.success() {
        let mut text = String::new();
        messages.seek(SeekFrom::Start(0))?;
        let mut raw = Vec::new();
        messages.take(MESSAGE_BYTES_MAX).read_to_end(&mut raw)?;
        text.push_str(&String::from_utf8_lossy(&raw));
        return Err(stopped(status, limits, &text));
    }
    output.seek(SeekFrom::Start(0))?;
    let mut code = Vec::new();
    output.read_to_end(&mut code)?;
    Ok(code)
}

/// Why a child that did not succeed ended.
fn stopped(status: ExitStatus, limits: &CompileLimits, text: &str) -> LoadError {
    let signal = |wanted: Signal| status.signal() == Some(wanted.as_raw());
    if signal(Signal::XCPU) || signal(Signal::KILL) {
        return LoadError::CompileLimit(format!("more than {} s of CPU time", limits.cpu_seconds));
    }
    if signal(Signal::XFSZ) {
        return LoadError::CompileLimit(format!("more than {} bytes of code", limits.output_bytes_max));
    }
    if status.signal().is_some() || text.contains("memory allocation of") {
        // An allocation that fails aborts, or a thread cannot be started.
        return LoadError::CompileLimit(format!(
            "more than {} bytes of memory, or a crash ({status})",
            limits.memory_bytes_max
        ));
    }
    LoadError::Compile(first_line(text))
}

/// Waits for the child's end, but not longer than allowed.
fn wait(mut child: Child, limits: &CompileLimits) -> Result<ExitStatus, LoadError> {
    let ended = (|| {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the child has no process id"))?;
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        let timeout = Timespec::try_from(limits.wall).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&handle, PollFlags::IN)];
        loop {
            match poll(&mut fds, Some(&timeout)) {
                Ok(ready) => return io::Result::Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })();
    match ended {
        Ok(true) => Ok(child.wait()?),
        Ok(false) => {
            child.kill()?;
            child.wait()?;
            Err(LoadError::CompileLimit(format!("more than {} s of wall time", limits.wall.as_secs())))
        }
        Err(error) => {
            // It has its own limits; it is not left behind all the same.
            child.kill()?;
            child.wait()?;
            Err(error.into())
        }
    }
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    Ok(())
}

fn child() -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    // It must not go on when its server is gone.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| e.to_string())?;
    let mut input = io::stdin().lock();
    let mut header = [0; HEADER_BYTES];
    input.read_exact(&mut header).map_err(text)?;
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let output_bytes_max = number(16);
    limit(Resource::Core, 0).map_err(text)?;
    limit(Resource::Cpu, number(0)).map_err(text)?;
    limit(Resource::As, number(8)).map_err(text)?;
    limit(Resource::Fsize, output_bytes_max).map_err(text)?;
    // Failing that, it is only less polite.
    let _ = rustix::process::nice(NICENESS);
    let mut bytes = Vec::new();
    input.take(INPUT_BYTES_MAX).read_to_end(&mut bytes).map_err(text)?;
    let engine = wasmtime::Engine::new(&runtime::options()).map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&bytes).map_err(|error| format!("{error:#}"))?;
    io::stdout().lock().write_all(&code).map_err(text)
}

/// What the server's `main` does when it is called with [`COMPILE_COMMAND`]: compiles what is on its
/// standard input, within limits, and ends.
pub fn compile_child() -> ExitCode {
    match child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody else can be told.
            drop(writeln!(io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}
