//! Kills by design: every state that a crash between cut, block and hand-over can leave on the disk is laid
//! out, and a server started on it. None lost, none doubled, by id and in counts.

use crate::durability::spans_of;
use cadenza_tests::http::Http;
use cadenza_tests::{Options, Server, otlp, wait};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Traces; every other one gets more spans while its cut is pending.
const TRACES: u64 = 40;
const EARLY_SPANS: u64 = 3;
const LATE_SPANS: u64 = 2;
/// Where commits of the log may end.
const LOG_BLOCK_BYTES: u64 = 4096;

/// Only `/flush` cuts.
fn patient() -> Options {
    let hour = "live_store:\n  max_trace_idle: 1h\n  max_trace_live: 1h\n  max_block_duration: 1h\n";
    Options { yaml: hour.into(), ..Options::default() }
}

fn id_of(trace: u64) -> [u8; 16] {
    otlp::trace_id(0xc4a5, trace)
}

async fn send(server: &Server, traces: impl Iterator<Item = u64>, ids: std::ops::RangeInclusive<u64>) {
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    for trace in traces {
        let spans = ids.clone().map(|id| otlp::span(id_of(trace), id, u64::from(id > 1), "work")).collect();
        client.export(otlp::request("crash", spans)).await.expect("acknowledged");
    }
}

/// Every file below a folder, by relative path.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_owned();
                files.insert(name, fs::read(&path).expect("a readable file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

fn lay_out(root: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("making it");
        fs::write(path, bytes).expect("writing it");
    }
}

/// Everything sent is found exactly once, by id and by search.
async fn complete(http: &Http, late: bool, started: u64, when: &str) {
    let answer = http.search("{ name = \"work\" }", started - 60, otlp::now_s() + 60, 1000).await;
    let mut counts = BTreeMap::new();
    for trace in answer["traces"].as_array().expect("traces") {
        let text = trace["traceID"].as_str().expect("an id").to_owned();
        let matched = trace["spanSet"]["matched"].as_u64().expect("a count");
        assert_eq!(counts.insert(text, matched), None, "{when}: a trace twice in one answer");
    }
    for trace in 0..TRACES {
        let last = EARLY_SPANS + if late && trace % 2 == 0 { LATE_SPANS } else { 0 };
        let mut found = spans_of(http, &id_of(trace)).await;
        found.sort_unstable();
        assert_eq!(found, (1..=last).collect::<Vec<_>>(), "{when}: trace {trace} by id");
        let text = format!("{:x}", u128::from_be_bytes(id_of(trace)));
        let count = counts.iter().find(|(id, _)| id.trim_start_matches('0') == text).map(|(_, &count)| count);
        assert_eq!(count, Some(last), "{when}: trace {trace} in search");
    }
}

/// Starts on a state, looks, flushes, looks, dies, starts again, looks.
async fn survives(state: &State, started: u64) {
    let mut server = Server::prepare(patient());
    lay_out(&server.data().join("wal"), &state.log);
    lay_out(&server.data().join("blocks"), &state.blocks);
    server.launch().await;
    let http = server.http();
    indexed(&http).await;
    complete(&http, state.late, started, &state.name).await;
    assert!(http.get("/flush").await.expect("an answer").status < 300, "{}", state.name);
    complete(&http, state.late, started, &format!("{}, flushed", state.name)).await;
    server.kill();
    server.launch().await;
    indexed(&http).await;
    complete(&http, state.late, started, &format!("{}, flushed, killed", state.name)).await;
}

/// Waits until the log of the run before is read.
async fn indexed(http: &Http) {
    wait::until("the log to be read", || async {
        let metrics = http.get("/metrics").await.ok()?.text();
        metrics
            .lines()
            .any(|line| line.starts_with("tempo_live_store_ready") && line.ends_with(" 1"))
            .then_some(())
    })
    .await;
}

/// What a crash left.
struct State {
    name: String,
    log: BTreeMap<PathBuf, Vec<u8>>,
    blocks: BTreeMap<PathBuf, Vec<u8>>,
    late: bool,
}

/// Recordings of one run: log and blocks at its stations.
struct Recorded {
    /// Acknowledged, not cut.
    plain: BTreeMap<PathBuf, Vec<u8>>,
    /// Cut, and more spans of the same traces acknowledged since.
    cut: BTreeMap<PathBuf, Vec<u8>>,
    /// Its block stored and recorded.
    built: BTreeMap<PathBuf, Vec<u8>>,
    blocks: BTreeMap<PathBuf, Vec<u8>>,
}

async fn record() -> Recorded {
    let mut server = Server::prepare(patient());
    // The store is away: where the tenant's folder should be lies a file.
    let blocks = server.data().join("blocks");
    fs::create_dir_all(&blocks).expect("making the folder");
    let obstacle = blocks.join("single-tenant");
    server.launch().await;
    let wal = server.data().join("wal");
    send(&server, 0..TRACES, 1..=EARLY_SPANS).await;
    let plain = files(&wal);
    fs::write(&obstacle, "in the way").expect("writing the obstacle");
    let http = server.http();
    let flusher = http.clone();
    let flush = tokio::spawn(async move { flusher.get("/flush").await });
    wait::until("the first failed upload", || async {
        let metrics = http.get("/metrics").await.ok()?.text();
        let failed =
            |line: &str| line.starts_with("tempo_ingester_failed_flushes_total") && !line.ends_with(" 0");
        metrics.lines().any(failed).then_some(())
    })
    .await;
    send(&server, (0..TRACES).step_by(2), EARLY_SPANS + 1..=EARLY_SPANS + LATE_SPANS).await;
    server.kill();
    drop(flush.await);
    let cut = files(&wal);
    fs::remove_file(&obstacle).expect("removing the obstacle");
    server.launch().await;
    wait::until("the block to be recorded as built", || async {
        let metrics = http.get("/metrics").await.ok()?.text();
        let done =
            |line: &str| line.starts_with("tempo_live_store_blocks_cleared_total") && !line.ends_with(" 0");
        metrics.lines().any(done).then_some(())
    })
    .await;
    server.kill();
    Recorded { plain, cut, built: files(&wal), blocks: files(&blocks) }
}

/// The newest segment of a log cut off at `bytes`.
fn torn(log: &BTreeMap<PathBuf, Vec<u8>>, bytes: u64) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut torn = log.clone();
    let newest = torn.keys().filter(|name| name.extension().is_some_and(|ext| ext == "wal")).max().cloned();
    let newest = torn.get_mut(&newest.expect("a segment")).expect("its bytes");
    newest.truncate(usize::try_from(bytes).expect("a small log"));
    torn
}

fn newest_bytes(log: &BTreeMap<PathBuf, Vec<u8>>) -> u64 {
    log.iter()
        .filter(|(name, _)| name.extension().is_some_and(|ext| ext == "wal"))
        .map(|(_, b)| b.len() as u64)
        .next_back()
        .expect("a segment")
}

fn states(recorded: &Recorded) -> Vec<State> {
    let Recorded { plain, cut, built, blocks } = recorded;
    let mut states = Vec::new();
    let mut add = |name: String, log, blocks, late| states.push(State { name, log, blocks, late });
    add("acknowledged only".into(), plain.clone(), BTreeMap::new(), false);
    add("cut recorded, no block".into(), cut.clone(), BTreeMap::new(), true);
    // The block's objects in the order they are written, each as the last and torn one.
    let order = |name: &Path| {
        let name = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (
            ["data.parquet", "bloom-", "index", "meta.json"].iter().position(|start| name.starts_with(start)),
            name.to_owned(),
        )
    };
    let mut objects: Vec<&PathBuf> = blocks.keys().filter(|name| order(name).0.is_some()).collect();
    objects.sort_by_key(|name| order(name));
    assert!(order(objects.last().expect("objects")).1 == "meta.json", "{objects:?}");
    for (at, object) in objects.iter().enumerate() {
        let mut part: BTreeMap<PathBuf, Vec<u8>> =
            objects[..at].iter().map(|name| ((*name).clone(), blocks[*name].clone())).collect();
        add(format!("cut recorded, block before {}", object.display()), cut.clone(), part.clone(), true);
        // Objects appear whole (written aside, then renamed), also the meta; torn ones may still be met on
        // file systems that reorder, and only the meta makes a block exist.
        if at + 1 < objects.len() {
            let bytes = &blocks[*object];
            part.insert((*object).clone(), bytes[..bytes.len() / 2].to_vec());
            add(format!("cut recorded, block with half of {}", object.display()), cut.clone(), part, true);
        }
    }
    add("block stored, not recorded as built".into(), cut.clone(), blocks.clone(), true);
    add("recorded as built".into(), built.clone(), blocks.clone(), true);
    // `Built` in its last commit, torn at several places.
    let whole = newest_bytes(built);
    for gone in [1, LOG_BLOCK_BYTES / 2, LOG_BLOCK_BYTES - 16, LOG_BLOCK_BYTES] {
        add(
            format!("`Built` without its last {gone} bytes"),
            torn(built, whole - gone),
            blocks.clone(),
            true,
        );
    }
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_between_cut_and_hand_over_can_be_the_last_one() {
    let started = otlp::now_s();
    let recorded = record().await;
    let states = states(&recorded);
    for state in &states {
        survives(state, started).await;
    }
    println!("{} states between cut and hand-over: none lost or doubled", states.len());
}
