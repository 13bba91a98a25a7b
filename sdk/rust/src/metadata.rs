//! What a plugin says of itself.

/// Which world a plugin exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Adds attributes.
    Enricher,
    /// Removes or masks what must not be stored.
    Scrubber,
    /// Keeps or drops spans as they arrive.
    HeadSampler,
}

/// What happens to spans on which a plugin fails, where the operator does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They are kept unmodified, and counted.
    FailOpen,
    /// They are not stored.
    FailClosed,
}

/// A number that a plugin reports with [`crate::host::observe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Lower-case letters, digits and `_`.
    pub name: String,
    /// A gauge is set; otherwise it is a counter, and added to.
    pub gauge: bool,
    /// One line for people.
    pub help: String,
}

/// What a plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Of the plugin.
    pub version: String,
    /// One line.
    pub description: String,
    /// Where the operator does not say.
    pub on_failure: OnFailure,
    /// JSON Schema of the configuration.
    pub config_schema: Option<String>,
    /// In the order of [`crate::host::observe`]'s index.
    pub metrics: Vec<Metric>,
}

impl Metadata {
    /// A plugin that fails open, without schema and metrics.
    pub fn new(name: &str, version: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            description: description.to_owned(),
            on_failure: OnFailure::FailOpen,
            config_schema: None,
            metrics: Vec::new(),
        }
    }

    /// Spans on which the plugin fails are not stored.
    #[must_use]
    pub fn fail_closed(mut self) -> Self {
        self.on_failure = OnFailure::FailClosed;
        self
    }

    /// JSON Schema of the configuration, such as `include_str!("../config.schema.json")`.
    #[must_use]
    pub fn schema(mut self, schema: &str) -> Self {
        self.config_schema = Some(schema.to_owned());
        self
    }

    /// Declares a counter; the first one has index 0 in [`crate::host::observe`].
    #[must_use]
    pub fn counter(mut self, name: &str, help: &str) -> Self {
        self.metrics.push(Metric { name: name.to_owned(), gauge: false, help: help.to_owned() });
        self
    }

    /// Declares a gauge.
    #[must_use]
    pub fn gauge(mut self, name: &str, help: &str) -> Self {
        self.metrics.push(Metric { name: name.to_owned(), gauge: true, help: help.to_owned() });
        self
    }
}
