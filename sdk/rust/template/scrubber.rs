//! Deletes attributes by prefix and replaces words in others: replace it by what you need.
use cadenza_plugin_sdk::plan::{attributes, place};
use cadenza_plugin_sdk::prelude::*;

/// What the plugin reads and changes.
pub struct Scrubber {
    texts: Vec<Column>,
    words: Vec<String>,
}

/// The plugin's configuration, as JSON or YAML.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Attributes whose keys begin so are deleted.
    delete_prefix: String,
    /// Words that become `***`.
    words: Vec<String>,
}

impl Plugin for Scrubber {
    type Config = Config;

    fn describe() -> Metadata {
        // Spans that it fails on are not stored.
        Metadata::new("{{name}}", env!("CARGO_PKG_VERSION"), "removes words").fail_closed()
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        if config.delete_prefix.is_empty() {
            return Err(Errors::one("/delete_prefix", "must not be empty: it would delete everything"));
        }
        let mut plan = Plan::default();
        let mut texts = Vec::new();
        for scope in [Scope::Resource, Scope::Instrumentation, Scope::Span, Scope::Event, Scope::Link] {
            // A native step: the server does it by itself, also while the plugin is out of order.
            plan.step(steps::delete(place(scope, KeySelector::Prefix(config.delete_prefix.clone()))));
            texts.push(plan.column(attributes(place(scope, KeySelector::Any)).update()));
        }
        Ok((Self { texts, words: config.words }, plan))
    }
}

#[scrubber]
impl Transform for Scrubber {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        for &column in &self.texts {
            for entry in batch.column(column).entries() {
                let scrubbed =
                    self.words.iter().fold(entry.text.to_owned(), |text, word| text.replace(word, "***"));
                if scrubbed != entry.text {
                    edits.update(column).str(entry.index, &scrubbed);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Scrubber;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn words_are_replaced() {
        let mut data = Data::default();
        data.span("a", [("message", "call ann".into())]);
        testing::run::<Scrubber>(r#"{"delete_prefix":"secret.","words":["ann"]}"#, &mut data);
        assert_eq!(data.get(0, "message"), Some(&"call ***".into()));
    }
}
