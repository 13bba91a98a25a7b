//! Runs of a process framework: a named process whose steps carry their position.

use crate::GeneratedTrace;
use crate::build::{Trace, V};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

const PROCESSES: [(&str, &[&str]); 3] = [
    ("DeployProcess", &["validate-config", "provision", "migrate-schema", "deploy", "smoke-test", "notify"]),
    ("UpgradeProcess", &["backup", "drain", "upgrade", "verify"]),
    ("MetadataProcess", &["crawl", "extract", "embed", "index", "publish"]),
];
const ORCHESTRATOR: usize = 8;
const WORKER: usize = 9;

/// One run: the process span, a span per step, the worker's side of each, and a model call in some.
pub(crate) fn run(mut trace: Trace<'_>) -> GeneratedTrace {
    let (process, steps) = trace.pick(&PROCESSES);
    let instance = format!("run-{}", trace.token());
    let failing = trace.once_in(12).then(|| trace.below(steps.len() as u64) as usize);
    let start = trace.start_ns();
    let (root, root_at) = trace.span(ORCHESTRATOR, 0, process, SpanKind::Internal, start, 0);
    let mut clock = start + 2_000_000;
    for (index, step) in steps.iter().enumerate() {
        clock += one_step(&mut trace, root, process, &instance, (index, step), clock, failing == Some(index));
        if failing == Some(index) {
            trace.fail(root_at, &format!("step {step} failed"));
            break;
        }
    }
    trace.span_mut(root_at).end_time_unix_nano = clock;
    let attributes = [
        ("process.name", V::S(process)),
        ("process.instance_id", V::S(&instance)),
        ("process.steps", V::I(steps.len() as i64)),
        ("deployment.environment", V::S("production")),
    ];
    trace.attributes(root_at, &attributes);
    trace.finish(format!("{process} {instance}"))
}

fn one_step(
    trace: &mut Trace<'_>,
    root: u64,
    process: &str,
    instance: &str,
    (index, step): (usize, &str),
    start: u64,
    failing: bool,
) -> u64 {
    let took = trace.duration_ns(30_000) + 2_000_000;
    let (id, at) = trace.span(ORCHESTRATOR, root, "ProcessStep", SpanKind::Client, start, took);
    let (work, work_at) =
        trace.span(WORKER, id, &format!("execute {step}"), SpanKind::Server, start + 300_000, took - 600_000);
    for place in [at, work_at] {
        let attributes = [
            ("process.name", V::S(process)),
            ("process.instance_id", V::S(instance)),
            ("step.name", V::S(step)),
            ("step.index", V::I(index as i64)),
            ("step.attempt", V::I(1 + i64::from(trace.once_in(20)))),
            ("thread.id", V::I(trace.below(32) as i64)),
        ];
        trace.attributes(place, &attributes);
        if failing {
            trace.fail(place, "the step's precondition does not hold");
        }
    }
    if index % 2 == 1 {
        let (_, call) = trace.span(WORKER, work, "chat gpt-4o", SpanKind::Client, start + 500_000, took / 2);
        let attributes = [
            ("gen_ai.system", V::S("openai")),
            ("gen_ai.request.model", V::S("gpt-4o")),
            ("gen_ai.usage.input_tokens", V::I(200 + trace.below(3000) as i64)),
            ("gen_ai.usage.output_tokens", V::I(20 + trace.below(800) as i64)),
            ("server.address", V::S("api.openai.example")),
            ("process.name", V::S(process)),
            ("step.index", V::I(index as i64)),
        ];
        trace.attributes(call, &attributes);
    }
    took
}
