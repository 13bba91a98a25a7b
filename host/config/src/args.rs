//! The command line: Tempo's flags with one dash or two, ours, and `demo`.

use crate::check::{nearest, well_typed};
use crate::error::EXIT_BAD_CONFIG;
use crate::flags::{self, Target};
use crate::schema::Kind;
use std::path::PathBuf;

/// What the process should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Command {
    /// Serve until told to stop.
    #[default]
    Serve,
    /// Serve, send example traces and show them.
    Demo,
}

/// A flag that sets a key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The flag as Tempo names it, without dashes.
    pub flag: String,
    /// The key's path.
    pub path: &'static str,
    /// The value as text.
    pub value: String,
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// What to do.
    pub command: Command,
    /// `-config.file`.
    pub config_file: Option<PathBuf>,
    /// `-config.expand-env`.
    pub expand_env: bool,
    /// `-config.verify`: load, report, exit.
    pub verify: bool,
    /// `-version`: print and exit.
    pub version: bool,
    /// `-help`: print and exit.
    pub help: bool,
    /// `-health`: ask a running server and exit.
    pub health: bool,
    /// `-health.url`.
    pub health_url: String,
    /// `--port-base`: added to every port.
    pub port_base: u16,
    /// Flags that set keys, in order.
    pub settings: Vec<Setting>,
    /// Flags accepted without effect.
    pub warnings: Vec<String>,
}

/// A command line that cannot be understood. The process ends with [`EXIT_BAD_CONFIG`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// No such flag.
    #[error("unknown flag `-{flag}`{}", hint(.nearest.as_deref()))]
    Unknown {
        /// As it was written, without dashes.
        flag: String,
        /// The most similar flag.
        nearest: Option<String>,
    },
    /// A flag that takes a value, as the last argument.
    #[error("flag `-{0}` needs a value")]
    NoValue(String),
    /// A value of the wrong type.
    #[error("flag `-{flag}`: {message}")]
    Value {
        /// The flag without dashes.
        flag: String,
        /// What is wrong.
        message: String,
    },
    /// A word that is no flag.
    #[error("unknown argument `{0}` (the only command is `demo`; flags begin with `-`)")]
    Positional(String),
    /// An argument that is not UTF-8, or more of them than anybody writes.
    #[error("{0}")]
    Unusable(String),
}

impl ArgsError {
    /// What the process should end with.
    pub const fn exit_code(&self) -> u8 {
        EXIT_BAD_CONFIG
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean `-{nearest}`?)"))
}

/// Most arguments: an operating system allows more than any chart renders.
const ARGS_MAX: usize = 4096;
const HEALTH_PORT: u16 = 3200;

/// Parses the arguments behind the program's name.
pub fn parse_args<I, S>(args: I) -> Result<Args, ArgsError>
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    let mut args = args.into_iter().map(Into::into);
    let mut parsed = Args {
        command: Command::Serve,
        config_file: None,
        expand_env: false,
        verify: false,
        version: false,
        help: false,
        health: false,
        health_url: String::new(),
        port_base: 0,
        settings: Vec::new(),
        warnings: Vec::new(),
    };
    let mut seen = 0_usize;
    while let Some(arg) = args.next() {
        seen += 1;
        if seen > ARGS_MAX {
            return Err(ArgsError::Unusable(format!("more than {ARGS_MAX} arguments")));
        }
        let Some(flag) =
            arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            if arg == "demo" && parsed.command == Command::Serve {
                parsed.command = Command::Demo;
                continue;
            }
            return Err(ArgsError::Positional(arg));
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), None),
        };
        let target = flags::find(&name).ok_or_else(|| ArgsError::Unknown {
            nearest: nearest(&name, flags::names()),
            flag: name.clone(),
        })?;
        let value = match value {
            Some(value) => value,
            None if target.is_switch() => "true".to_owned(),
            None => args.next().ok_or_else(|| ArgsError::NoValue(name.clone()))?,
        };
        parsed.take(name, target, value)?;
    }
    if parsed.health_url.is_empty() {
        let port = HEALTH_PORT.saturating_add(parsed.port_base);
        parsed.health_url = format!("http://localhost:{port}/ready");
    }
    Ok(parsed)
}

impl Args {
    fn take(&mut self, flag: String, target: Target, value: String) -> Result<(), ArgsError> {
        let check = |kind: &Kind| {
            well_typed(kind, &value).map_err(|message| ArgsError::Value { flag: flag.clone(), message })
        };
        let switch = || {
            check(&Kind::Bool)?;
            Ok(crate::scalar::boolean(&value).unwrap_or_default())
        };
        match target {
            Target::ConfigFile => self.config_file = (!value.is_empty()).then(|| PathBuf::from(value)),
            Target::ExpandEnv => self.expand_env = switch()?,
            Target::Verify => self.verify = switch()?,
            Target::Version => self.version = switch()?,
            Target::Help => self.help = switch()?,
            Target::Health => self.health = switch()?,
            Target::HealthUrl => self.health_url = value,
            Target::PortBase => {
                check(&Kind::Port)?;
                self.port_base = value.parse().unwrap_or_default();
            }
            Target::Key(path, key) => {
                check(&key.kind)?;
                self.settings.push(Setting { flag, path, value });
            }
            Target::Ignored(kind) => {
                check(&kind)?;
                self.warnings.push(format!("flag `-{flag}` is accepted without effect"));
            }
        }
        Ok(())
    }
}

/// The text of `-help`.
pub fn help() -> String {
    let mut out = String::from(
        "usage: cadenza [demo] [flags]\n\n  demo\n        serve, send example traces and show what became of them\n\n\
         Flags take one dash or two; `-flag value` and `-flag=value` are the same.\n\n",
    );
    for (name, text) in flags::help() {
        out.push_str(&format!("  -{name}\n        {text}\n"));
    }
    out
}
