//! What was acknowledged is there after SIGKILL: none lost, none invented, none doubled, in answers by id
//! and in counts.

use cadenza_tests::http::Http;
use cadenza_tests::{Options, Server, otlp, soak_factor, wait};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Kills in one run of the suite.
const KILLS: u64 = 100;
/// Clients that send at the same time.
const CLIENTS: u64 = 4;
/// Spans of a trace; a trace is sent in two requests, so it may lie in several blocks.
const SPANS_PER_TRACE: u64 = 6;

/// What the clients did: per trace the span ids acknowledged, and those only attempted.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: BTreeMap<[u8; 16], BTreeSet<u64>>,
    attempted: BTreeMap<[u8; 16], BTreeSet<u64>>,
}

/// Blocks are cut and compacted all the time, so that kills land between the steps of both, too.
fn eager() -> Options {
    Options {
        yaml: "live_store:\n  max_trace_idle: 200ms\n  max_trace_live: 500ms\n  max_block_duration: 1s\n  flush_check_period: 100ms\ncompactor:\n  compaction:\n    compaction_cycle: 1s\n".into(),
        ..Options::default()
    }
}

async fn client(server: String, number: u64, round: u64, ledger: Arc<Mutex<Ledger>>, stop: Arc<AtomicBool>) {
    let Ok(mut otlp_client) = otlp::grpc(server).await else { return };
    let mut sequence = 0;
    while !stop.load(Ordering::Relaxed) {
        let id = otlp::trace_id(round << 8 | number, sequence + 1);
        sequence += 1;
        for half in 0..2 {
            let ids: Vec<u64> = (1..=SPANS_PER_TRACE / 2).map(|i| half * SPANS_PER_TRACE / 2 + i).collect();
            let spans: Vec<Span> =
                ids.iter().map(|&span| otlp::span(id, span, u64::from(span > 1), "work")).collect();
            ledger.lock().await.attempted.entry(id).or_default().extend(&ids);
            if otlp_client.export(otlp::request("durable", spans)).await.is_err() {
                return;
            }
            ledger.lock().await.acknowledged.entry(id).or_default().extend(&ids);
        }
    }
}

/// Span ids of a trace as the server answers it; duplicates kept.
pub(crate) async fn spans_of(http: &Http, id: &[u8; 16]) -> Vec<u64> {
    use base64::Engine;
    let hex = cadenza_model::hex(id);
    let answer = http.get(&format!("/api/traces/{hex}")).await.expect("an answer");
    if answer.status == 404 {
        return Vec::new();
    }
    let trace = answer.json();
    let batches = trace["batches"].as_array().expect("batches").iter();
    let scopes = batches.flat_map(|batch| batch["scopeSpans"].as_array().expect("scopes"));
    let spans = scopes.flat_map(|scope| scope["spans"].as_array().expect("spans"));
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    spans
        .map(|span| {
            u64::from_be_bytes(decode(span["spanId"].as_str().expect("an id")).try_into().expect("8 bytes"))
        })
        .collect()
}

/// What is wrong with the answer for one trace, if anything.
fn verdict(id: &[u8; 16], found: &[u64], ledger: &Ledger) -> Option<String> {
    let none = BTreeSet::new();
    let acknowledged = ledger.acknowledged.get(id).unwrap_or(&none);
    let attempted = ledger.attempted.get(id).unwrap_or(&none);
    let distinct: BTreeSet<u64> = found.iter().copied().collect();
    let lost: Vec<_> = acknowledged.difference(&distinct).collect();
    let invented: Vec<_> = distinct.difference(attempted).collect();
    let doubled = found.len() - distinct.len();
    let right = lost.is_empty() && invented.is_empty() && doubled == 0;
    (!right).then(|| format!("trace {id:02x?}: lost {lost:?}, invented {invented:?}, doubled {doubled}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_span_is_lost_or_doubled_by_sigkill() {
    let kills = KILLS * soak_factor();
    let mut server = Server::prepare(eager());
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let started = otlp::now_s();
    // A different instant in each round, the same ones in each run.
    let pause = |round: u64| Duration::from_millis(5 + round * 37 % 190);
    for round in 0..kills {
        server.launch().await;
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                tokio::spawn(client(
                    server.otlp_grpc_url(),
                    number,
                    round,
                    Arc::clone(&ledger),
                    Arc::clone(&stop),
                ))
            })
            .collect();
        tokio::time::sleep(pause(round)).await; // sleep-ok: the instant of the kill is the point
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.expect("a client that doesn't panic");
        }
    }
    server.launch().await;
    server.log_is_read().await;
    let http = server.http();
    let ledger = ledger.lock().await;
    let mut problems = Vec::new();
    let mut spans = 0;
    for id in ledger.attempted.keys() {
        let found = spans_of(&http, id).await;
        spans += found.len();
        problems.extend(verdict(id, &found, &ledger));
    }
    assert!(
        problems.is_empty(),
        "{} traces wrong after {kills} kills:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(ledger.acknowledged.len() as u64 > kills, "the clients hardly got anything through");
    println!(
        "{kills} kills, {} traces, {spans} spans: none lost, invented or doubled",
        ledger.attempted.len()
    );
    counts_agree(&http, &ledger, started).await;
}

/// Search counts every span once, wherever it lies now.
async fn counts_agree(http: &Http, ledger: &Ledger, started: u64) {
    let answer = http.search("{ name = \"work\" }", started - 60, otlp::now_s() + 60, 200_000).await;
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for trace in answer["traces"].as_array().expect("traces") {
        let text = trace["traceID"].as_str().expect("an id");
        let id = u128::from_str_radix(text, 16).expect("hex").to_be_bytes();
        let matched = trace["spanSet"]["matched"].as_u64().expect("a count");
        let attempted = ledger.attempted.get(&id).map_or(0, BTreeSet::len) as u64;
        let acknowledged = ledger.acknowledged.get(&id).map_or(0, BTreeSet::len) as u64;
        if matched < acknowledged || matched > attempted || !seen.insert(id) {
            problems.push(format!(
                "{text}: matched {matched}, acknowledged {acknowledged}, attempted {attempted}"
            ));
        }
    }
    let missing = ledger.acknowledged.keys().filter(|id| !seen.contains(*id)).count();
    assert!(
        problems.is_empty() && missing == 0,
        "{missing} traces missing from search:\n{}",
        problems.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_leaves_everything_in_blocks_and_exits_0() {
    let mut server = Server::start().await;
    let id = otlp::trace_id(7, 7);
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    client.export(otlp::request("s", vec![otlp::span(id, 1, 0, "a")])).await.expect("accepted");
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log_text());
    server.launch().await;
    assert_eq!(spans_of(&server.http(), &id).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_span_is_searchable_within_a_second_and_never_vanishes() {
    let server = Server::start_with(eager()).await;
    let http = server.http();
    let id = otlp::trace_id(0xabc, 1);
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let start = otlp::now_s();
    client.export(otlp::request("visible", vec![otlp::span(id, 1, 0, "only-once")])).await.expect("accepted");
    let acknowledged = std::time::Instant::now();
    let look = || async {
        let answer = http.search("{ name = \"only-once\" }", start - 60, start + 60, 20).await;
        answer["traces"].as_array().expect("traces").len()
    };
    wait::until("the span to be searchable", || async { (look().await == 1).then_some(()) }).await;
    assert!(acknowledged.elapsed() < Duration::from_secs(1), "took {:?}", acknowledged.elapsed());
    // From here on through the hand-over to a block, every look must find it exactly once.
    let blocks = server.data().join("blocks");
    wait::until("the trace to be in a block", || async {
        assert_eq!(look().await, 1, "the span vanished or doubled during the hand-over");
        (cadenza_tests::server::folder_bytes(&blocks) > 0).then_some(())
    })
    .await;
    for _ in 0..20 {
        assert_eq!(look().await, 1);
    }
}

#[test]
fn the_checker_sees_a_lost_an_invented_and_a_doubled_span() {
    let id = otlp::trace_id(1, 1);
    let mut ledger = Ledger::default();
    ledger.acknowledged.insert(id, [1, 2].into());
    ledger.attempted.insert(id, [1, 2, 3].into());
    assert_eq!(verdict(&id, &[2, 1], &ledger), None);
    assert_eq!(verdict(&id, &[1, 2, 3], &ledger), None);
    for (found, what) in
        [(vec![1], "lost [2]"), (vec![1, 2, 4], "invented [4]"), (vec![1, 2, 2], "doubled 1")]
    {
        let said = verdict(&id, &found, &ledger).expect("a complaint");
        assert!(said.contains(what), "{said}");
    }
}
