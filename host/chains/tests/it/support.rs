//! A workshop without WebAssembly: a component is a text, a chain says what it is made of.

use cadenza_chains::{
    Assembled, Assembly, Chains, Config, Entry, Fault, Metrics, Mode, Part, Source, Specs, Workshop,
};
use cadenza_env::{Env, ManualClock, RealDisk, SeededRandom, TokioSpawn};
use cadenza_ingest::chain::{Chain, Chains as _, Hold, Processing};
use cadenza_model::{Columns, TenantId};
use parking_lot::Mutex;
use prometheus::Registry;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Compiles texts; `bad` does not compile, `picky` fails on every span it is tried on.
#[derive(Default)]
pub(crate) struct TextShop {
    pub(crate) loads: Arc<AtomicU64>,
}

pub(crate) struct TextChain {
    text: String,
}

impl Workshop for TextShop {
    type Component = String;

    fn builtin(&self, name: &str) -> Option<&'static [u8]> {
        (name == "one").then_some(b"builtin-one".as_slice())
    }

    fn load(&self, bytes: &[u8]) -> Result<String, String> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        match bytes {
            b"bad" => Err("it does not compile".to_owned()),
            bytes => Ok(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    fn describe(&self, component: &String) -> serde_json::Value {
        component.as_str().into()
    }

    fn assemble(&self, tenant: &TenantId, parts: &[Part<String>]) -> Result<Assembly, Vec<Fault>> {
        let fault = |part: &Part<String>| Fault {
            plugin: part.entry.name.clone(),
            message: "/key: unknown".to_owned(),
        };
        let (wrong, parts): (Vec<_>, Vec<_>) =
            parts.iter().partition(|part| part.entry.config_json == "wrong");
        let (shadows, wrong): (Vec<_>, Vec<_>) =
            wrong.into_iter().partition(|part| part.entry.mode == Mode::Shadow);
        if !wrong.is_empty() {
            return Err(wrong.into_iter().map(fault).collect());
        }
        let texts: Vec<_> =
            parts.iter().map(|part| format!("{}({})", part.component, part.entry.config_json)).collect();
        let chain = Arc::new(TextChain { text: format!("{tenant}: {}", texts.join(" ")) });
        Ok(Assembly { chain, left_out: shadows.into_iter().map(fault).collect() })
    }
}

impl Chain for TextChain {
    fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        self.text.bytes().enumerate().for_each(|(i, byte)| digest[i % 32] ^= byte);
        digest
    }

    fn calls_guests(&self) -> bool {
        true
    }

    fn run(&self, _: &mut Columns, _: &[Range<usize>]) -> Result<Processing, Hold> {
        Ok(Processing { reasons: vec![self.text.clone()], ..Processing::default() })
    }
}

impl Assembled for TextChain {
    fn trial(&self, columns: Columns) -> Result<(), Fault> {
        match self.text.contains("picky") && !columns.spans.is_empty() {
            true => Err(Fault { plugin: "picky".into(), message: "traps on a recorded batch".into() }),
            false => Ok(()),
        }
    }

    fn status(&self) -> serde_json::Value {
        self.text.as_str().into()
    }
}

/// What tenants want; a test changes it.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) chains: Mutex<BTreeMap<String, Vec<Entry>>>,
    pub(crate) secrets: AtomicU64,
    /// How often somebody wanted to know.
    pub(crate) asked: AtomicU64,
}

impl Specs for Wishes {
    fn chain(&self, tenant: &TenantId) -> Vec<Entry> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.chains.lock().get(tenant.as_str()).cloned().unwrap_or_default()
    }

    fn known_tenants(&self) -> Vec<TenantId> {
        Vec::new()
    }

    fn secrets(&self) -> u64 {
        self.secrets.load(Ordering::Relaxed)
    }

    fn revision(&self) -> Option<String> {
        Some(format!("{:?}", self.chains.lock()))
    }
}

pub(crate) struct Rig {
    pub(crate) dir: TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) loads: Arc<AtomicU64>,
    pub(crate) chains: Chains<TextShop>,
}

pub(crate) fn entry(name: &str, file: &str, config: &str) -> Entry {
    let source = match file.strip_prefix("builtin:") {
        Some(name) => Source::Builtin(name.to_owned()),
        None => Source::File(PathBuf::from(file)),
    };
    Entry { name: name.into(), source, config_json: config.into(), on_failure: None, mode: Mode::Enforce }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

impl Rig {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::at(1_700_000_000_000_000_000);
        let env = Env {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(1)),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
        };
        let config =
            Config { dir: Some(dir.path().to_owned()), component_bytes_max: 1000, ..Config::default() };
        let (wishes, shop) = (Arc::new(Wishes::default()), TextShop::default());
        let loads = Arc::clone(&shop.loads);
        let metrics = Metrics::new(&Registry::new()).expect("a fresh registry");
        let chains = Chains::new(env, config, shop, wishes.clone(), metrics);
        Self { dir, clock, wishes, loads, chains }
    }

    /// What a tenant wants from now on.
    pub(crate) fn wish(&self, name: &str, entries: &[Entry]) {
        self.wishes.chains.lock().insert(name.to_owned(), entries.to_vec());
    }

    pub(crate) fn put(&self, file: &str, content: &str) {
        // By renaming, as operators and mounts replace files.
        let part = self.dir.path().join("part");
        std::fs::write(&part, content).expect("writing");
        std::fs::rename(part, self.dir.path().join(file)).expect("renaming");
    }

    /// What a request of the tenant meets now: the chain's text, `none`, or why it waits.
    pub(crate) fn met(&self, name: &str) -> String {
        let chain = match self.chains.chain(&tenant(name)) {
            Ok(Some(chain)) => chain,
            Ok(None) => return "none".to_owned(),
            Err(hold) => {
                assert!(hold.retry_after.is_some(), "a client must know when to come again");
                return format!("held: {}", hold.message);
            }
        };
        self.clock.advance(Duration::from_secs(1));
        chain.run(&mut one_span(), std::slice::from_ref(&(0..1))).expect("it runs").reasons.remove(0)
    }
}

pub(crate) fn one_span() -> Columns {
    let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000002a",
        "spanId":"000000000000000b","name":"op","startTimeUnixNano":"5","endTimeUnixNano":"6"}]}]}]}"#;
    let mut columns = Columns::new();
    cadenza_model::otlp::decode_json(json.as_bytes(), &mut columns).expect("good OTLP");
    columns
}
