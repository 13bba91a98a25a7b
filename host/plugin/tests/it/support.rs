//! One runtime for all tests, batches, and the components of the repository.

use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_plugin::{Compiler, Config, ConfigureError, Loaded, Metrics, Plugin, PluginOptions, Runtime};
use cadenza_traffic::Exporter;
use cadenza_transform::{Batch, Compiled, Context, Kind, Plan, Programs, Secrets, Session};
use prost::Message as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

pub(crate) const SECRET: [u8; 32] = [3; 32];

pub(crate) struct Shared {
    pub(crate) runtime: Runtime,
    pub(crate) registry: prometheus::Registry,
}

fn tokio() -> &'static tokio::runtime::Runtime {
    static TOKIO: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    TOKIO
        .get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("tokio"))
}

pub(crate) fn env() -> Env {
    Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio().handle().clone())),
    }
}

pub(crate) fn runtime_with(config: Config, secret: [u8; 32]) -> Runtime {
    let metrics = Metrics::new(&prometheus::Registry::new()).expect("an empty registry");
    Runtime::new(env(), config, metrics, secret).expect("the machine runs compiled code")
}

pub(crate) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let registry = prometheus::Registry::new();
        let metrics = Metrics::new(&registry).expect("an empty registry");
        let config = Config { instances_max: 64, ..Config::new(Compiler::InProcess) };
        let runtime = Runtime::new(env(), config, metrics, SECRET).expect("it starts");
        Shared { runtime, registry }
    })
}

/// The program that compiles for [`Compiler::Child`]: as the server's binary does.
pub(crate) fn compiler() -> Compiler {
    Compiler::Child { program: PathBuf::from(env!("CARGO_BIN_EXE_cadenza-plugin-compile")) }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("t-1").expect("an id")
}

/// A component of the repository, loaded once.
pub(crate) fn built_in(name: &str) -> Arc<Loaded> {
    static LOADED: OnceLock<Mutex<HashMap<String, Arc<Loaded>>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().expect("no panic while loading");
    let load = || shared().runtime.load(&built_in_bytes(name)).expect("it loads");
    Arc::clone(loaded.entry(name.to_owned()).or_insert_with(load))
}

pub(crate) fn built_in_bytes(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components");
    std::fs::read(dir.join(format!("{name}.wasm"))).expect("it is committed")
}

pub(crate) fn columns(spans: usize) -> Columns {
    let mut exporter = Exporter::new(7, 1_760_000_000_000_000_000, 3_000_000, spans);
    let mut columns = Columns::new();
    otlp::decode(&exporter.next_request().encode_to_vec(), &mut columns).expect("traffic decodes");
    let rows: Vec<u32> = (0..spans as u32).collect();
    let mut exact = Columns::new();
    exact.append_rows(&columns, &rows).expect("rows of it");
    exact
}

pub(crate) struct Configured {
    pub(crate) plugin: Plugin,
    pub(crate) plan: Plan,
    programs: Programs,
}

pub(crate) fn configure(
    runtime: &Runtime,
    name: &str,
    loaded: &Arc<Loaded>,
    config: &str,
) -> Result<Configured, ConfigureError> {
    let (plugin, plan) = runtime.plugin(&tenant(), name, loaded, config, &PluginOptions::default())?;
    let secrets = Secrets { host: plugin.secret(), named: &|_| None };
    let compiled = Compiled::new(&plan, plugin.metadata().kind, &secrets).expect("a sound plan");
    Ok(Configured { plan, programs: Programs::new(vec![Arc::new(compiled)]), plugin })
}

pub(crate) fn context() -> Context {
    Context { now_unix_ns: 1_760_000_000_000_000_000, seed: 1, is_trial: false }
}

impl Configured {
    pub(crate) fn batch(&self, columns: &Columns) -> Batch {
        let mut session = Session::new();
        session.begin(&self.programs, columns);
        session.project(&self.programs, 0, columns)
    }

    pub(crate) fn is_sampler(&self) -> bool {
        self.programs.plugins()[0].kind() == Kind::HeadSampler
    }
}

/// A hostile guest, configured under `name`.
pub(crate) fn guest(name: &str, component: &[u8]) -> Configured {
    let runtime = &shared().runtime;
    let loaded = runtime.load(component).expect("it loads");
    configure(runtime, name, &loaded, "{}").expect("it configures")
}
