//! Servers that speak the clouds' protocols, from package registries, each on a port of its own.

mod azure;
mod google;
mod s3;

pub use azure::azure;
pub use google::google;
pub use s3::s3;

use crate::server::free_port;
use crate::wait::until;
use cadenza_objects::Backend;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The bucket or container that each of them has.
pub const BUCKET: &str = "traces";
/// All keys are below it.
pub const PREFIX: &str = "team/tempo";

/// A running store.
#[derive(Debug)]
pub struct Store {
    process: Process,
    /// For opening it in the test itself.
    pub backend: Backend,
    /// For a server: `storage.trace.backend` and its section, indented by four.
    pub yaml: String,
}

impl Store {
    /// Stops answering, as an outage has it, until [`Self::resume`].
    pub fn pause(&self) {
        self.process.signal(rustix::process::Signal::STOP);
    }

    /// Answers again.
    pub fn resume(&self) {
        self.process.signal(rustix::process::Signal::CONT);
    }
}

/// Where `cargo xtask test` installed a tool. `None`, and a line in the output, where it could not.
#[expect(clippy::print_stdout, reason = "what cannot run here is listed in the tests' output")]
pub fn tool(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        println!(
            "NOT RUN HERE: {what} is not installed ({variable} is unset; `cargo xtask test` installs it)"
        );
    }
    path
}

/// Ends with the test.
#[derive(Debug)]
struct Process(Child);

impl Process {
    /// Starts it and waits until its port answers.
    async fn start(command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = Self(child.expect("starting the store"));
        until("the store to listen", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        process
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal)
            .expect("signalling the store");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The test is over, whatever the process says to that.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn address() -> (u16, String) {
    let port = free_port();
    (port, format!("127.0.0.1:{port}"))
}
