//! What a plugin says of itself.

use cadenza_transform::{Kind, OnFailure};

/// Longest name of a plugin or a metric.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest version and description.
const TEXT_BYTES_MAX: usize = 1024;
/// Longest schema.
const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// Most metrics of a plugin.
pub const METRICS_MAX: usize = 32;

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Added to.
    Counter,
    /// Set.
    Gauge,
}

/// A metric that a plugin declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Without the prefix that the host gives it.
    pub name: String,
    /// Kind.
    pub kind: MetricKind,
    /// One line.
    pub help: String,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its own name; entries of a chain have names of their own.
    pub name: String,
    /// Version.
    pub version: String,
    /// One line.
    pub description: String,
    /// Kind.
    pub kind: Kind,
    /// What it wishes to happen with spans that it fails on.
    pub on_failure: OnFailure,
    /// JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// What it counts.
    pub metrics: Vec<Metric>,
}

/// True for what can be a label and part of a metric's name.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

impl Metadata {
    /// Before the plugin has been asked.
    pub(crate) fn unknown() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            description: String::new(),
            kind: Kind::Scrubber,
            on_failure: OnFailure::FailClosed,
            config_schema: None,
            metrics: Vec::new(),
        }
    }

    /// Name of the kind in the contract.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Enricher => "enricher",
            Kind::Scrubber => "scrubber",
            Kind::HeadSampler => "head-sampler",
            Kind::TailSampler => "tail-sampler",
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err("a name has 1 to 64 lower-case letters, digits, `-` and `_`".to_owned());
        }
        let texts = [("version", &self.version), ("description", &self.description)];
        for (what, text) in texts {
            if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
                return Err(format!("{what} is one line of at most {TEXT_BYTES_MAX} bytes"));
            }
        }
        if let Some(schema) = &self.config_schema {
            if schema.len() > SCHEMA_BYTES_MAX {
                return Err(format!(
                    "schema of {} bytes, where {SCHEMA_BYTES_MAX} are allowed",
                    schema.len()
                ));
            }
            serde_json::from_str::<serde_json::Value>(schema)
                .map_err(|error| format!("the schema is not JSON: {error}"))?;
        }
        if self.metrics.len() > METRICS_MAX {
            return Err(format!("{} metrics, where {METRICS_MAX} are allowed", self.metrics.len()));
        }
        for (i, metric) in self.metrics.iter().enumerate() {
            if !is_name(&metric.name) || metric.name.contains('-') {
                return Err(format!("name of metric {i} has other than lower-case letters, digits and `_`"));
            }
            if metric.help.len() > TEXT_BYTES_MAX || metric.help.chars().any(char::is_control) {
                return Err(format!("help of metric {i} is one line of at most {TEXT_BYTES_MAX} bytes"));
            }
            if self.metrics[..i].iter().any(|other| other.name == metric.name) {
                return Err(format!("metric {i} has the name of another"));
            }
        }
        Ok(())
    }
}
