//! Writes the number of words of an attribute beside it: replace it by what you need.
use cadenza_plugin_sdk::prelude::*;

/// What the plugin reads and writes.
pub struct Enricher {
    text: Column,
    words: Target,
}

/// The plugin's configuration, as JSON or YAML.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Key of the span attribute to count in.
    attribute: String,
}

impl Plugin for Enricher {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("{{name}}", env!("CARGO_PKG_VERSION"), "counts words")
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        if config.attribute.is_empty() {
            return Err(Errors::one("/attribute", "must not be empty"));
        }
        let mut plan = Plan::default();
        let words = plan.target(Scope::Span, format!("{}.words", config.attribute));
        let text = plan.column(attribute(Scope::Span, config.attribute));
        Ok((Self { text, words }, plan))
    }
}

#[enricher]
impl Transform for Enricher {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        // Each distinct value once: the server writes beside every span that holds it.
        for entry in batch.column(self.text).entries() {
            let words = entry.text.split_whitespace().count();
            edits.upsert_beside(self.words, self.text).int(entry.index, words as i64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Enricher;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn words_are_counted() {
        let mut data = Data::default();
        data.span("a", [("message", "two words".into())]);
        testing::run::<Enricher>(r#"{"attribute":"message"}"#, &mut data);
        assert_eq!(data.get(0, "message.words"), Some(&2_i64.into()));
    }
}
