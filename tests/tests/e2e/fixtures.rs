//! Blocks of both formats that a real Tempo 3.0.3 wrote, and its answers: ours must be the same.
//!
//! Spans are compared by id, search results by trace, matched count and span ids, tag values as sets;
//! `metrics` objects are not compared.

use cadenza_tests::http::Http;
use cadenza_tests::{Options, Server};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tempo-3.0.3");

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the fixture").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copying the fixture");
        }
    }
}

fn path_of(request: &Value) -> String {
    let mut path = request["path"].as_str().expect("a path").to_owned();
    for (number, (key, value)) in request["params"].as_object().expect("params").iter().enumerate() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        path += &format!("{}{key}={}", if number == 0 { "?" } else { "&" }, Http::encode(&text));
    }
    path
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// (span id, name, start, end) of every span, sorted; copies within a trace count once.
fn spans(trace: &Value, batches: &str) -> BTreeSet<String> {
    let scopes = list(trace, batches).flat_map(|batch| list(batch, "scopeSpans"));
    let spans = scopes.flat_map(|scope| list(scope, "spans"));
    spans
        .map(|s| {
            // The answers passed through a reader that takes Go's `-0` for an integer.
            let text = |attribute: &Value| attribute.to_string().replace(":-0.0}", ":0}");
            let mut attributes: Vec<String> = list(s, "attributes").map(text).collect();
            attributes.sort();
            format!(
                "{} {} {} {} {attributes:?}",
                s["spanId"], s["name"], s["startTimeUnixNano"], s["parentSpanId"]
            )
        })
        .collect()
}

/// Trace id → (root name, matched, shown span ids) of a search.
fn found(search: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for trace in list(search, "traces") {
        let set = &trace["spanSet"];
        let ids: BTreeSet<String> = list(set, "spans").map(|span| span["spanID"].to_string()).collect();
        let shown = format!(
            "{} {} {} {}",
            trace["rootTraceName"],
            trace["rootServiceName"],
            set["matched"],
            ids.len()
        );
        out.insert(trace["traceID"].to_string(), shown);
    }
    out
}

/// Texts of a tag list or of tag values, as a set; the empty text, which has no key, included.
fn texts(answer: &Value) -> BTreeSet<String> {
    let names = list(answer, "tagNames").map(ToString::to_string);
    let scopes = list(answer, "scopes").flat_map(|scope| {
        let name = scope["name"].to_string();
        list(scope, "tags").map(move |tag| format!("{name} {tag}")).collect::<Vec<_>>()
    });
    let values = list(answer, "tagValues").map(|value| match value {
        Value::Object(fields) => {
            let text = fields.get("value").cloned().unwrap_or_else(|| "".into());
            format!("{} {text}", fields["type"])
        }
        plain => plain.to_string(),
    });
    names.chain(scopes).chain(values).collect()
}

/// What differs on purpose: (part of the request, reason).
const KNOWN: [(&str, &str); 2] = [
    ("/api/v2/search/tag/status/values", "Tempo adds the stored numbers to the words"),
    ("/api/v2/search/tag/kind/values", "Tempo adds the stored numbers to the words"),
];

fn complaint(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    let differ = |what: &str, ours: String, theirs: String| {
        (ours != theirs).then(|| format!("{path}: {what}\n  ours   {ours}\n  theirs {theirs}"))
    };
    if path.starts_with("/api/traces/") {
        return differ(
            "spans",
            format!("{:?}", spans(ours, "batches")),
            format!("{:?}", spans(theirs, "batches")),
        );
    }
    if path.starts_with("/api/v2/traces/") {
        let (a, b) = (spans(&ours["trace"], "resourceSpans"), spans(&theirs["trace"], "resourceSpans"));
        return differ("spans", format!("{a:?}"), format!("{b:?}"));
    }
    if path.starts_with("/api/search?") || path == "/api/search" {
        return differ("traces", format!("{:?}", found(ours)), format!("{:?}", found(theirs)));
    }
    differ("tags", format!("{:?}", texts(ours)), format!("{:?}", texts(theirs)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tempos_own_v4_block_is_answered_as_tempo_answers_it() {
    check(&["vParquet4"], "vParquet4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tempos_own_v5_block_is_answered_as_tempo_answers_it() {
    // The spans are those of the other block. Asked for tags, Tempo leaves out what a v5 block has in columns
    // of its own: its answers over the v4 block are the whole ones.
    check(&["vParquet5"], "vParquet4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_spans_in_both_formats_are_answered_as_from_one() {
    check(&["vParquet4", "vParquet5"], "vParquet4").await;
}

/// A server over these blocks must answer as Tempo did over one of them.
async fn check(blocks: &[&str], answered: &str) {
    let mut server = Server::prepare(Options::default());
    for block in blocks {
        let from = Path::new(FIXTURES).join(block).join("single-tenant");
        copy(&from, &server.data().join("blocks/single-tenant"));
    }
    if blocks.len() > 1 {
        // Each is of its own block only.
        for index in ["index.json.gz", "index.pb.zst"] {
            let index = server.data().join("blocks/single-tenant").join(index);
            std::fs::remove_file(index).expect("an index of the tenant's blocks");
        }
    }
    server.launch().await;
    let http = server.http();
    let answers =
        std::fs::read_to_string(format!("{FIXTURES}/{answered}/answers.jsonl")).expect("the answers");
    let (mut compared, mut problems) = (0, Vec::new());
    for line in answers.lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        let path = path_of(&request);
        if path.starts_with("/api/metrics/") {
            println!(
                "NOT COMPARED: {} {}: TraceQL metrics are not there yet",
                request["path"], request["params"]["q"]
            );
            continue;
        }
        let answer = http.get(&path).await.expect("an answer");
        let shown = format!("{} {}", request["path"], request["params"]);
        compared += 1;
        if u64::from(answer.status) != request["status"].as_u64().expect("a status") {
            problems.push(format!(
                "{shown}: {} instead of {}: {}",
                answer.status,
                request["status"],
                answer.text()
            ));
        } else if answer.status == 200 {
            let wrong = complaint(&path, &answer.json(), &request["body"]);
            problems.extend(wrong.map(|wrong| format!("{shown}\n{wrong}")));
        }
    }
    problems.retain(|problem| !KNOWN.iter().any(|(part, _)| problem.contains(part)));
    assert!(problems.is_empty(), "{} of {compared} differ:\n{}", problems.len(), problems.join("\n"));
    assert!(compared > 90, "only {compared} compared");
}
