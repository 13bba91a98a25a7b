//! `cadenza demo`: what a person sees within seconds is there, and nothing is lost by the swap that it shows.

use cadenza_tests::server::{binary, free_port};
use cadenza_tests::wait;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Ends with the test, however that ends.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_a_chain_at_work_and_swaps_it_without_losing_a_span() {
    let home = TempDir::new().expect("a folder");
    let [http, grpc, otlp] = [free_port(), free_port(), free_port()];
    let data = home.path().display();
    let yaml = format!(
        "server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}}}\n\
         distributor: {{receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:{otlp}\"}}}}}}}}}}\n\
         storage: {{trace: {{backend: local, local: {{path: {data}/b}}, wal: {{path: {data}/w}}}}}}\n"
    );
    let (config, out) = (home.path().join("tempo.yaml"), home.path().join("out"));
    std::fs::write(&config, yaml).expect("writing the configuration");
    let child = Command::new(binary())
        .arg("demo")
        .arg(format!("-config.file={}", config.display()))
        .current_dir(home.path())
        .stdout(std::fs::File::create(&out).expect("a file"))
        .stderr(Stdio::inherit())
        .spawn()
        .expect("starting the demo");
    let mut demo = Demo(child);
    let said = wait::until("the demo to have shown everything", || {
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        let ended = demo.0.try_wait().expect("asking for its status");
        assert!(ended.is_none(), "{ended:?}:\n{text}");
        async move { text.contains("Ctrl-C stops").then_some(text) }
    })
    .await;
    for text in [
        "step.index=1 step.name=",
        "stored  checkout.note = paid with ****\n",
        "builtin:process-enricher",
        "version 1   customer.email = ann.",
        ": 0 lost, 0 doubled",
    ] {
        assert!(said.contains(text), "{text} is missing:\n{said}");
    }
    let after = said.lines().find_map(|line| line.trim().strip_prefix("version 2   customer.email = "));
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(after.is_some_and(is_hash), "{said}");
}
