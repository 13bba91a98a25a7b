//! What a span costs in the log: bytes by section, and processor time of encoding.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement tells the time and its result"
)]

use cadenza_model::{Columns, TenantId, otlp};
use cadenza_traffic::Exporter;
use cadenza_wal::measure::{FrameEncoder, SECTION_NAMES};
use prost::Message;
use std::time::Instant;

/// Spans per request size: enough for means that stand still.
const SPANS: usize = 40_000;
/// Passes over the same requests; the quickest counts, so that neighbours on the machine do not.
const PASSES: usize = 9;

fn requests(spans: usize) -> Vec<Columns> {
    let mut exporter = Exporter::new(1, 1_760_000_000_000_000_000, 3_000_000, spans);
    let decode = |_| {
        let mut columns = Columns::new();
        otlp::decode(&exporter.next_request().encode_to_vec(), &mut columns).expect("traffic decodes");
        columns
    };
    (0..SPANS / spans).map(decode).collect()
}

fn main() {
    let tenant = TenantId::single();
    for spans in [400, 10] {
        let requests = requests(spans);
        let rows: usize = requests.iter().map(|columns| columns.spans.len()).sum();
        let mut encoder = FrameEncoder::default();
        let mut frame = Vec::new();
        let mut bytes = 0;
        let mut sections = [(0, 0); SECTION_NAMES.len()];
        for columns in &requests {
            frame.clear();
            encoder.encode(&tenant, &[0; 32], columns, &mut frame).expect("fits");
            bytes += frame.len();
            for (sum, (raw, stored)) in sections.iter_mut().zip(encoder.section_bytes()) {
                sum.0 += raw;
                sum.1 += stored;
            }
        }
        let mut best = f64::INFINITY;
        for _ in 0..PASSES {
            let begun = Instant::now();
            for columns in &requests {
                frame.clear();
                encoder.encode(&tenant, &[0; 32], columns, &mut frame).expect("fits");
            }
            best = best.min(begun.elapsed().as_secs_f64());
        }
        let per_span = |sum: usize| sum as f64 / rows as f64;
        println!(
            "{spans} spans a request: {:.1} bytes a span, {:.0} ns a span",
            per_span(bytes),
            best * 1e9 / rows as f64
        );
        for (name, (raw, stored)) in SECTION_NAMES.iter().zip(sections) {
            println!("  {name:20} raw {:6.1}  stored {:6.1}", per_span(raw), per_span(stored));
        }
    }
}
