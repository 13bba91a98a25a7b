//! `cargo xtask bench plugins`: what plugins cost a span, against the same logic compiled in.
//!
//! All variants of a table take turns over the same batches in one process; figures are processor time of the
//! thread, the median of many rounds. Times move with the machine: quote the ratios.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads files and tells its result"
)]

mod chain;
mod native;
mod once;
#[path = "../../tests/it/wat.rs"]
mod wat;

use anyhow::{Context as _, Result, ensure};
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_measure::{START_NS, batches, median, requests, thread_cpu_ns as now};
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_plugin::{Compiler, Config, Loaded, Metrics, PluginOptions, Runtime};
use cadenza_transform::{Compiled, Context, Programs, Secrets, Session};
use chain::{Chain, Parts};
use native::{Done, Native};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Spans of a round.
const SPANS: usize = 20_000;
/// Rounds; the median counts, so that neighbours on the machine do not.
const ROUNDS: usize = 41;
const CONTEXT: Context = Context { now_unix_ns: START_NS, seed: 1, is_trial: false };

/// What decoding costs a span on this machine, today: the yardstick for everything else.
fn decoding(spans: usize) -> f64 {
    let requests = requests(SPANS, spans);
    let mut columns = Columns::new();
    let round = |columns: &mut Columns| {
        let (begun, mut rows) = (now(), 0);
        for request in &requests {
            columns.reset();
            otlp::decode(request, columns).expect("traffic decodes");
            rows += columns.spans.len();
        }
        (now() - begun) / rows as f64
    };
    median((0..ROUNDS).map(|_| round(&mut columns)).collect())
}

/// Plugins by name, component and configuration, as one chain.
fn chain(runtime: &Runtime, members: &[(&str, &Arc<Loaded>, &str)]) -> Result<Chain> {
    let (mut plugins, mut compiled) = (Vec::new(), Vec::new());
    for &(name, loaded, config) in members {
        let options = PluginOptions::default();
        let (plugin, plan) = runtime.plugin(&TenantId::single(), name, loaded, config, &options)?;
        let secrets = Secrets { host: plugin.secret(), named: &|_| None };
        let plan = Compiled::new(&plan, plugin.metadata().kind, &secrets)
            .map_err(|errors| anyhow::anyhow!("{name}: {errors:?}"))?;
        plugins.push(plugin);
        compiled.push(Arc::new(plan));
    }
    Ok(Chain { plugins, programs: Programs::new(compiled) })
}

/// Restores a batch as a receiver leaves one: in memory that has been used before.
fn restore(columns: &mut Columns, batch: &Columns) {
    columns.reset();
    let rows: Vec<u32> = (0..batch.spans.len() as u32).collect();
    columns.append_rows(batch, &rows).expect("dictionaries have room");
}

/// Nanoseconds per span of `work` over all batches, which are restored outside the clock.
fn round(batches: &[Columns], spans: f64, clock: f64, work: &mut dyn FnMut(&mut Columns)) -> f64 {
    let mut columns = Columns::new();
    let mut sum = 0.0;
    for batch in batches {
        restore(&mut columns, batch);
        let begun = now();
        work(&mut columns);
        sum += now() - begun - clock;
    }
    sum / spans
}

/// The guests against the same logic compiled in.
fn against_native(guests: &Chain, batches: &[Columns], clock: f64, bars: (&str, &str)) -> Result<()> {
    let spans = batches.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
    let secret = *guests.plugins[1].secret();
    let (mut session, mut hand, mut keep) = (Session::new(), Native::default(), Vec::new());
    let (mut by_hand, mut by_guests) = (Done::default(), Done::default());
    for batch in batches {
        add(&mut by_hand, hand.run(&secret, &mut batch.clone()));
        add(&mut by_guests, guests.run(&mut session, &mut batch.clone(), &mut keep));
    }
    ensure!(by_hand == by_guests, "not the same logic: {by_hand:?} by hand, {by_guests:?} by the guests");
    let mut times = vec![Vec::new(); 4];
    let mut parts = Vec::new();
    for _ in 0..ROUNDS {
        times[0].push(round(batches, spans, clock, &mut |columns| {
            std::hint::black_box(hand.run(&secret, columns));
        }));
        times[1].push(round(batches, spans, clock, &mut |columns| {
            std::hint::black_box(guests.run(&mut session, columns, &mut keep));
        }));
        times[2].push(round(batches, spans, clock, &mut |columns| {
            hand.run(&secret, columns);
            hand.settle(columns);
            columns.retain_rows(|row| hand.keep()[row] != 0);
            columns.compact();
        }));
        times[3].push(round(batches, spans, clock, &mut |columns| {
            guests.run(&mut session, columns, &mut keep);
            session.finish(columns, Some(&keep));
        }));
        parts.push(split(guests, batches, spans, clock, &mut session));
    }
    let [native, guest, native_all, guest_all] =
        <[f64; 4]>::try_from(times.into_iter().map(median).collect::<Vec<_>>()).expect("four variants");
    println!("  compiled in, per cell            {native:>7.1} ns/span");
    println!("  enrich + scrub + sample, guests  {guest:>7.1} ns/span  {}", bars.0);
    println!("  ratio                            {:>7.2}          {}", guest / native, bars.1);
    println!("  with rewritten columns and dictionaries: {native_all:.1} and {guest_all:.1} ns/span");
    let part = |of: fn(&Parts) -> f64| median(parts.iter().map(of).collect());
    println!(
        "  guests by part: project {:.1}, call and check {:.1}, apply {:.1}, settle {:.1}, drop and compact {:.1}",
        part(|p| p.project),
        part(|p| p.call),
        part(|p| p.apply),
        part(|p| p.settle),
        part(|p| p.compact)
    );
    Ok(())
}

fn add(sum: &mut Done, one: Done) {
    sum.updated += one.updated;
    sum.removed += one.removed;
    sum.inserted += one.inserted;
    sum.kept += one.kept;
}

fn split(chain: &Chain, batches: &[Columns], spans: f64, clock: f64, session: &mut Session) -> Parts {
    let mut columns = Columns::new();
    let mut sum = Parts::default();
    for batch in batches {
        restore(&mut columns, batch);
        let parts = chain.by_parts(session, &mut columns, clock);
        sum.project += parts.project / spans;
        sum.call += parts.call / spans;
        sum.apply += parts.apply / spans;
        sum.settle += parts.settle / spans;
        sum.compact += parts.compact / spans;
    }
    sum
}

/// A chain by itself: in all, and by part.
fn alone(what: &str, chain: &Chain, batches: &[Columns], clock: f64, bar: &str) {
    let spans = batches.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
    let (mut session, mut keep) = (Session::new(), Vec::new());
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.push(round(batches, spans, clock, &mut |columns| {
            chain.run(&mut session, columns, &mut keep);
        }));
        parts.push(split(chain, batches, spans, clock, &mut session));
    }
    let part = |of: fn(&Parts) -> f64| median(parts.iter().map(of).collect());
    println!(
        "  {what:<44} {:>7.1} ns/span  {bar} (steps and project {:.1}, call {:.1}, apply {:.1})",
        median(whole),
        part(|p| p.project),
        part(|p| p.call),
        part(|p| p.apply)
    );
}

const BUILT_INS: [(&str, &str); 4] = [
    ("process-enricher", "{}"),
    (
        "attributes",
        r#"{"actions": [{"key": "http.request.header.authorization", "action": "delete"}, {"key": "user.id", "action": "hash"}]}"#,
    ),
    ("redaction", r#"{"allow_all_keys": true, "blocked_values": ["[0-9]{13,19}"]}"#),
    ("probabilistic-sampler", r#"{"sampling_percentage": 10}"#),
];

fn runtime(compiler: Compiler) -> Result<(Runtime, tokio::runtime::Runtime)> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let env = Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio.handle().clone())),
    };
    let metrics = Metrics::new(&prometheus::Registry::new())?;
    Ok((Runtime::new(env, Config::new(compiler), metrics, [1; 32])?, tokio))
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let guests = args.next().context("usage: plugin_bench FOLDER-OF-GUESTS [SERVER-PROGRAM]")?;
    // The compiler's process: given as an argument, or this one.
    let compiler = args.next().map_or(Compiler::InProcess, |program| Compiler::Child { program });
    let (runtime, _tokio) = runtime(compiler)?;
    let clock = median(
        (0..1001)
            .map(|_| {
                let begun = now();
                now() - begun
            })
            .collect(),
    );
    let load = |file: &Path| -> Result<Arc<Loaded>> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        let begun = std::time::Instant::now();
        let loaded = runtime.load(&bytes)?;
        println!("  {:<44} {:>7} KB in {:?}", file.display(), bytes.len() / 1000, begun.elapsed());
        Ok(loaded)
    };
    println!("compiled and described");
    let guest = |name: &str| load(&guests.join(format!("{name}.wasm")));
    let (enricher, scrubber, sampler) = (guest("enricher")?, guest("scrubber")?, guest("sampler")?);
    let members = [("enricher", &enricher, "{}"), ("scrubber", &scrubber, "{}"), ("sampler", &sampler, "{}")];
    let three = chain(&runtime, &members)?;
    let components = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components");
    let mut built_ins = Vec::new();
    for (name, config) in BUILT_INS {
        built_ins.push((name, load(&components.join(format!("{name}.wasm")))?, config));
    }
    let idle = [(
        "attributes",
        &built_ins[1].1,
        r#"{"actions": [{"key": "not.there", "action": "delete"}, {"key": "neither", "action": "hash"}]}"#,
    )];
    let idle_guest = [("scrubber", &scrubber, "{}")];
    for (spans, bars) in [(400, ("bar 250", "bar 1.6")), (10, ("bar 800", ""))] {
        let batches = batches(SPANS, spans);
        println!("{spans} spans a batch; decoding them costs {:.1} ns/span here", decoding(spans));
        against_native(&three, &batches, clock, bars)?;
        for (name, loaded, config) in &built_ins {
            alone(name, &chain(&runtime, &[(name, loaded, config)])?, &batches, clock, "");
        }
        let all: Vec<_> = built_ins.iter().map(|(name, loaded, config)| (*name, loaded, *config)).collect();
        alone("all four built-ins", &chain(&runtime, &all)?, &batches, clock, "");
        alone("native steps whose keys are not there", &chain(&runtime, &idle)?, &batches, clock, "bar 5");
        let none: Vec<Columns> = batches.iter().map(without_attributes).collect();
        alone("a guest whose keys are not there", &chain(&runtime, &idle_guest)?, &none, clock, "bar 5");
    }
    once::measure(&runtime, &batches(400, 400)[0])
}

/// Spans as they are, with attributes of another name.
fn without_attributes(batch: &Columns) -> Columns {
    let mut columns = batch.clone();
    let other = columns.names.intern(b"other");
    columns.span_attrs.key.fill(other);
    columns.compact();
    columns
}
