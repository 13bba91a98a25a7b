//! The block writer alone: CPU, bytes by leaf, memory.
//!
//! `cargo run --release -p cadenza-block --example write_bench [spans] [rounds]`
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_measure::thread_cpu_ns;
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_traffic::Exporter;
use parquet::file::reader::{FileReader, SerializedFileReader};
use prost::Message;

const START_NS: u64 = 1_790_000_000_000_000_000;
const SPANS_PER_REQUEST: usize = 200;
/// Traces start this far apart: a request holds spans of many traces.
const INTERVAL_NS: u64 = 1_000_000;

fn input(spans: usize) -> (Columns, usize) {
    let mut exporter = Exporter::new(1, START_NS, INTERVAL_NS, SPANS_PER_REQUEST);
    let mut all = Columns::new();
    let mut batch = Columns::new();
    let mut remap = cadenza_model::Remap::new();
    let mut wire = 0;
    while all.spans.len() < spans {
        let request = exporter.next_request().encode_to_vec();
        wire += request.len();
        batch.reset();
        otlp::decode(&request, &mut batch).expect("our own traffic");
        let rows: Vec<u32> = (0..batch.spans.len() as u32).collect();
        all.append_rows_with(&mut remap, &batch, &rows).expect("within 32 bits");
    }
    (all, wire)
}

fn thread_seconds() -> f64 {
    thread_cpu_ns() / 1e9
}

/// Highest resident set since the last [`reset_peak`], and the present one, in MB.
fn resident() -> (f64, f64) {
    let status = read("/proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    };
    (field("VmHWM:"), field("VmRSS:"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "writing 5 resets the kernel's peak")]
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn table(block: &BuiltBlock, spans: usize) {
    let reader = SerializedFileReader::new(block.data.clone()).expect("a readable file");
    let mut sizes = std::collections::BTreeMap::<usize, (String, i64, i64)>::new();
    for group in reader.metadata().row_groups() {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let path = chunk.column_path().string().replace(".list.element", "");
            let entry = sizes.entry(leaf).or_insert((path, 0, 0));
            entry.1 += chunk.compressed_size();
            entry.2 += chunk.uncompressed_size();
        }
    }
    let mut sizes: Vec<_> = sizes.into_values().collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.1));
    let per_span = |bytes: i64| bytes as f64 / spans as f64;
    println!("{:>8} {:>8}  leaf", "B/span", "raw");
    let (head, tail) = sizes.split_at(24);
    for (path, compressed, raw) in head {
        println!("{:8.2} {:8.2}  {path}", per_span(*compressed), per_span(*raw));
    }
    let rest = tail.iter().fold((0, 0), |sum, size| (sum.0 + size.1, sum.1 + size.2));
    println!("{:8.2} {:8.2}  the other {} leaves", per_span(rest.0), per_span(rest.1), tail.len());
    println!("{:8.2}           footer", f64::from(block.meta.footer_size) / spans as f64);
}

fn main() {
    let number = |n: usize, default| std::env::args().nth(n).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (spans, rounds) = (number(1, 500_000), number(2, 5));
    let (columns, wire) = input(spans);
    let spans = columns.spans.len();
    let attributes = columns.span_attrs.key.len();
    println!(
        "{spans} spans, {:.1} attributes a span, {:.0} B/span as OTLP, {:.0} B/span as columns",
        attributes as f64 / spans as f64,
        wire as f64 / spans as f64,
        columns.memory_bytes() as f64 / spans as f64
    );
    let options = WriteOptions::new(uuid::Uuid::from_u128(1), TenantId::single());
    let (mut times, mut last) = (Vec::new(), None::<BuiltBlock>);
    reset_peak();
    let before = resident().1;
    for _ in 0..rounds {
        drop(last.take());
        let start = thread_seconds();
        let block = build(&columns, &options).expect("a block");
        times.push(thread_seconds() - start);
        last = Some(block);
    }
    let peak = resident().0 - before;
    let Some(block) = last else { return };
    table(&block, spans);
    times.sort_by(f64::total_cmp);
    let per_million = |seconds: f64| seconds * 1e6 / spans as f64;
    println!(
        "{} traces, {:.2} B/span, {:.2} CPU-s per M spans (median; best {:.2}), peak {:.0} MB above the input, of which {:.0} MB are the block",
        block.meta.total_objects,
        block.data.len() as f64 / spans as f64,
        per_million(times[times.len() / 2]),
        per_million(times[0]),
        peak,
        block.data.len() as f64 / 1e6
    );
}
