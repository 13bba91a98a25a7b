//! What a call, a trap and a load cost.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads files and tells its result"
)]

#[path = "../tests/it/wat.rs"]
mod wat;

use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_plugin::{Compiler, Config, Loaded, Metrics, Plugin, PluginOptions, Runtime};
use cadenza_traffic::Exporter;
use cadenza_transform::{Compiled, Context, Kind, Programs, Secrets, Session};
use prost::Message as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPANS: usize = 400;
/// Rounds; the median counts.
const ROUNDS: usize = 301;
const CONTEXT: Context<'static> =
    Context { tenant: "t", now_unix_ns: 1_760_000_000_000_000_000, seed: 1, is_trial: false };

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn columns() -> Columns {
    let mut exporter = Exporter::new(7, 1_760_000_000_000_000_000, 3_000_000, SPANS);
    let mut columns = Columns::new();
    otlp::decode(&exporter.next_request().encode_to_vec(), &mut columns).expect("traffic decodes");
    columns
}

fn configure(runtime: &Runtime, name: &str, loaded: &Arc<Loaded>, config: &str) -> (Plugin, Programs) {
    let tenant = TenantId::single();
    let (plugin, plan) =
        runtime.plugin(&tenant, name, loaded, config, &PluginOptions::default()).expect("it configures");
    let secrets = Secrets { host: plugin.secret(), named: &|_| None };
    let compiled = Compiled::new(&plan, plugin.metadata().kind, &secrets).expect("a sound plan");
    (plugin, Programs::new(vec![Arc::new(compiled)]))
}

fn call(what: &str, plugin: &Plugin, programs: &Programs, columns: &Columns) {
    let compiled = &programs.plugins()[0];
    if !compiled.calls_guest() {
        println!("{what}: native steps only");
        return;
    }
    let mut session = Session::new();
    session.begin(programs, columns);
    let batch = session.project(programs, 0, columns);
    let is_sampler = compiled.kind() == Kind::HeadSampler;
    let took = median(|| {
        if is_sampler {
            plugin.decide(&CONTEXT, &batch).expect("it decides");
        } else {
            plugin.process(&CONTEXT, &batch).expect("it works");
        }
    });
    let per_span = took.as_nanos() as f64 / columns.spans.len() as f64;
    println!("{what}: {took:?} a call, {per_span:.1} ns a span, {} bytes in", batch.bytes());
}

fn main() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("tokio");
    let env = Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio.handle().clone())),
    };
    // The compiler's process: given as an argument, or this one.
    let compiler = match std::env::args().nth(1) {
        Some(program) => Compiler::Child { program: program.into() },
        None => Compiler::InProcess,
    };
    let metrics = Metrics::new(&prometheus::Registry::new()).expect("an empty registry");
    let runtime = Runtime::new(env, Config::new(compiler), metrics, [1; 32]).expect("it starts");
    let columns = columns();

    let load = |what: &str, bytes: &[u8]| {
        let started = Instant::now();
        let loaded = runtime.load(bytes).expect("it loads");
        println!("{what}: {} KB, compiled and described in {:?}", bytes.len() / 1000, started.elapsed());
        loaded
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components");
    let built_ins = [
        ("probabilistic-sampler", r#"{"sampling_percentage": 10}"#),
        ("process-enricher", "{}"),
        ("attributes", r#"{"actions": [{"key": "user.id", "action": "hash"}]}"#),
        ("redaction", r#"{"allow_all_keys": true, "blocked_values": ["[0-9]{13,19}"]}"#),
    ];
    for (name, config) in built_ins {
        let bytes = std::fs::read(dir.join(format!("{name}.wasm"))).expect("it is committed");
        let loaded = load(name, &bytes);
        let started = Instant::now();
        let (plugin, programs) = configure(&runtime, name, &loaded, config);
        println!("{name}: two instances configured in {:?}", started.elapsed());
        call(name, &plugin, &programs, &columns);
    }

    let loaded = load("empty", &wat::process(""));
    let (plugin, programs) = configure(&runtime, "empty", &loaded, "{}");
    call("empty guest, span names in", &plugin, &programs, &columns);

    let loaded = load("trap", &wat::process("unreachable"));
    let (plugin, programs) = configure(&runtime, "trap", &loaded, "{}");
    let mut session = Session::new();
    session.begin(&programs, &columns);
    let batch = session.project(&programs, 0, &columns);
    let took = median(|| assert!(plugin.process(&CONTEXT, &batch).is_err()));
    println!("trap in a fresh, configured instance (made, called, thrown away): {took:?}");
}
