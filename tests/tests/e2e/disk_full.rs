//! A volume that is really full: clients are told when to come back, queries go on, and when space returns
//! ingest does too, by itself. Everything acknowledged is there after a restart.

use crate::durability::spans_of;
use cadenza_tests::{Options, Server, otlp, wait};
use prost::Message;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What the server keeps free for what makes room.
const RESERVE_BYTES: u64 = 64 << 20;
const VOLUME: &str = "size=128m";
/// The promise for the time between free space and the next accepted request.
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// A small volume of its own.
struct Volume(PathBuf);

impl Volume {
    /// `None` where this machine doesn't let us mount one; says so.
    fn mount() -> Option<Self> {
        let folder = tempfile::TempDir::new().expect("a folder").keep();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", VOLUME, "cadenza-test"]).arg(&folder).output();
        let reason = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!("NOT RUN HERE: tests on a full disk: a tmpfs cannot be mounted: {reason}");
        fs::remove_dir(&folder).expect("removing the folder");
        None
    }

    /// Fills the volume with a file of somebody else's until `left` bytes are free.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.join("foreign");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).expect("a foreign file");
        let chunk = vec![0_u8; 64 << 10];
        while free_bytes(&self.0) > left {
            let step = usize::try_from(free_bytes(&self.0) - left).unwrap_or(usize::MAX).min(chunk.len());
            if file.write(&chunk[..step]).is_err() {
                break;
            }
        }
        path
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily, since a killed server may still be letting go of its files.
        if Command::new("umount").arg("-l").arg(&self.0).status().is_ok_and(|status| status.success()) {
            drop(fs::remove_dir(&self.0));
        }
    }
}

fn free_bytes(path: &Path) -> u64 {
    let volume = rustix::fs::statvfs(path).expect("the volume's figures");
    volume.f_bavail * volume.f_frsize
}

/// Sends one trace of one span with `bytes` of payload over gRPC.
async fn send(server: &Server, trace: u64, bytes: usize) -> Result<(), tonic::Status> {
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let mut span = otlp::span(id_of(trace), 1, 0, "full");
    // Incompressible, so that the log grows by about this much.
    let noise: String =
        (0..bytes as u64).map(|at| char::from(b'!' + (mix(trace << 32 | at) % 90) as u8)).collect();
    for part in noise.as_bytes().chunks(2000) {
        let key = format!("noise-{}", span.attributes.len());
        span.attributes.push(otlp::string(&key, std::str::from_utf8(part).expect("ascii")));
    }
    client.export(otlp::request("disk", vec![span])).await.map(drop)
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 32
}

fn id_of(trace: u64) -> [u8; 16] {
    otlp::trace_id(0xf011, trace + 1)
}

fn told_when_to_come_back(status: &tonic::Status) {
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
    let details = String::from_utf8_lossy(status.details());
    assert!(details.contains("google.rpc.RetryInfo"), "no retry delay: {status:?}");
    assert!(status.message().contains("full"), "{status:?}");
}

async fn told_when_to_come_back_over_http(server: &Server) {
    let body = otlp::request("disk", vec![otlp::span(id_of(u64::MAX - 1), 1, 0, "refused")]).encode_to_vec();
    let answer = server
        .otlp_http()
        .request("POST", "/v1/traces", &[("content-type", "application/x-protobuf")], body)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 429, "{}", answer.text());
    let delay: u64 = answer.header("retry-after").parse().expect("a retry delay in seconds");
    assert!(delay > 0);
}

async fn all_found(server: &Server, traces: &[u64], when: &str) {
    for &trace in traces {
        assert_eq!(spans_of(&server.http(), &id_of(trace)).await, [1], "{when}: trace {trace}");
    }
}

async fn recovers(server: &Server, trace: u64) -> Duration {
    let started = Instant::now();
    wait::until("a request to be accepted again", || async { send(server, trace, 10).await.ok() }).await;
    assert!(started.elapsed() < RECOVERY_MAX, "took {:?}", started.elapsed());
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_with_a_delay_answers_queries_and_heals_by_itself() {
    let Some(volume) = Volume::mount() else { return };
    let limits = "overrides:\n  defaults:\n    ingestion: {rate_limit_bytes: 2000000000, burst_size_bytes: 2000000000}\n";
    let options = Options { data: Some(volume.0.join("data")), yaml: limits.into(), ..Options::default() };
    let mut server = Server::start_with(options).await;
    let mut acknowledged = Vec::new();

    // Filled by spans down to the reserve.
    let mut trace = 0;
    let refusal = loop {
        match send(&server, trace, 1 << 20).await {
            Ok(()) => acknowledged.push(trace),
            Err(status) => break status,
        }
        trace += 1;
        assert!(trace < 500, "the volume never fills");
    };
    assert!(acknowledged.len() > 5, "{} requests fitted", acknowledged.len());
    told_when_to_come_back(&refusal);
    all_found(&server, &acknowledged, "at the reserve").await;

    // Somebody else eats into the reserve: now the smallest request is refused too.
    volume.fill(RESERVE_BYTES / 2);
    trace += 1;
    told_when_to_come_back(&send(&server, trace, 10).await.expect_err("below the reserve"));
    told_when_to_come_back_over_http(&server).await;

    // To the last byte: now nothing can be written at all.
    let foreign = volume.fill(0);
    trace += 1;
    told_when_to_come_back(&send(&server, trace, 10).await.expect_err("no space"));
    told_when_to_come_back_over_http(&server).await;
    all_found(&server, &acknowledged, "without any space").await;
    assert_eq!(server.http().get("/ready").await.expect("an answer").status, 200);

    fs::remove_file(&foreign).expect("removing the foreign file");
    assert!(server.http().get("/flush").await.expect("an answer").status < 300);
    let took = recovers(&server, 1000).await;
    acknowledged.push(1000);
    all_found(&server, &acknowledged, "after recovery").await;

    // Killed while full again: a start on a full volume keeps everything.
    volume.fill(0);
    told_when_to_come_back(&send(&server, 1001, 10).await.expect_err("no space"));
    server.kill();
    server.launch().await;
    server.log_is_read().await;
    all_found(&server, &acknowledged, "after a start on a full volume").await;
    told_when_to_come_back(&send(&server, 1002, 10).await.expect_err("no space"));
    fs::remove_file(&foreign).expect("removing the foreign file");
    let again = recovers(&server, 1003).await;
    acknowledged.push(1003);
    server.kill();
    server.launch().await;
    server.log_is_read().await;
    all_found(&server, &acknowledged, "at the end").await;
    println!(
        "{} requests acknowledged on a full disk, recovery in {took:?} and {again:?}",
        acknowledged.len()
    );
}
