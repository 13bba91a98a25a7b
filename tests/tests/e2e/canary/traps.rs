//! Scrubbers that cannot do their work: what they should have seen is nowhere.

use super::load::{self, REDACTION};
use super::look;
use super::whole::{export, options};
use crate::durability::spans_of;
use crate::wat::Wat;
use cadenza_tests::leaks::{Canaries, Found};
use cadenza_tests::{Server, otlp, wait};
use opentelemetry_proto::tonic::trace::v1::Span;
use tempfile::TempDir;

/// A scrubber, fail-closed by its own word, that is handed only spans with an attribute `seen` and traps on each.
fn trapping_scrubber() -> Vec<u8> {
    Wat { process: "unreachable", only_seen: true, ..Wat::default() }.component()
}

fn poisoned(mut span: Span) -> Span {
    span.attributes.push(otlp::string("seen", "yes"));
    span
}

async fn with_scrubber(dir: &TempDir) -> Server {
    std::fs::write(dir.path().join("traps.wasm"), trapping_scrubber()).expect("writing the component");
    let chain =
        format!("plugins:\n  dir: {}\n  chain:\n    - source: traps.wasm{REDACTION}", dir.path().display());
    Server::start_with(options(chain)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_a_scrubber_traps_on_are_nowhere_and_the_others_are_scrubbed() {
    let (dir, mut canaries) = (TempDir::new().expect("a folder"), Canaries::default());
    let mut server = with_scrubber(&dir).await;
    let id = otlp::trace_id(0xcc, 1);
    let mut request = load::large(&mut canaries, id);
    // Two that trap, with a resource and a scope of their own.
    let bad = [2001, 2002].map(|span| poisoned(load::secret_span(&mut canaries, id, span)));
    let bad = load::secret_owner(&mut canaries, bad.to_vec());
    request.resource_spans.insert(0, bad);
    let answer = export(&server, request).await.expect("the others are taken");
    let partial = answer.partial_success.expect("two are not taken");
    assert_eq!(partial.rejected_spans, 2, "{partial:?}");
    assert!(partial.error_message.contains("traps: trap"), "{partial:?}");
    let mut found = Found::default();
    canaries.search("partial success", partial.error_message.as_bytes(), &mut found);
    found.assert_nothing("the answer");
    assert_eq!(spans_of(&server.http(), &id).await.len(), 1300);
    look::answers(&server, &[id], &canaries).await.assert_nothing("answers from live spans");
    look::said(&server, &canaries).await.assert_nothing("pages and output");
    server.kill();
    let kept = look::kept(&server, &canaries);
    assert_eq!(kept.log.spans, 1300);
    kept.assert_nothing("killed");
    server.launch().await;
    server.log_is_read().await;
    server.http().get("/flush").await.expect("flushed");
    let kept = wait::until("blocks", || async {
        let kept = look::kept(&server, &canaries);
        (kept.parquet.files > 0).then_some(kept)
    })
    .await;
    kept.assert_nothing("with blocks");
    look::answers(&server, &[id], &canaries).await.assert_nothing("answers from blocks");
    look::said(&server, &canaries).await.assert_nothing("pages and output");
}

/// Requests until the scrubber is quarantined, and one more.
const REQUESTS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_a_scrubber_traps_on_as_a_whole_are_nowhere() {
    let (dir, mut canaries) = (TempDir::new().expect("a folder"), Canaries::default());
    let mut server = with_scrubber(&dir).await;
    let mut found = Found::default();
    for sequence in 1..=REQUESTS {
        let id = otlp::trace_id(0xcd, sequence);
        let mut make = |span| poisoned(load::secret_span(&mut canaries, id, span));
        let spans = (1..=20).map(&mut make).collect();
        let request = load::secret_owner(&mut canaries, spans);
        let request = otlp::request_of(vec![request]);
        let refusal = export(&server, request).await.expect_err("nothing of it may be kept");
        assert_eq!(refusal.code(), tonic::Code::Unavailable, "a client must come again: {refusal}");
        let message = refusal.message();
        assert!(message.contains("fails: trap") || message.contains("is quarantined"), "{message}");
        canaries.search("refusal", format!("{refusal:?}").as_bytes(), &mut found);
    }
    found.assert_nothing("refusals");
    look::said(&server, &canaries).await.assert_nothing("pages and output");
    server.kill();
    let kept = look::kept(&server, &canaries);
    assert_eq!(kept.log.spans, 0);
    kept.assert_nothing("killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_for_a_missing_scrubber_are_nowhere() {
    let (dir, mut canaries) = (TempDir::new().expect("a folder"), Canaries::default());
    let missing = format!("    - {{name: scrub, source: scrub.wasm, on_failure: fail-closed}}{REDACTION}");
    let yaml = format!("plugins:\n  dir: {}\n  chain:\n{missing}", dir.path().display());
    let mut server = Server::start_with(options(yaml)).await;
    let mut found = Found::default();
    for round in 0..2 {
        let id = otlp::trace_id(0xce, round + 1);
        let refusal = export(&server, load::large(&mut canaries, id)).await.expect_err("held");
        assert_eq!(refusal.code(), tonic::Code::Unavailable, "a client must come again: {refusal}");
        canaries.search("refusal", format!("{refusal:?}").as_bytes(), &mut found);
        look::said(&server, &canaries).await.assert_nothing("pages and output");
        look::answers(&server, &[id], &canaries).await.assert_nothing("answers");
        server.kill();
        let kept = look::kept(&server, &canaries);
        assert_eq!(kept.log.spans, 0);
        kept.assert_nothing("killed");
        server.launch().await;
    }
    found.assert_nothing("refusals");
}

/// The search of pages and output itself: a name that operators give shows up in all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_named_as_a_canary_is_found_in_pages_metrics_output_and_refusals() {
    let (dir, mut canaries) = (TempDir::new().expect("a folder"), Canaries::default());
    let (good, missing) = (canaries.make("a plugin"), canaries.make("a missing plugin"));
    let chain = format!(
        "    - {{name: {good}, source: 'builtin:attributes', config: {{actions: [{{key: a, action: delete}}]}}}}\n"
    );
    let yaml = |more: &str| format!("plugins:\n  dir: {}\n  chain:\n{chain}{more}", dir.path().display());
    let more = format!("    - {{name: {missing}, source: missing.wasm}}");
    let server = Server::start_with(options(yaml(&more))).await;
    let request = || otlp::request("x", vec![otlp::span(otlp::trace_id(0xcf, 1), 1, 0, "x")]);
    let refusal = export(&server, request()).await.expect_err("held");
    let mut found = Found::default();
    canaries.search("refusal", format!("{refusal:?}").as_bytes(), &mut found);
    assert!(found.places().contains("a missing plugin"), "{refusal:?}");
    let found = look::said(&server, &canaries).await;
    let sources = found.sources("a missing plugin");
    for source in ["output", "/status/plugins ", "/status/config "] {
        assert!(sources.contains(source), "{source}: {sources:?}");
    }
    let server = Server::start_with(options(yaml(""))).await;
    export(&server, request()).await.expect("taken");
    let found = look::said(&server, &canaries).await;
    assert!(found.sources("a plugin").contains("/metrics "), "{found:?}");
}
