//! Tempo's own blocks, read by us, against the traces that Tempo answered from them.

use crate::{V4_BLOCK, V5_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::meta::BlockMeta;
use cadenza_block::read::{BlockReader, Cache, Projection};
use cadenza_model::{TraceId, otlp};
use serde_json::Value;
use std::sync::Arc;

fn open(path: &str) -> BlockReader {
    let meta = BlockMeta::parse(&fixture(&format!("{path}/meta.json"))).unwrap();
    let data = Bytes::from(fixture(&format!("{path}/data.parquet")));
    BlockReader::open(Arc::new(meta), Arc::new(data), &Cache::new(1 << 20)).unwrap()
}

/// Each span with its resource and scope, all attributes in the order in which they were answered.
fn spans(trace: &Value) -> Vec<(String, String)> {
    let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for resource_spans in each(trace, "batches") {
        for scope_spans in each(&resource_spans, "scopeSpans") {
            for span in each(&scope_spans, "spans") {
                let text = format!("{} {} {span}", resource_spans["resource"], scope_spans["scope"]);
                // The answers passed through a reader that takes Go's `-0` for an integer.
                spans.push((span["spanId"].to_string(), text.replace(":-0.0}", ":0}")));
            }
        }
    }
    spans.sort();
    spans
}

fn check(path: &str) {
    let block = open(path);
    let version = path.split('/').next().unwrap();
    let answers = String::from_utf8(fixture(&format!("{version}/answers.jsonl"))).unwrap();
    let mut compared = 0;
    for line in answers.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let path = answer["path"].as_str().unwrap();
        let Some(id) = path.strip_prefix("/api/traces/") else { continue };
        let id = TraceId::parse(id).unwrap();
        let Some(row) = block.find_trace(&id).unwrap() else {
            assert_eq!(answer["status"], 404, "{path}");
            continue;
        };
        let columns = block.read_traces(&[row], &Projection::full()).unwrap().columns;
        let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
        let json = otlp::json::trace("batches", &otlp::to_resource_spans(&columns, &rows));
        let ours = spans(&serde_json::from_slice(&json).unwrap());
        let theirs = spans(&answer["body"]);
        // Answering rewrites a server's span id that its client has too: not the block's task.
        if ours.iter().map(|span| &span.0).eq(theirs.iter().map(|span| &span.0)) {
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours.1, theirs.1, "{path}");
            }
            compared += ours.len();
        }
    }
    assert!(compared > 300, "{compared} spans compared");
}

#[test]
fn traces_of_v4_read_as_tempo_answered_them() {
    check(V4_BLOCK);
}

#[test]
fn traces_of_v5_read_as_tempo_answered_them() {
    check(V5_BLOCK);
}
