//! Keeps what is worth a look.
use cadenza_plugin_sdk::prelude::*;

/// Keeps what is worth a look.
pub struct Sampler {
    trace: Column,
    status: Column,
    duration: Column,
    http: Column,
}

/// Nothing can be configured.
#[derive(serde::Deserialize)]
pub struct Config {}

impl Plugin for Sampler {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("bench-sampler", env!("CARGO_PKG_VERSION"), "keeps what is worth a look")
    }

    fn configure(_: Config) -> Result<(Self, Plan), Errors> {
        let mut plan = Plan::default();
        let sampler = Self {
            trace: plan.column(intrinsic(Intrinsic::TraceId)),
            status: plan.column(intrinsic(Intrinsic::StatusCode)),
            duration: plan.column(intrinsic(Intrinsic::DurationNano)),
            http: plan.column(attribute(Scope::Span, bench_logic::HTTP_STATUS).values(ValueType::Int)),
        };
        Ok((sampler, plan))
    }
}

#[head_sampler]
impl HeadSampler for Sampler {
    fn decide(&mut self, _: &Context, batch: &Batch<'_>, verdicts: &mut Verdicts) -> Result<(), String> {
        let (statuses, durations) = (batch.column(self.status).ints(), batch.column(self.duration).ints());
        let mut http = batch.column(self.http).int_cells().peekable();
        let traces = batch.column(self.trace).ids::<16>();
        for (span, ((trace, &status), &duration)) in (0..).zip(traces.iter().zip(statuses).zip(durations)) {
            let mut http_status = 0;
            while let Some((_, value)) = http.next_if(|&(row, _)| row == span) {
                http_status = value;
            }
            if bench_logic::keep(status, duration, http_status, *trace) {
                verdicts.keep(span);
            }
        }
        Ok(())
    }
}
