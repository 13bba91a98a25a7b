//! Keeps errors and a share of the traces: replace it by what you need.
use cadenza_plugin_sdk::prelude::*;

/// What the plugin reads, and its configuration.
pub struct Sampler {
    trace: Column,
    status: Column,
    config: Config,
}

/// The plugin's configuration, as JSON or YAML.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// One trace in so many is kept.
    one_in: u64,
}

impl Plugin for Sampler {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("{{name}}", env!("CARGO_PKG_VERSION"), "keeps errors and a share of the traces")
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        if config.one_in == 0 {
            return Err(Errors::one("/one_in", "must be at least 1"));
        }
        let mut plan = Plan::default();
        let trace = plan.column(intrinsic(Intrinsic::TraceId));
        let status = plan.column(intrinsic(Intrinsic::StatusCode));
        Ok((Self { trace, status, config }, plan))
    }
}

#[head_sampler]
impl HeadSampler for Sampler {
    fn decide(&mut self, _: &Context, batch: &Batch<'_>, verdicts: &mut Verdicts) -> Result<(), String> {
        let status = batch.column(self.status);
        for (span, trace) in (0..).zip(batch.column(self.trace).ids::<16>()) {
            // The trace id is random: all spans of a trace are kept or dropped together.
            let lot = u128::from_be_bytes(*trace) as u64;
            if status.int(span) == Some(2) || lot.is_multiple_of(self.config.one_in) {
                verdicts.keep(span);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sampler;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn errors_are_kept() {
        let mut data = Data::default();
        data.span("dull", []);
        data.span("error", []).status_code = 2;
        assert_eq!(testing::decide::<Sampler>(r#"{"one_in":1000}"#, &mut data), [false, true]);
    }
}
