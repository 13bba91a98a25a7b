//! What a tool is about: a component and its configuration.

use crate::plugins::builtin;
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest configuration file that is read; the runtime's own limit for a plugin's configuration.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest component file that is read. The runtime has its own limit below this, with its name.
const COMPONENT_FILE_BYTES_MAX: u64 = 256 << 20;

/// A component and its configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Subject {
    /// The component: a file, or `builtin:NAME`.
    #[arg(value_name = "FILE.wasm|builtin:NAME")]
    pub(super) component: String,
    /// Its configuration: a file, JSON or YAML, or JSON as it stands; `{}` if absent.
    #[arg(long, value_name = "FILE|JSON")]
    pub(super) config: Option<String>,
    /// The folder of secrets that the configuration names as `${secret:NAME}`: a file for each.
    #[arg(long, value_name = "FOLDER")]
    pub(super) secrets: Option<PathBuf>,
    /// Answer as JSON, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

impl Subject {
    /// The component's bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        match self.component.strip_prefix("builtin:") {
            Some(name) => match builtin::find(name) {
                Some(bytes) => Ok(bytes.to_vec()),
                None => {
                    let known = builtin::ALL.map(|(name, _)| format!("builtin:{name}")).join(", ");
                    bail!("there is no {}; there are {known}", self.component)
                }
            },
            None => read(Path::new(&self.component), "component_file_bytes_max", COMPONENT_FILE_BYTES_MAX),
        }
    }

    /// What the configuration is called in messages.
    pub(super) fn config_name(&self) -> &str {
        match &self.config {
            Some(file) if !is_inline(file) => file,
            Some(_) => "--config",
            None => "{}",
        }
    }

    /// The configuration as the plugin gets it.
    pub(super) fn config_json(&self) -> Result<String> {
        match &self.config {
            None => Ok("{}".to_owned()),
            Some(text) if is_inline(text) => as_json(text).context("--config"),
            Some(file) => {
                let bytes = read(Path::new(file), "config_bytes_max", CONFIG_BYTES_MAX)?;
                let text = String::from_utf8(bytes).ok().with_context(|| format!("{file}: not UTF-8"))?;
                as_json(&text).with_context(|| file.clone())
            }
        }
    }
}

fn is_inline(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// JSON stays as it is; everything else is read as the server reads YAML.
fn as_json(text: &str) -> Result<String> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Ok(text.to_owned()),
        // A mistake in JSON is told as one: YAML has other words for it.
        Err(error) if is_inline(text) => Err(error).context("not JSON"),
        Err(_) => Ok(cadenza_config::plugin_config_json(text)?),
    }
}

/// A whole file, if it is not larger than a limit.
pub(super) fn read(path: &Path, limit: &str, bytes_max: u64) -> Result<Vec<u8>> {
    let name = || path.display().to_string();
    let file = std::fs::File::open(path).with_context(name)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).with_context(name)?;
    if bytes.len() as u64 > bytes_max {
        bail!("{}: more than {bytes_max} bytes, the limit of what is read ({limit})", name());
    }
    Ok(bytes)
}
