//! What can go wrong: with a component, with its configuration, with a call.

use thiserror::Error;

/// Why a component is not taken.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Over the limit.
    #[error("component of {bytes} bytes, where {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// No WebAssembly, or broken.
    #[error("not a valid component: {0}")]
    Malformed(String),
    /// A core module; plugins are components.
    #[error("a core module, where a component is needed")]
    CoreModule,
    /// It asks for more than a plugin may have.
    #[error("imports that no plugin may have: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// It exports what no kind of plugin does.
    #[error("{0}")]
    Exports(String),
    /// The compiler says no.
    #[error("does not compile: {0}")]
    Compile(String),
    /// The compiler was stopped.
    #[error("compiling was stopped: {0}")]
    CompileLimit(String),
    /// The compiler could not be run.
    #[error("the compiler could not be run: {0}")]
    Compiler(#[from] std::io::Error),
    /// Its functions are not those of the contract.
    #[error("does not fit the contract: {0}")]
    Contract(String),
    /// `describe` failed.
    #[error("describe: {0}")]
    Describe(Failure),
    /// `describe` says what makes no sense.
    #[error("metadata: {0}")]
    Metadata(String),
}

/// Why a plugin cannot be configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigureError {
    /// A name that cannot be a label.
    #[error("a name has 1 to 64 lower-case letters, digits, `-` and `_`")]
    Name,
    /// Over the limit.
    #[error("configuration of {bytes} bytes, where {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The plugin does not take its configuration.
    #[error("configuration: {}", list(.0))]
    Config(Vec<ConfigError>),
    /// Equal configurations gave different plans.
    #[error("two instances with the same configuration gave different plans")]
    PlansDiffer,
    /// `configure` failed.
    #[error("configure: {0}")]
    Failed(Failure),
    /// A metric is declared in another way by another plugin of this name.
    #[error("metric {0}")]
    Metric(String),
}

/// Something wrong at a place of a configuration or a plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct ConfigError {
    /// JSON pointer, empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

fn list(errors: &[ConfigError]) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a call of a guest failed. No variant carries text of the guest: it may repeat what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The guest stopped itself.
    #[error("trap: {0}")]
    Trap(&'static str),
    /// CPU time or, far above it, wall time is up.
    #[error("deadline of {cpu_ms} ms CPU time")]
    Deadline {
        /// The limit.
        cpu_ms: u64,
    },
    /// More memory, tables or instances than it may have.
    #[error("memory limit of {bytes_max} bytes")]
    Memory {
        /// The limit.
        bytes_max: usize,
    },
    /// Its call stack is full.
    #[error("stack limit")]
    Stack,
    /// It answered with more than the input allows, or handed too much to the host.
    #[error("output of more than {bytes_max} bytes")]
    OutputTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An answer that is not what the contract says.
    #[error("invalid output: {0}")]
    InvalidOutput(&'static str),
    /// It said itself that it failed.
    #[error("the plugin reports an error of {bytes} bytes")]
    Guest {
        /// Length of its text.
        bytes: usize,
    },
    /// Too many calls of the host, or too much data in them.
    #[error("host calls over their budget")]
    HostCalls,
    /// No instance could be made.
    #[error("no instance: {0}")]
    NoInstance(&'static str),
    /// A later instance gave another plan than the first.
    #[error("another plan than at the start")]
    PlanChanged,
}

impl Failure {
    /// Value of the label `cause`.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::Stack => "stack",
            Self::OutputTooLarge { .. } => "output_too_large",
            Self::InvalidOutput(_) => "bad_output",
            Self::Guest { .. } => "refused",
            Self::HostCalls => "host_calls",
            Self::NoInstance(_) => "instantiation",
            Self::PlanChanged => "bad_output",
        }
    }
}
