//! The shipped binary as a child process on ports and a directory of its own.

use crate::http::Http;
use crate::wait::until;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The binary under test: what `cargo xtask test` built.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("CADENZA_BIN").map(PathBuf::from);
    let path = path.expect("CADENZA_BIN names the built server; run `cargo xtask test`");
    assert!(path.exists(), "{}: build it with `cargo xtask test`", path.display());
    path
}

/// How to start the server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// More top-level YAML.
    pub yaml: String,
    /// More YAML inside `storage.trace`, indented by four.
    pub trace_yaml: String,
    /// Another store than the local folder: `backend` and its section, indented by four.
    pub backend_yaml: String,
    /// More arguments.
    pub args: Vec<String>,
    /// Keep data here instead of in a folder of the test's own.
    pub data: Option<PathBuf>,
}

/// A running (or killed) server whose data outlives its processes.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    options: Options,
    home: TempDir,
    ports: [u16; 4],
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    free_ports()[0]
}

fn free_ports() -> [u16; 4] {
    let listeners: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    let port = |at: usize| listeners[at].local_addr().expect("a bound socket").port();
    [port(0), port(1), port(2), port(3)]
}

impl Server {
    /// Waits until [`Self::has_read_its_log`].
    pub async fn log_is_read(&self) {
        crate::wait::until("the log to be read", || async { self.has_read_its_log().await.then_some(()) })
            .await;
    }

    /// Whether the log of the run before was read to its end: until then answers may be partial.
    pub async fn has_read_its_log(&self) -> bool {
        let metrics = self.http().get("/metrics").await.expect("metrics").text();
        metrics.lines().any(|line| line.starts_with("tempo_live_store_ready") && line.ends_with(" 1"))
    }

    /// Starts with defaults and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts with options and waits until it is ready.
    pub async fn start_with(options: Options) -> Self {
        let mut server = Self::prepare(options);
        server.launch().await;
        server
    }

    /// Lays out the folder without starting anything.
    pub fn prepare(options: Options) -> Self {
        let home = TempDir::new().expect("a temporary folder");
        Self { child: None, options, home, ports: free_ports() }
    }

    fn yaml(&self) -> String {
        let [http, grpc, otlp_grpc, otlp_http] = self.ports;
        let data = self.data();
        let backend = match &*self.options.backend_yaml {
            "" => format!("    backend: local\n    local:\n      path: {}/blocks\n", data.display()),
            other => other.to_owned(),
        };
        let mut yaml = format!(
            "server:\n  http_listen_address: 127.0.0.1\n  http_listen_port: {http}\n  grpc_listen_address: 127.0.0.1\n  grpc_listen_port: {grpc}\n\
             distributor:\n  receivers:\n    otlp:\n      protocols:\n        grpc:\n          endpoint: 127.0.0.1:{otlp_grpc}\n        http:\n          endpoint: 127.0.0.1:{otlp_http}\n\
             storage:\n  trace:\n{backend}    wal:\n      path: {}/wal\n{}",
            data.display(),
            self.options.trace_yaml,
        );
        writeln!(yaml, "{}", self.options.yaml).expect("writing to a string");
        yaml
    }

    /// Where the server keeps its data.
    pub fn data(&self) -> PathBuf {
        self.options.data.clone().unwrap_or_else(|| self.home.path().join("data"))
    }

    /// Where all its output goes.
    pub fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// What it logged so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Starts the process and waits until `/ready` says so.
    pub async fn launch(&mut self) {
        self.spawn();
        let http = self.http();
        until("the server to be ready", || async {
            http.get("/ready").await.ok().filter(|a| a.status == 200)
        })
        .await;
    }

    /// Starts the process without waiting.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "already running");
        let config = self.home.path().join("tempo.yaml");
        std::fs::write(&config, self.yaml()).expect("writing the configuration");
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("the log file");
        let output = log.try_clone().expect("a second handle of the log file");
        let child = Command::new(binary())
            .arg(format!("-config.file={}", config.display()))
            .args(&self.options.args)
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .spawn()
            .expect("starting the server");
        self.child = Some(child);
    }

    /// SIGKILL: no goodbye.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killing the server");
            child.wait().expect("reaping the server");
        }
    }

    /// SIGTERM; waits for the process to end.
    pub async fn terminate(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("a running server");
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalling the server");
        self.exited().await
    }

    /// Waits for the process to end by itself.
    pub async fn exited(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a running server");
        until("the server to exit", || {
            let status = child.try_wait().expect("asking for the server's status");
            async move { status }
        })
        .await
    }

    /// Process id, for looking at memory and time.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// A client of the query API.
    pub fn http(&self) -> Http {
        Http::new(format!("http://127.0.0.1:{}", self.ports[0]))
    }

    /// A client of the OTLP/HTTP receiver.
    pub fn otlp_http(&self) -> Http {
        Http::new(self.otlp_http_url())
    }

    /// `http://…` of the OTLP/HTTP receiver.
    pub fn otlp_http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[3])
    }

    /// `http://…` of the OTLP/gRPC receiver.
    pub fn otlp_grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[2])
    }

    /// `host:port` of the internal gRPC port.
    pub fn grpc_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[1])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log_text();
            let tail = log.lines().rev().take(40).collect::<Vec<_>>();
            eprintln!("last lines of the server's log:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// Bytes of all files below a folder.
pub fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            if entry.path().is_dir() {
                folder_bytes(&entry.path())
            } else {
                entry.metadata().map_or(0, |m| m.len())
            }
        })
        .sum()
}
