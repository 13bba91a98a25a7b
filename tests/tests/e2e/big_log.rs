//! A start on a large log: ready and taking spans within seconds, reading behind, in bounded memory, and
//! saying partial until it is done.

use crate::durability::spans_of;
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_model::{Columns, TenantId, hex, otlp as decoder};
use cadenza_tests::{Options, Server, otlp, soak_factor, wait};
use cadenza_traffic::Exporter;
use cadenza_wal::{Config, Wal};
use prost::Message;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of the log in the usual run, and in a soak.
const LOG_BYTES: u64 = 200_000_000;
const LOG_BYTES_SOAK: u64 = 10_000_000_000;
/// The promise for readiness and the first accepted span, whatever the log holds.
const READY_MAX: Duration = Duration::from_secs(15);
/// The promise for memory.
const PEAK_MIB_MAX: u64 = 350;
/// Longest a soak waits for the log to be read and stored.
const REPLAY_MAX: Duration = Duration::from_secs(3600);
/// Frames under way while the log is written.
const IN_FLIGHT: usize = 8;
const FRAMES: usize = 40;
const SPANS_PER_FRAME: usize = 2_000;

/// What is in the log.
struct Written {
    spans: u64,
    /// Ids of traces from its begin, middle and end, with their number of spans.
    samples: Vec<([u8; 16], usize)>,
}

fn frames(now_ns: u64) -> Vec<Columns> {
    let mut exporter = Exporter::new(1, now_ns - 600_000_000_000, 3_000_000, SPANS_PER_FRAME);
    let decode = |_| {
        let mut columns = Columns::new();
        decoder::decode(&exporter.next_request().encode_to_vec(), &mut columns).expect("traffic decodes");
        columns
    };
    (0..FRAMES).map(decode).collect()
}

/// Writes what a server would have: frames of the same shape over and over, each time with other trace ids.
async fn write_log(path: &Path, bytes_max: u64) -> Written {
    let env = Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
    };
    let mut config = Config::at(path);
    config.bytes_max = u64::MAX;
    let wal = Wal::open(env, config, &prometheus::Registry::new()).expect("a fresh log");
    let mut frames = frames(otlp::now_ns());
    let tenant = TenantId::parse("single-tenant").expect("a tenant id");
    let mut written = Written { spans: 0, samples: Vec::new() };
    let mut waiting = std::collections::VecDeque::new();
    let mut round = 0_u64;
    let mut next_sample = 0;
    while wal.bytes() < bytes_max {
        round += 1;
        for columns in &mut frames {
            let salt = round.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            for id in &mut columns.spans.trace_id {
                id.0.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
            }
            if wal.bytes() >= next_sample {
                next_sample += bytes_max / 3;
                let id = columns.spans.trace_id[0];
                written.samples.push((id.0, 0));
            }
            waiting.push_back(wal.append_again(&tenant, &[0; 32], columns));
            written.spans += columns.spans.len() as u64;
            if waiting.len() == IN_FLIGHT {
                waiting.pop_front().expect("one under way").await.map(drop).expect("written");
            }
        }
        // A trace may go on in the next frame of its round.
        for (id, spans) in &mut written.samples {
            let all = frames.iter().flat_map(|columns| &columns.spans.trace_id);
            let found = all.filter(|other| other.0 == *id).count();
            *spans = (*spans).max(found);
        }
    }
    for appending in waiting {
        appending.await.map(drop).expect("written");
    }
    wal.close().await;
    written
}

fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_log_is_read_behind_in_bounded_memory() {
    let soak = soak_factor() > 1;
    let log_bytes = if soak { LOG_BYTES_SOAK } else { LOG_BYTES };
    let mut server = Server::prepare(Options::default());
    let started = Instant::now();
    let written = write_log(&server.data().join("wal"), log_bytes).await;
    println!(
        "{} M spans in {log_bytes} bytes of log, written in {:?}",
        written.spans / 1_000_000,
        started.elapsed()
    );

    let started = Instant::now();
    server.launch().await;
    let ready = started.elapsed();
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let new = otlp::trace_id(0xb16, 1);
    client.export(otlp::request("new", vec![otlp::span(new, 1, 0, "new")])).await.expect("accepted");
    let accepted = started.elapsed();
    assert!(accepted < READY_MAX, "ready after {ready:?}, a span accepted after {accepted:?}");
    assert_eq!(spans_of(&server.http(), &new).await, [1], "what is acknowledged is found at once");
    // A small log may be read before anybody can ask.
    if soak {
        let hex = hex(&written.samples[0].0);
        let answer = server.http().get(&format!("/api/v2/traces/{hex}")).await.expect("an answer").text();
        assert!(server.has_read_its_log().await || answer.contains("PARTIAL"), "{answer}");
    }

    while !server.has_read_its_log().await {
        assert!(started.elapsed() < REPLAY_MAX, "not read after {REPLAY_MAX:?}");
        tokio::time::sleep(Duration::from_millis(200)).await; // sleep-ok: between two looks
    }
    let read = started.elapsed();
    for (id, spans) in &written.samples {
        assert_eq!(spans_of(&server.http(), id).await.len(), *spans, "trace {id:02x?}");
    }
    let peak = peak_mib(server.pid());
    println!(
        "ready in {ready:?}, first span accepted after {accepted:?}, all read after {read:?}, peak {peak} MiB"
    );
    assert!(peak <= PEAK_MIB_MAX, "{peak} MiB at the peak");
    wait::until("the log to be let go of", || async {
        let answer = server.http().get("/flush").await.ok()?;
        (answer.status < 300).then_some(())
    })
    .await;
}
