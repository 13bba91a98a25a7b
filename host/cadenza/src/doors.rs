//! How many connections a port takes: `http_listen_conn_limit` and `grpc_listen_conn_limit`.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client over the limit of the HTTP port is answered.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 38\r\n\r\nthe connection limit has been reached\n";
/// Refusals being written at once. More are closed without a word: a flood must not cost memory.
const REFUSALS_MAX: usize = 64;
/// A client that has sent no request by then gets its refusal all the same.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// The doors of all ports, and their metrics.
pub(crate) struct Doors {
    open: IntGaugeVec,
    limit: IntGaugeVec,
    refused: IntCounterVec,
}

/// The door of one port. No limit where the limit is 0.
#[derive(Clone)]
pub(crate) struct Door {
    inside: Arc<AtomicUsize>,
    refusals: Arc<AtomicUsize>,
    max: usize,
    answers: bool,
    open: Option<IntGauge>,
    refused: Option<IntCounter>,
}

/// A connection that was let in, until dropped.
pub(crate) struct Guest {
    inside: Arc<AtomicUsize>,
    open: Option<IntGauge>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
        if let Some(open) = &self.open {
            open.dec();
        }
    }
}

impl Doors {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| IntGaugeVec::new(Opts::new(name, help), &["protocol"]);
        let refused = Opts::new("cadenza_tcp_connections_refused_total", "Connections over the limit.");
        let doors = Self {
            open: gauge("tempo_tcp_connections", "Current number of accepted TCP connections.")?,
            limit: gauge("tempo_tcp_connections_limit", "The maximum number of TCP connections (0: none).")?,
            refused: IntCounterVec::new(refused, &["protocol"])?,
        };
        registry.register(Box::new(doors.open.clone()))?;
        registry.register(Box::new(doors.limit.clone()))?;
        registry.register(Box::new(doors.refused.clone()))?;
        Ok(doors)
    }

    /// The door of a port that may take `max` connections.
    pub(crate) fn door(&self, protocol: &str, max: usize) -> Door {
        self.limit.with_label_values(&[protocol]).set(i64::try_from(max).unwrap_or(i64::MAX));
        Door {
            max,
            // A gRPC client wouldn't understand the answer; closing means "unavailable" to it.
            answers: protocol == "http",
            open: Some(self.open.with_label_values(&[protocol])),
            refused: Some(self.refused.with_label_values(&[protocol])),
            ..Door::open()
        }
    }
}

impl Door {
    /// A door without a limit, for ports Tempo knows none for.
    pub(crate) fn open() -> Self {
        Self {
            inside: Arc::default(),
            refusals: Arc::default(),
            max: 0,
            answers: false,
            open: None,
            refused: None,
        }
    }

    /// Lets a connection in, if there is room.
    pub(crate) fn enter(&self) -> Option<Guest> {
        let before = self.inside.fetch_add(1, Ordering::AcqRel);
        if self.max > 0 && before >= self.max {
            self.inside.fetch_sub(1, Ordering::AcqRel);
            if let Some(refused) = &self.refused {
                refused.inc();
            }
            return None;
        }
        if let Some(open) = &self.open {
            open.inc();
        }
        Some(Guest { inside: Arc::clone(&self.inside), open: self.open.clone() })
    }

    /// Says no to a connection; the future is to be run beside, and short. `None`: it is closed at once.
    pub(crate) fn refuse(
        &self,
        mut stream: TcpStream,
        clock: &dyn cadenza_env::Clock,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        if !self.answers || self.refusals.fetch_add(1, Ordering::AcqRel) >= REFUSALS_MAX {
            if self.answers {
                self.refusals.fetch_sub(1, Ordering::AcqRel);
            }
            return None;
        }
        let (refusals, wait) = (Arc::clone(&self.refusals), clock.sleep(REFUSAL_WAIT));
        Some(async move {
            // Unread bytes would turn the close into a reset that overtakes the answer.
            let mut head = [0; 4096];
            tokio::select! {
                _ = stream.read(&mut head) => {}
                () = wait => {}
            }
            if let Err(error) = stream.write_all(REFUSAL).await {
                tracing::debug!(%error, "a refused client went away");
            }
            drop(stream.shutdown().await);
            refusals.fetch_sub(1, Ordering::AcqRel);
        })
    }
}
