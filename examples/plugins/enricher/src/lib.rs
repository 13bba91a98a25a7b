//! Writes the class of HTTP status codes (`5xx`) beside them.
use cadenza_plugin_sdk::prelude::*;

/// The column and the attribute that it works on.
pub struct StatusClass {
    code: Column,
    class: Target,
}

/// Which attribute holds the code.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    from: String,
}

impl Plugin for StatusClass {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("status-class", env!("CARGO_PKG_VERSION"), "writes the class of HTTP status codes")
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        let mut plan = Plan::default();
        let code = plan.column(attribute(Scope::Span, config.from).values(ValueType::Text));
        let class = plan.target(Scope::Span, "http.class");
        Ok((Self { code, class }, plan))
    }
}

#[enricher]
impl Transform for StatusClass {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        // Once for each distinct code, however many spans have it.
        for entry in batch.column(self.code).entries() {
            if let Some(digit @ '1'..='5') = entry.text.chars().next() {
                edits.upsert_beside(self.class, self.code).str(entry.index, &format!("{digit}xx"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::StatusClass;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn classes_stand_beside_codes() {
        let mut data = Data::default();
        data.span("a", [("code", 503_i64.into())]);
        data.span("b", []);
        testing::run::<StatusClass>(r#"{"from":"code"}"#, &mut data);
        assert_eq!(data.get(0, "http.class"), Some(&"5xx".into()));
        assert_eq!(data.get(1, "http.class"), None);
    }
}
