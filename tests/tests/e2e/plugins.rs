//! Plugins in the write path of the shipped binary: nothing unscrubbed is kept, a chain that is not there holds
//! its tenant, and swapping under load loses and doubles nothing.

use crate::durability::spans_of;
use cadenza_tests::http::Http;
use cadenza_tests::server::free_port;
use cadenza_tests::{Options, Server, otlp, soak_factor, wait};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Never to be found again once the scrubber has seen it.
const CANARY: &str = "canary-4f1c9a7e";
const TOKEN: &str = "let-me-in";

/// The guide's processor, as the Collector has it.
const GUIDE: &str = "
      config:
        actions:
          - {key: http.request.header.authorization, action: delete}
          - {key: card, action: update, value: masked}
          - {key: scrubbed, action: upsert, value: true}
";

fn component(name: &str) -> Vec<u8> {
    let path = format!("{}/../plugins/components/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The same component with other bytes: a custom section that nothing reads.
fn renamed(component: &[u8], revision: u8) -> Vec<u8> {
    let mut other = component.to_vec();
    other.extend_from_slice(&[0, 4, 2, b'r', b'v', revision]);
    other
}

/// A server whose chain is `chain`, with components in a folder of its own and the admin API.
pub(crate) struct Rig {
    pub(crate) server: Server,
    dir: TempDir,
    admin: Http,
}

impl Rig {
    fn prepare(chain: &str) -> Self {
        let dir = TempDir::new().expect("a folder");
        let port = free_port();
        let yaml = format!(
            "live_store:\n  max_trace_idle: 200ms\n  max_trace_live: 500ms\n  max_block_duration: 1s\n  flush_check_period: 100ms\n\
             plugins:\n  dir: {}\n  reload_interval: 100ms\n  admin: {{listen_port: {port}, token: {TOKEN}}}\n  chain:\n{chain}",
            dir.path().display()
        );
        let server = Server::prepare(Options { yaml, ..Options::default() });
        Self { server, dir, admin: Http::new(format!("http://127.0.0.1:{port}")) }
    }

    pub(crate) async fn start(chain: &str) -> Self {
        let mut rig = Self::prepare(chain);
        rig.server.launch().await;
        rig
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let part = self.dir.path().join("part");
        std::fs::write(&part, bytes).expect("writing a component");
        std::fs::rename(part, self.dir.path().join(name)).expect("renaming it");
    }

    pub(crate) async fn status(&self) -> Json {
        self.server.http().json("/status/plugins").await
    }

    /// Waits until the chain is in force.
    pub(crate) async fn is_loaded(&self) {
        let state = async || (self.status().await["chains"][0]["state"] == "running").then_some(());
        wait::until("the chain to be loaded", state).await;
    }

    async fn call(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Json) {
        let bearer = format!("Bearer {TOKEN}");
        let answer = self.admin.request(method, path, &[("authorization", &bearer)], body).await;
        let answer = answer.expect("an answer of the admin API");
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_else(|_| answer.text().into()))
    }
}

fn with_secrets(id: [u8; 16], span_id: u64) -> Span {
    let mut span = otlp::span(id, span_id, u64::from(span_id > 1), "work");
    span.attributes = vec![
        otlp::string("http.request.header.authorization", &format!("Bearer {CANARY}")),
        otlp::string("card", CANARY),
        otlp::attribute("scrubbed", Value::BoolValue(false)),
    ];
    span
}

/// Every file below a folder that holds the canary, as bytes.
fn files_with_canary(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if contains(&std::fs::read(&path).unwrap_or_default(), CANARY.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_attributes_processor_keeps_a_secret_off_the_disk() {
    let rig = Rig::start(&format!("    - source: builtin:attributes{GUIDE}")).await;
    let id = otlp::trace_id(0x5c, 1);
    let request = otlp::request("scrub", vec![with_secrets(id, 1)]);
    otlp::export_once_loaded(rig.server.otlp_grpc_url(), request).await.expect("taken");
    let text = rig.server.http().get(&format!("/api/traces/{:032x}", u128::from_be_bytes(id))).await;
    let text = text.expect("an answer").text();
    assert!(text.contains("masked") && !text.contains(CANARY) && !text.contains("authorization"), "{text}");
    rig.server.http().get("/flush").await.expect("flushed");
    for page in ["/metrics", "/status/plugins", "/status/config", "/status"] {
        let page = rig.server.http().get(page).await.expect("a page").text();
        assert!(!page.contains(CANARY), "{page}");
    }
    assert_eq!(files_with_canary(&rig.server.data()), Vec::<PathBuf>::new());
    assert!(!rig.server.log_text().contains(CANARY));
    let status = rig.status().await;
    assert_eq!(status["chains"][0]["state"], "running", "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_waits_while_a_component_of_its_chain_is_missing() {
    let rig = Rig::start(&format!("    - name: scrub\n      source: scrub.wasm{GUIDE}")).await;
    let id = otlp::trace_id(0x5c, 2);
    let mut client = otlp::grpc(rig.server.otlp_grpc_url()).await.expect("a connection");
    let refusal = client.export(otlp::request("scrub", vec![with_secrets(id, 1)])).await.expect_err("held");
    assert_eq!(refusal.code(), tonic::Code::Unavailable, "a client must come again: {refusal}");
    assert!(refusal.message().contains("plugin scrub") && !refusal.details().is_empty(), "{refusal}");
    let status = rig.status().await;
    assert_eq!(status["chains"][0]["state"], "loading", "{status}");
    assert!(status["chains"][0]["faults"][0].as_str().is_some_and(|fault| fault.contains("scrub.wasm")));
    assert_eq!(files_with_canary(&rig.server.data()), Vec::<PathBuf>::new());
    rig.put("scrub.wasm", &component("attributes"));
    wait::until("the chain to be loaded", || async {
        let mut client = otlp::grpc(rig.server.otlp_grpc_url()).await.ok()?;
        client.export(otlp::request("scrub", vec![with_secrets(id, 1)])).await.ok()
    })
    .await;
    assert_eq!(spans_of(&rig.server.http(), &id).await, [1]);
    assert_eq!(files_with_canary(&rig.server.data()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_api_takes_components_keeps_revisions_and_refuses_what_cannot_run() {
    let rig = Rig::prepare(&format!("    - name: scrub\n      source: scrub.wasm{GUIDE}"));
    rig.put("scrub.wasm", &component("attributes"));
    let mut rig = rig;
    rig.server.launch().await;
    let refused = rig.admin.request("GET", "/api/plugins", &[], Vec::new()).await.expect("an answer");
    assert_eq!(refused.status, 401, "without the token");
    let check = async |name: &str, body: Vec<u8>, status: u16, text: &str| {
        let (code, answer) = rig.call("POST", &format!("/api/plugins/{name}"), body).await;
        assert_eq!(code, status, "{answer}");
        assert!(answer.to_string().contains(text), "{answer}");
    };
    check("scrub", b"not wasm".to_vec(), 422, "cannot be used").await;
    check("Not-A-Name", component("attributes"), 400, "cannot name a plugin").await;
    check("scrub", renamed(&component("attributes"), 1), 200, "sha256").await;
    let (_, history) = rig.call("GET", "/api/plugins/scrub/history", Vec::new()).await;
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(1), "{history}");
    let (code, _) = rig.call("POST", "/api/plugins/scrub/rollback", Vec::new()).await;
    assert_eq!(code, 200);
    let kept = std::fs::read(rig.dir.path().join("scrub.wasm")).expect("kept");
    assert!(kept == component("attributes"), "the first revision is back");
    let (_, list) = rig.call("GET", "/api/plugins", Vec::new()).await;
    assert_eq!(list["chains"][0]["version"]["plugins"][0]["name"], "scrub", "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_enricher_derives_is_found_by_traceql_live_and_in_blocks() {
    let rig = Rig::start("    - source: builtin:process-enricher").await;
    rig.is_loaded().await;
    let (one, other) = (otlp::trace_id(0x5e, 1), otlp::trace_id(0x5e, 2));
    // Two runs of a program in one request; the other has a single step.
    let run = |id, steps| {
        let mut spans = vec![otlp::span(id, 1, 0, "run")];
        spans.extend((0..steps).map(|step| {
            let mut span = otlp::span(id, step + 2, 1, &format!("step {step}"));
            span.start_time_unix_nano += step;
            span
        }));
        spans
    };
    let mut client = otlp::grpc(rig.server.otlp_grpc_url()).await.expect("a connection");
    client.export(otlp::request("nightly", [run(one, 3), run(other, 1)].concat())).await.expect("taken");
    let (start, end) = (otlp::now_s() - 60, otlp::now_s() + 60);
    let found = async |query: &str| {
        let answer = rig.server.http().search(query, start, end, 10).await;
        let traces = answer["traces"].as_array().expect("traces").clone();
        let spans = |trace: &Json| {
            let spans = trace["spanSets"][0]["spans"].as_array().cloned().unwrap_or_default();
            spans.iter().map(|span| span["name"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let id =
            |trace: &Json| trace["traceID"].as_str().unwrap_or_default().trim_start_matches('0').to_owned();
        traces.iter().map(|trace| (id(trace), spans(trace))).collect::<BTreeMap<String, Vec<String>>>()
    };
    let hex = |id: [u8; 16]| format!("{:x}", u128::from_be_bytes(id));
    let later = "{ span.process.name = \"nightly\" && span.step.index > 0 && name != \"\" }";
    let check = async || {
        let mut steps = found(later).await;
        steps.values_mut().for_each(|names| names.sort());
        assert_eq!(steps, BTreeMap::from([(hex(one), vec!["step 1".to_owned(), "step 2".to_owned()])]));
        let first = found("{ span.step.index = 0 && span.step.name = \"0\" }").await;
        assert_eq!(first.keys().cloned().collect::<BTreeSet<_>>(), BTreeSet::from([hex(one), hex(other)]));
        assert!(found("{ span.process.name = \"daily\" && span.step.index > 0 }").await.is_empty());
    };
    check().await;
    rig.server.http().get("/flush").await.expect("flushed");
    wait::until("a block to be written", || async {
        let metrics = rig.server.http().get("/metrics").await.ok()?.text();
        metrics
            .lines()
            .any(|line| line.starts_with("tempo_ingester_blocks_flushed_total") && !line.ends_with(" 0"))
            .then_some(())
    })
    .await;
    check().await;
}

/// What clients sent under swaps, by round; each trace has the same spans.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<u64, BTreeSet<[u8; 16]>>,
    attempted: BTreeMap<u64, BTreeSet<[u8; 16]>>,
}

/// Spans of each trace of the load.
const SPANS: [u64; 4] = [1, 2, 3, 4];
/// One in so many traces is asked for by itself, too.
const ASKED_ALONE: usize = 200;

fn service(round: u64) -> String {
    format!("swap-{round}")
}

async fn load(url: String, round: u64, number: u64, ledger: Arc<Mutex<Ledger>>, stop: Arc<AtomicBool>) {
    let Ok(mut client) = otlp::grpc(url).await else { return };
    for sequence in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let id = otlp::trace_id(0x5_0000 | round << 8 | number, sequence);
        ledger.lock().await.attempted.entry(round).or_default().insert(id);
        let spans = SPANS.iter().map(|&span| with_secrets(id, span)).collect();
        if client.export(otlp::request(&service(round), spans)).await.is_err() {
            return;
        }
        ledger.lock().await.acknowledged.entry(round).or_default().insert(id);
    }
}

/// Scrubbed spans of each trace of a round, by one search: traces are too many to ask for each.
async fn scrubbed_in(http: &Http, round: u64, window: (u64, u64)) -> BTreeMap<[u8; 16], Vec<u64>> {
    let query = format!("{{ resource.service.name = \"{}\" && span.scrubbed = true }}", service(round));
    let answer = http.search(&query, window.0, window.1, 200_000).await;
    let id = |json: &Json| u128::from_str_radix(json.as_str().expect("an id"), 16).expect("hex digits");
    let traces = answer["traces"].as_array().expect("traces").iter().map(|trace| {
        let set = &trace["spanSets"][0];
        let spans = set["spans"].as_array().expect("spans").iter();
        let mut spans: Vec<u64> = spans.map(|span| id(&span["spanID"]) as u64).collect();
        assert_eq!(set["matched"].as_u64(), Some(spans.len() as u64), "all of them are shown");
        spans.sort_unstable();
        (id(&trace["traceID"]).to_be_bytes(), spans)
    });
    traces.collect()
}

/// Swaps of one run, and after how many the server is killed.
const SWAPS: u64 = 50;
const SWAPS_PER_KILL: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_and_kills_under_load_lose_and_double_nothing_and_let_nothing_through() {
    let mut rig = Rig::prepare(&format!("    - name: scrub\n      source: scrub.wasm{GUIDE}"));
    rig.put("scrub.wasm", &component("attributes"));
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let started = otlp::now_s();
    let swaps = SWAPS * soak_factor().min(20);
    for round in 0..swaps / SWAPS_PER_KILL {
        rig.server.launch().await;
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
                tokio::spawn(load(rig.server.otlp_grpc_url(), round, number, ledger, stop))
            })
            .collect();
        for swap in 0..SWAPS_PER_KILL {
            // Two revisions, to and fro: a swap and not a compile is what is tried here.
            let body = renamed(&component("attributes"), u8::from(swap % 2 == 0));
            let (code, answer) = rig.call("POST", "/api/plugins/scrub", body).await;
            assert_eq!(code, 200, "{answer}");
        }
        rig.server.kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.expect("a client that doesn't panic");
        }
    }
    rig.server.launch().await;
    rig.server.log_is_read().await;
    let http = rig.server.http();
    let ledger = ledger.lock().await;
    let acknowledged: usize = ledger.acknowledged.values().map(BTreeSet::len).sum();
    assert!(acknowledged as u64 > swaps, "the clients hardly got anything through");
    let window = (started - 60, otlp::now_s() + 60);
    for (round, attempted) in &ledger.attempted {
        let found = scrubbed_in(&http, *round, window).await;
        for id in ledger.acknowledged.get(round).into_iter().flatten() {
            assert!(found.contains_key(id), "lost {id:02x?}, or not scrubbed");
        }
        for (id, spans) in &found {
            assert_eq!(spans, &SPANS, "a request whole and each span once, {id:02x?}");
            assert!(attempted.contains(id), "invented {id:02x?}");
        }
        for id in attempted.iter().step_by(ASKED_ALONE) {
            let mut spans = spans_of(&http, id).await;
            spans.sort_unstable();
            assert_eq!(spans, found.get(id).cloned().unwrap_or_default(), "asked for alone, {id:02x?}");
        }
    }
    println!("{acknowledged} requests acknowledged under {swaps} swaps: none lost, none doubled");
    let unscrubbed = http.search("{ span.scrubbed = false }", window.0, window.1, 10).await;
    assert_eq!(unscrubbed["traces"].as_array().map(Vec::len), Some(0));
    assert_eq!(files_with_canary(&rig.server.data()), Vec::<PathBuf>::new());
}
