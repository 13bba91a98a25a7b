//! What can be wrong with a configuration, always with its place.

use std::fmt;

/// The process's exit code for a configuration or command line that cannot be used (`EX_USAGE`).
pub const EXIT_BAD_CONFIG: u8 = 64;
/// The process's exit code when a good configuration could not be started.
pub const EXIT_FAILED_START: u8 = 1;
/// The process's exit code after a clean stop.
pub const EXIT_DRAINED: u8 = 0;

/// One finding at one place of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1; 0 when the value came from a flag or a default.
    pub line: u32,
    /// Column, from 1; 0 when the value came from a flag or a default.
    pub column: u32,
    /// The key's full path (`server.http_listen_port`); empty for the document itself.
    pub path: String,
    /// What is wrong, in lower case, without the place.
    pub message: String,
    /// The known key most like the one that was written.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.nearest {
            Some(nearest) => write!(f, " (did you mean `{nearest}`?)"),
            None => Ok(()),
        }
    }
}

/// Most problems reported for one document: enough to mend a file in one go, short enough to read.
pub const PROBLEMS_MAX: usize = 25;

/// Why a document was not accepted. The process ends with [`EXIT_BAD_CONFIG`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not YAML, or breaks a limit that guards against YAML bombs.
    #[error("invalid YAML: {0}")]
    Yaml(Problem),
    /// A `${…}` that cannot be understood.
    #[error("cannot expand environment variables: {0}")]
    Expand(Problem),
    /// Keys or values that are wrong; all of them up to [`PROBLEMS_MAX`], in the order of the document.
    #[error("invalid configuration:{}", list(.0))]
    Invalid(Vec<Problem>),
    /// Keys that guard safety and are not implemented yet: starting would be a silent lie.
    #[error("refusing to start:{}", list(.0))]
    Refused(Vec<Problem>),
}

impl ConfigError {
    /// What the process should end with.
    pub const fn exit_code(&self) -> u8 {
        EXIT_BAD_CONFIG
    }

    /// The findings behind the error.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Yaml(problem) | Self::Expand(problem) => std::slice::from_ref(problem),
            Self::Invalid(problems) | Self::Refused(problems) => problems,
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}
