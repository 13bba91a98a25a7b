//! A real Tempo's answers to searches, over the spans that were sent to it.

use cadenza_model::tree::assemble;
use cadenza_model::{Columns, TraceId, otlp};
use cadenza_traceql::{Program, TraceInfo, TraceView, Value, parse};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");

/// Spans of a spanset by id with their name and attributes, then the spanset's attributes.
type Found = (u64, BTreeMap<String, (String, Vec<String>)>, Vec<String>);

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn read(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FIXTURES}/{name}")).expect(name)
}

/// Each request is preceded by its length as a varint.
fn columns() -> Columns {
    let input = read("input.binpb");
    let mut columns = Columns::new();
    let mut at = 0;
    while at < input.len() {
        let (mut len, mut shift) = (0usize, 0);
        loop {
            let byte = input[at];
            at += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        otlp::decode(&input[at..at + len], &mut columns).expect("the request decodes");
        at += len;
    }
    columns
}

fn wire(value: &Value) -> String {
    match value {
        Value::Int(i) => format!("int {i}"),
        Value::Float(x) => format!("double {x:?}"),
        Value::Bool(b) => format!("bool {b}"),
        Value::Array(elements) => format!("array {:?}", elements.iter().map(wire).collect::<Vec<_>>()),
        other => format!("string {}", other.text().expect("text")),
    }
}

fn json_value(value: &Json) -> String {
    let (kind, content) = value.as_object().and_then(|o| o.iter().next()).expect("an AnyValue");
    match kind.as_str() {
        "intValue" => format!("int {}", content.as_str().expect("a string")),
        "doubleValue" => format!("double {:?}", content.as_f64().expect("a number")),
        "boolValue" => format!("bool {content}"),
        "stringValue" => format!("string {}", content.as_str().expect("a string")),
        other => panic!("unexpected {other}"),
    }
}

fn json_attributes(owner: &Json) -> Vec<String> {
    let list = owner["attributes"].as_array().cloned().unwrap_or_default();
    let mut out: Vec<String> = list
        .iter()
        .map(|a| format!("{} = {}", a["key"].as_str().expect("a key"), json_value(&a["value"])))
        .collect();
    out.sort();
    out
}

/// What Tempo answered: spansets by trace.
fn expected(body: &Json) -> BTreeMap<String, Vec<Found>> {
    let mut out = BTreeMap::new();
    for trace in body["traces"].as_array().expect("traces") {
        let sets = trace["spanSets"].as_array().expect("spanSets").iter().map(|set| {
            let spans = set["spans"].as_array().expect("spans").iter().map(|span| {
                let name = span["name"].as_str().unwrap_or_default().to_owned();
                (span["spanID"].as_str().expect("an id").to_owned(), (name, json_attributes(span)))
            });
            (set["matched"].as_u64().unwrap_or_default(), spans.collect(), json_attributes(set))
        });
        out.insert(trace["traceID"].as_str().expect("an id").to_owned(), sets.collect());
    }
    out
}

/// What we answer.
fn found(columns: &Columns, query: &str) -> BTreeMap<String, Vec<Found>> {
    let query = parse(query).expect(query);
    let program = Program::compile(&query).expect("a supported query");
    let mut bound = program.bind(columns);
    let mut traces: BTreeMap<TraceId, Vec<u32>> = BTreeMap::new();
    for (row, id) in columns.spans.trace_id.iter().enumerate() {
        traces.entry(*id).or_default().push(row as u32);
    }
    let mut out = BTreeMap::new();
    for (id, rows) in &traces {
        let tree = assemble(columns, rows);
        let info = TraceInfo::collect(columns, rows, tree.root);
        let view = TraceView { rows, info: &info, tree: Some(&tree) };
        let mut sets = Vec::new();
        for set in bound.run(&view).expect("no error") {
            let mut spans = BTreeMap::new();
            for &position in &set.positions {
                let row = rows[position as usize] as usize;
                let mut shown: Vec<String> = bound
                    .shown(&view, position as usize)
                    .iter()
                    .map(|s| format!("{} = {}", s.key, wire(&s.value)))
                    .collect();
                shown.sort();
                let name = columns.names.str(columns.spans.name[row]);
                let name = if bound.shows_name(&view, position as usize) { name } else { "" };
                spans.insert(columns.spans.span_id[row].to_string(), (name.to_owned(), shown));
            }
            let mut attributes: Vec<String> =
                set.attributes.iter().map(|(k, v)| format!("{k} = {}", wire(v))).collect();
            attributes.sort();
            sets.push((set.positions.len() as u64, spans, attributes));
        }
        if !sets.is_empty() {
            out.insert(id.short_hex(), sets);
        }
    }
    out
}

#[test]
fn searches_find_what_tempo_found() {
    let columns = columns();
    let mut asked = BTreeSet::new();
    for version in ["vParquet4", "vParquet5"] {
        let answers = String::from_utf8(read(&format!("{version}/answers.jsonl"))).expect("text");
        for line in answers.lines() {
            let answer: Json = serde_json::from_str(line).expect("JSON");
            let Some(query) = answer["params"]["q"].as_str() else { continue };
            if answer["path"] != "/api/search" {
                continue;
            }
            asked.insert(query.to_owned());
            if answer["status"] == 400 {
                let error = parse(query).expect_err(query).to_string();
                let body = answer["body"].as_str().expect("an error text");
                assert_eq!(body.trim_end(), format!("invalid TraceQL query: {error}"));
                continue;
            }
            let (mut want, mut have) = (expected(&answer["body"]), found(&columns, query));
            // Tempo shows at most `spss` spans of a spanset, which ones is not promised.
            let spss = answer["params"]["spss"].as_u64().unwrap_or(3) as usize;
            for (want, have) in want.values_mut().zip(have.values_mut()) {
                want.sort_by(|a, b| a.2.cmp(&b.2));
                have.sort_by(|a, b| a.2.cmp(&b.2));
                for (want, have) in want.iter().zip(have.iter_mut()) {
                    if have.1.len() > spss {
                        have.1.retain(|id, _| want.1.contains_key(id));
                    }
                }
            }
            assert_eq!(have, want, "{version}: {query}");
        }
    }
    assert!(asked.len() > 40, "only {} queries", asked.len());
}
