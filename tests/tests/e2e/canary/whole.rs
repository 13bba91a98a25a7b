//! The redaction processor over everything, from the request to blocks that are read back; and the same without it.

use super::load::{self, REDACTION};
use super::look::{self, Kept};
use cadenza_tests::leaks::{Canaries, Found};
use cadenza_tests::{Options, Server, otlp, wait};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// Says all it has to say.
pub(super) fn options(yaml: String) -> Options {
    Options { yaml, args: vec!["-log.level=debug".to_owned()], ..Options::default() }
}

pub(super) async fn export(
    server: &Server,
    request: ExportTraceServiceRequest,
) -> Result<opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse, tonic::Status> {
    otlp::export_once_loaded(server.otlp_grpc_url(), request).await
}

async fn post(server: &Server, content_type: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let headers = [("content-type", content_type)];
    let answer = server.otlp_http().request("POST", "/v1/traces", &headers, body).await.expect("an answer");
    (answer.status, answer.body)
}

/// What was met at each stage of a run.
struct Stages {
    live: Kept,
    killed: Kept,
    blocks: Kept,
    live_answers: Found,
    replayed_answers: Found,
    block_answers: Found,
    said: Found,
}

/// A few requests through a server: live, killed, replayed, stored in blocks.
async fn run(yaml: String, canaries: &mut Canaries) -> Stages {
    let mut server = Server::start_with(options(yaml)).await;
    let ids = [otlp::trace_id(0xca, 1), otlp::trace_id(0xca, 2)];
    export(&server, load::large(canaries, ids[0])).await.expect("taken");
    let body = load::large(canaries, ids[1]).encode_to_vec();
    let (status, _) = post(&server, "application/x-protobuf", body).await;
    assert_eq!(status, 200);
    let live_answers = look::answers(&server, &ids, canaries).await;
    let live = look::kept(&server, canaries);
    let mut said = look::said(&server, canaries).await;
    server.kill();
    let killed = look::kept(&server, canaries);
    assert!(killed.log.frames >= 2 && killed.log.spans >= 2600, "{:?}", killed.log);
    server.launch().await;
    server.log_is_read().await;
    let replayed_answers = look::answers(&server, &ids, canaries).await;
    server.http().get("/flush").await.expect("flushed");
    let blocks = wait::until("blocks", || async {
        let kept = look::kept(&server, canaries);
        (kept.parquet.files > 0).then_some(kept)
    })
    .await;
    assert!(
        blocks.parquet.dictionary_pages > 10 && blocks.parquet.texts > 2600 && blocks.parquet.bounds > 10,
        "{:?}",
        blocks.parquet
    );
    let block_answers = look::answers(&server, &ids, canaries).await;
    said.merge(look::said(&server, canaries).await);
    Stages { live, killed, blocks, live_answers, replayed_answers, block_answers, said }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_redaction_no_canary_is_in_any_file_answer_page_or_line() {
    let mut canaries = Canaries::default();
    let stages = run(format!("plugins:\n  chain:{REDACTION}"), &mut canaries).await;
    stages.live.assert_nothing("running");
    stages.killed.assert_nothing("killed");
    stages.blocks.assert_nothing("with blocks");
    stages.live_answers.assert_nothing("answers from live spans");
    stages.replayed_answers.assert_nothing("answers after replay");
    stages.block_answers.assert_nothing("answers from blocks");
    stages.said.assert_nothing("pages, metrics and output");
}

/// The search itself: it would find what a scrubber left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_scrubber_the_same_search_finds_every_canary() {
    let mut canaries = Canaries::default();
    let stages = run(String::new(), &mut canaries).await;
    let all = canaries.places();
    assert!(all.len() > 70, "{all:?}");
    stages.killed.wal.assert_all(&all, "the log");
    stages.live.wal.assert_all(&all, "the log of a running server");
    // Tempo's format and answers have no place for schema URLs.
    let stored: BTreeSet<String> = all.into_iter().filter(|place| !place.starts_with("schema URL")).collect();
    stages.blocks.blocks.assert_all(&stored, "blocks");
    stages.live_answers.assert_all(&stored, "answers from live spans");
    stages.replayed_answers.assert_all(&stored, "answers after replay");
    stages.block_answers.assert_all(&stored, "answers from blocks");
    // Files are compressed: some canaries are hidden from a look at bare bytes, which is why the rest is decoded.
    assert!(!stages.killed.raw.places().is_empty(), "bare bytes");
    // With or without a scrubber, values are nothing to log or to count.
    stages.said.assert_nothing("pages, metrics and output");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_without_repeating_it() {
    let mut canaries = Canaries::default();
    let server = Server::start_with(options(format!("plugins:\n  chain:{REDACTION}"))).await;
    let mut found = Found::default();
    let canary = canaries.make("malformed JSON");
    let span =
        |fields: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let good = r#""traceId":"0000000000000000000000000000002a","spanId":"000000000000000b","name":"x""#;
    for body in [
        format!("{{{canary}"),
        format!(r#"{{"resourceSpans":"{canary}"}}"#),
        span(&format!(r#""traceId":"{canary}","spanId":"000000000000000b""#)),
        span(&format!(r#"{good},"kind":"{canary}""#)),
        span(&format!(r#"{good},"startTimeUnixNano":"{canary}""#)),
        span(&format!(r#"{good},"status":{{"code":"{canary}"}}"#)),
        span(&format!(r#"{good},"attributes":[{{"key":"{canary}","value":{{"intValue":"{canary}"}}}}]"#)),
        span(&format!(r#"{good},"attributes":[{{"key":"k","value":{{"bytesValue":"{canary}!"}}}}]"#)),
    ] {
        let (status, answer) = post(&server, "application/json", body.clone().into_bytes()).await;
        assert!((400..=500).contains(&status), "{status} for {body}");
        canaries.search(&body, &answer, &mut found);
    }
    let mut bad = load::secret_span(&mut canaries, otlp::trace_id(0xca, 3), 1);
    bad.trace_id = b"short".to_vec();
    let request = otlp::request("bad", vec![bad]);
    let refusal = export(&server, request.clone()).await.expect_err("no trace id");
    canaries.search("refusal over gRPC", format!("{refusal:?}").as_bytes(), &mut found);
    let (status, answer) = post(&server, "application/x-protobuf", request.encode_to_vec()).await;
    assert_eq!(status, 400);
    canaries.search("refusal over HTTP", &answer, &mut found);
    found.assert_nothing("refusals");
    look::said(&server, &canaries).await.assert_nothing("pages and output after refusals");
    look::kept(&server, &canaries).assert_nothing("after refusals");
}

/// Kills of one run.
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_leave_no_canary_behind() {
    let eager = "live_store:\n  max_trace_idle: 200ms\n  max_trace_live: 500ms\n  max_block_duration: 1s\n  flush_check_period: 100ms\n";
    let mut server = Server::prepare(options(format!("{eager}plugins:\n  chain:{REDACTION}")));
    let canaries = Arc::new(Mutex::new(Canaries::default()));
    for round in 0..KILLS {
        server.launch().await;
        let stop = Arc::new(AtomicBool::new(false));
        let (url, client_canaries, client_stop) =
            (server.otlp_grpc_url(), Arc::clone(&canaries), Arc::clone(&stop));
        let client = tokio::spawn(async move {
            let Ok(mut client) = otlp::grpc(url).await else { return };
            for sequence in 1.. {
                let id = otlp::trace_id(0xcb_0000 | round, sequence);
                let request = load::large(&mut *client_canaries.lock().await, id);
                let answer = client.export(request).await;
                let goes_on = answer.is_ok() || otlp::is_loading(&answer);
                if !goes_on || client_stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        wait::until("a block", || async {
            let written = look::block_count(&server) > round as usize;
            written.then_some(())
        })
        .await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        client.await.expect("a client that doesn't panic");
        look::kept(&server, &*canaries.lock().await).assert_nothing(&format!("after kill {round}"));
    }
    server.launch().await;
    server.log_is_read().await;
    let canaries = canaries.lock().await;
    look::said(&server, &canaries).await.assert_nothing("pages and output after kills");
    look::kept(&server, &canaries).assert_nothing("after kills and replay");
}
