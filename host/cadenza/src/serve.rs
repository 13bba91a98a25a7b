//! Listening sockets: bound before anything is promised, drained when the server stops.

use crate::doors::{Door, Guest};
use anyhow::{Context, Result};
use axum::Router;
use cadenza_env::Spawn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A client that needs longer than this to send its request head is holding a socket, not asking.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams one connection may have open: enough for a collector's whole queue, little enough that one
/// client cannot hold the server's memory.
const STREAMS_PER_CONNECTION_MAX: u32 = 1000;
/// A pause after `accept` failed (out of file descriptors): time for connections to close.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Binds an address; a busy one is named together with who wanted it.
pub(crate) async fn bind(what: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {what}; choose another port, or move all with --port-base")
    })
}

/// Serves HTTP/1 and HTTP/2 (h2c) until `stop`, then lets requests under way finish.
pub(crate) async fn http(
    listener: TcpListener,
    router: Router,
    door: Door,
    spawn: Arc<dyn Spawn>,
    clock: Arc<dyn cadenza_env::Clock>,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_PER_CONNECTION_MAX);
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    clock.sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        match door.enter() {
            Some(guest) => {
                serve_connection(&builder, &graceful, (stream, guest), router.clone(), spawn.as_ref());
            }
            None => {
                if let Some(refusal) = door.refuse(stream, clock.as_ref()) {
                    spawn.spawn("http-refusal", Box::pin(refusal));
                }
            }
        }
    }
    graceful.shutdown().await;
}

fn serve_connection(
    builder: &Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    (stream, guest): (TcpStream, Guest),
    router: Router,
    spawn: &dyn Spawn,
) {
    // Answers are small: waiting for more bytes only adds latency.
    drop(stream.set_nodelay(true));
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    let task = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
        drop(guest);
    };
    spawn.spawn("http-connection", Box::pin(task));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::Doors;
    use cadenza_env::{SystemClock, TokioSpawn};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The status line of an answer on a new connection, which stays open.
    async fn ask(address: std::net::SocketAddr) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("sent");
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.expect("answered");
        let text = String::from_utf8_lossy(&head[..read]).into_owned();
        (stream, text)
    }

    fn metric(registry: &prometheus::Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("registered");
        family.get_metric().iter().map(|m| m.get_gauge().get_value() + m.get_counter().get_value()).sum()
    }

    #[tokio::test]
    async fn connections_over_the_limit_are_refused_until_one_goes() {
        let registry = prometheus::Registry::new();
        let door = Doors::new(&registry).expect("fresh").door("http", 1);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/", axum::routing::get(|| async { "hello" }));
        let spawn: Arc<dyn Spawn> = Arc::new(TokioSpawn::new(tokio::runtime::Handle::current()));
        let stop = CancellationToken::new();
        let clock = Arc::new(SystemClock::default());
        spawn.spawn(
            "listener",
            Box::pin(http(listener, router, door, Arc::clone(&spawn), clock, stop.clone())),
        );

        let (first, answer) = ask(address).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, refusal) = ask(address).await;
        assert!(refusal.starts_with("HTTP/1.1 503") && refusal.contains("retry-after"), "{refusal}");
        assert!(refusal.ends_with("the connection limit has been reached\n"), "{refusal}");
        assert_eq!(metric(&registry, "tempo_tcp_connections"), 1.0);
        assert_eq!(metric(&registry, "tempo_tcp_connections_limit"), 1.0);
        assert_eq!(metric(&registry, "cadenza_tcp_connections_refused_total"), 1.0);
        drop(first);
        let mut looks = 0;
        while metric(&registry, "tempo_tcp_connections") > 0.0 {
            looks += 1;
            assert!(looks < 100_000, "the first connection never ends");
            tokio::task::yield_now().await;
        }
        let (_, answer) = ask(address).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        stop.cancel();
    }
}
