//! What an operator can set, in plain types.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of the engine and of everything that runs on it.
#[derive(Debug, Clone)]
pub struct Config {
    /// What one plugin may have.
    pub limits: Limits,
    /// Instances alive at once, of all tenants: idle ones are let go, the longest unused first.
    pub instances_max: u32,
    /// Largest component.
    pub component_bytes_max: usize,
    /// Bounds of a compile.
    pub compile: CompileLimits,
    /// How components are compiled.
    pub compiler: Compiler,
    /// Where compiled components are kept; `None`: nowhere.
    pub cache_dir: Option<PathBuf>,
    /// Write what guests log, not only that they do. It may repeat what is in spans.
    pub log_text: bool,
}

/// A few tenants with chains of five, on every worker.
const INSTANCES_MAX: u32 = 256;
/// The largest plugin language makes 18 MB.
const COMPONENT_BYTES_MAX: usize = 32 << 20;

impl Config {
    /// The defaults, with this way to compile.
    pub fn new(compiler: Compiler) -> Self {
        Self {
            limits: Limits::default(),
            instances_max: INSTANCES_MAX,
            component_bytes_max: COMPONENT_BYTES_MAX,
            compile: CompileLimits::default(),
            compiler,
            cache_dir: None,
            log_text: false,
        }
    }
}

/// What one plugin may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of an instance.
    pub memory_bytes_max: usize,
    /// Elements of its tables together.
    pub table_elements_max: usize,
    /// CPU time of a call whatever its size.
    pub cpu_base: Duration,
    /// And for each row.
    pub cpu_per_row: Duration,
    /// And for each KiB.
    pub cpu_per_kib: Duration,
    /// CPU time of a call at most.
    pub cpu_max: Duration,
    /// CPU time of `describe` and `configure`.
    pub cpu_configure: Duration,
    /// Batches after which an instance is replaced.
    pub batches_per_instance: u32,
    /// Calls of host functions in a call.
    pub host_calls_max: u32,
    /// Bytes in those calls.
    pub host_call_bytes_max: usize,
    /// Bytes of keys and values in the state of a tenant's plugin.
    pub state_bytes_max: usize,
    /// Keys in it.
    pub state_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Rust guests use a few hundred KiB; the others need more and get it by configuration.
            memory_bytes_max: 64 << 20,
            table_elements_max: 50_000,
            // A Rust guest takes 2 ms for the largest batch; this also covers its first call.
            cpu_base: Duration::from_millis(20),
            cpu_per_row: Duration::from_micros(100),
            cpu_per_kib: Duration::from_micros(10),
            cpu_max: Duration::from_millis(250),
            cpu_configure: Duration::from_secs(1),
            batches_per_instance: 10_000,
            // A few per distinct value of a batch.
            host_calls_max: 20_000,
            host_call_bytes_max: 4 << 20,
            state_bytes_max: 4 << 20,
            state_keys_max: 65_536,
        }
    }
}

impl Limits {
    /// CPU time that a call with so much data may take.
    pub(crate) fn cpu(&self, rows: u32, bytes: usize) -> Duration {
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        let scaled =
            self.cpu_per_row.saturating_mul(rows).saturating_add(self.cpu_per_kib.saturating_mul(kib));
        self.cpu_base.saturating_add(scaled).min(self.cpu_max)
    }
}

/// How components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// By a child process: this program, called with [`crate::COMPILE_COMMAND`].
    Child {
        /// The server's own binary, whose `main` calls [`crate::compile_child`].
        program: PathBuf,
    },
    /// In this process, without bounds: for tests and for tools that run what their user gives them.
    InProcess,
}

/// Bounds of a compile.
#[derive(Debug, Clone)]
pub struct CompileLimits {
    /// CPU seconds.
    pub cpu_seconds: u64,
    /// Address space of the compiler.
    pub memory_bytes_max: u64,
    /// Wall time.
    pub wall: Duration,
    /// Size of what it makes.
    pub output_bytes_max: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            // The largest language takes a minute on a slow core.
            cpu_seconds: 120,
            memory_bytes_max: 4 << 30,
            wall: Duration::from_secs(180),
            // Compiled code is about three times the component.
            output_bytes_max: 256 << 20,
        }
    }
}
