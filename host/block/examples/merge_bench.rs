//! Merging blocks alone: CPU, bytes and memory, beside building the same spans anew.
//!
//! `cargo run --release -p cadenza-block --example merge_bench [spans] [blocks] [rounds]`
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use bytes::Bytes;
use cadenza_block::merge::{Input, MergeOptions, Merged, merge};
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_measure::thread_cpu_ns;
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_traffic::Exporter;
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

const START_NS: u64 = 1_790_000_000_000_000_000;
const SPANS_PER_REQUEST: usize = 200;
const INTERVAL_NS: u64 = 1_000_000;
/// One trace in this many has a part in the next block, as where a cut fell between its spans.
const SPLIT_ONE_IN: u64 = 100;

/// Spans of one stream, in as many blocks as asked for: neighbours in time, so traces at the edges are split.
fn blocks(spans: usize, count: usize) -> Vec<BuiltBlock> {
    let mut exporter = Exporter::new(1, START_NS, INTERVAL_NS, SPANS_PER_REQUEST);
    let mut remap = cadenza_model::Remap::new();
    let mut parts: Vec<Columns> = Vec::new();
    let mut carried = Columns::new();
    for _ in 0..count {
        let mut part = std::mem::take(&mut carried);
        remap.reset();
        let mut next_remap = cadenza_model::Remap::new();
        while part.spans.len() < spans / count {
            let mut batch = Columns::new();
            otlp::decode(&exporter.next_request().encode_to_vec(), &mut batch).expect("our own traffic");
            let late = |row: &u32| {
                let id = batch.spans.trace_id[*row as usize].0;
                let number =
                    u64::from_le_bytes([id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]]);
                number.is_multiple_of(SPLIT_ONE_IN) && row.is_multiple_of(2)
            };
            let (later, now): (Vec<u32>, Vec<u32>) = (0..batch.spans.len() as u32).partition(late);
            part.append_rows_with(&mut remap, &batch, &now).expect("within 32 bits");
            carried.append_rows_with(&mut next_remap, &batch, &later).expect("within 32 bits");
        }
        parts.push(part);
    }
    let numbered = (1..).zip(&parts);
    let block = |(number, part): (u128, &Columns)| {
        build(part, &WriteOptions::new(Uuid::from_u128(number), TenantId::single())).expect("a block")
    };
    numbered.map(block).collect()
}

fn run(blocks: &[BuiltBlock], options: &MergeOptions) -> (Merged, Bytes) {
    let input =
        |block: &BuiltBlock| Input { meta: Arc::new(block.meta.clone()), data: Arc::new(block.data.clone()) };
    let mut data = Vec::new();
    let merged = merge(blocks.iter().map(input).collect(), options, &mut data).expect("a block");
    (merged, data.into())
}

#[expect(clippy::disallowed_methods, reason = "writing 5 resets the kernel's peak")]
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Highest and present resident set, in MB.
fn resident() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    };
    (field("VmHWM:"), field("VmRSS:"))
}

fn main() {
    let number = |n: usize, default| std::env::args().nth(n).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (spans, count, rounds) = (number(1, 1_000_000), number(2, 4), number(3, 5));
    let inputs = blocks(spans, count);
    let bytes: usize = inputs.iter().map(|block| block.data.len()).sum();
    println!("{} blocks, {:.2} B/span", inputs.len(), bytes as f64 / spans as f64);
    let options = MergeOptions::new(Uuid::from_u128(0xffff), TenantId::single());
    let mut times = Vec::new();
    let mut last = None;
    reset_peak();
    let before = resident().1;
    for _ in 0..rounds {
        drop(last.take());
        let start = thread_cpu_ns();
        let out = run(&inputs, &options);
        times.push((thread_cpu_ns() - start) / 1e9);
        last = Some(out);
    }
    let peak = resident().0 - before;
    let Some((merged, data)) = last else { return };
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| merged.spans as f64 / seconds / 1e3;
    println!(
        "{} spans in {} traces, {} combined, {} row groups, {:.2} B/span; {:.0} k spans per CPU-s (median; best {:.0}), peak {:.0} MB above the inputs, of which {:.0} MB are the output",
        merged.spans,
        merged.meta.total_objects,
        merged.combined_traces,
        merged.meta.total_records,
        data.len() as f64 / merged.spans as f64,
        rate(times[times.len() / 2]),
        rate(times[0]),
        peak,
        data.len() as f64 / 1e6
    );
}
