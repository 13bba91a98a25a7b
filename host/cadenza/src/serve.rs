//! Listening sockets: bound before anything is promised, drained when the server stops.

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
        serve_connection(&builder, &graceful, stream, router.clone(), spawn.as_ref());
    }
    graceful.shutdown().await;
}

fn serve_connection(
    builder: &Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
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
    };
    spawn.spawn("http-connection", Box::pin(task));
}
