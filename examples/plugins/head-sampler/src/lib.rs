//! Keeps errors, slow spans, and one trace in so many.
use cadenza_plugin_sdk::prelude::*;

/// What it looks at, and the configuration.
pub struct Interesting {
    trace: Column,
    status: Column,
    duration: Column,
    config: Config,
}

/// From when on spans are slow, and how many traces one stands for.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    slow_ms: i64,
    one_in: u64,
}

impl Plugin for Interesting {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("interesting", env!("CARGO_PKG_VERSION"), "keeps what is worth a look")
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        if config.one_in == 0 {
            return Err(Errors::one("/one_in", "must be at least 1"));
        }
        let mut plan = Plan::default();
        let trace = plan.column(intrinsic(Intrinsic::TraceId));
        let status = plan.column(intrinsic(Intrinsic::StatusCode));
        let duration = plan.column(intrinsic(Intrinsic::DurationNano));
        Ok((Self { trace, status, duration, config }, plan))
    }
}

#[head_sampler]
impl HeadSampler for Interesting {
    fn decide(&mut self, _: &Context, batch: &Batch<'_>, verdicts: &mut Verdicts) -> Result<(), String> {
        let (status, duration) = (batch.column(self.status), batch.column(self.duration));
        for (span, trace) in (0..).zip(batch.column(self.trace).ids::<16>()) {
            let is_error = status.int(span) == Some(2);
            let is_slow = duration.int(span) >= Some(self.config.slow_ms * 1_000_000);
            // The trace id is random: all spans of a trace are kept or dropped together.
            let lot = u128::from_be_bytes(*trace) as u64;
            if is_error || is_slow || lot.is_multiple_of(self.config.one_in) {
                verdicts.keep(span);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Interesting;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn errors_slow_spans_and_the_lucky_are_kept() {
        let mut data = Data::default();
        data.span("dull", []);
        data.span("error", []).status_code = 2;
        data.span("slow", []).duration_nano = 2_000_000_000;
        data.span("lucky", []).trace_id = [0; 16];
        let kept = testing::decide::<Interesting>(r#"{"slow_ms":1000,"one_in":100}"#, &mut data);
        assert_eq!(kept, [false, true, true, true]);
    }
}
