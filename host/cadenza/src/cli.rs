//! What the command line asks for besides serving.
#![expect(clippy::print_stdout, reason = "these answers are for a person or a script at a terminal")]

use cadenza_config::{EXIT_BAD_CONFIG, EXIT_DRAINED, EXIT_FAILED_START, Loaded};
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

/// A server that takes longer to say that it is ready is not.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Prints why the process ends.
pub(crate) fn fail(code: u8, error: &dyn Display) -> ExitCode {
    eprintln!("cadenza: {error}");
    ExitCode::from(code)
}

/// `-version`, `-help`.
pub(crate) fn print_about(version: bool) -> ExitCode {
    if version {
        println!("cadenza, version {} (rust {})", env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_RUST_VERSION"));
    } else {
        println!("{}", cadenza_config::help());
    }
    ExitCode::SUCCESS
}

/// `-config.verify`: says everything there is to say about the configuration.
pub(crate) fn verify(loaded: &Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    if !loaded.ignored.is_empty() {
        eprintln!("warning: accepted without effect: {}", loaded.ignored.join(", "));
    }
    match loaded.startable() {
        Ok(_) => {
            println!("the configuration is valid");
            ExitCode::from(EXIT_DRAINED)
        }
        Err(error) => fail(EXIT_BAD_CONFIG, &error),
    }
}

/// `-health`: asks a running server; for container health checks, which have no other client.
pub(crate) fn check_health(url: &str) -> ExitCode {
    match ask(url) {
        Ok(status) if status.contains(" 200 ") => ExitCode::SUCCESS,
        Ok(status) => fail(EXIT_FAILED_START, &format!("{url} answered {status}")),
        Err(error) => fail(EXIT_FAILED_START, &format!("{url}: {error}")),
    }
}

/// The status line of a GET.
fn ask(url: &str) -> std::io::Result<String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| std::io::Error::other("only http:// URLs are supported"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    // The status line fits in far less.
    let mut head = [0; 64];
    let length = stream.read(&mut head)?;
    Ok(String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned())
}
