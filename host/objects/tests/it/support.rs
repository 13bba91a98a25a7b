//! An environment, and a server that says what a test wants.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cadenza_env::{Env, ManualClock, RealDisk, SeededRandom, SystemClock, TokioSpawn};
use cadenza_objects::{Backend, Config, Metrics, open};
use object_store::ObjectStore;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

type Requests = Arc<Mutex<Vec<Seen>>>;
type Answer = dyn Fn(&Seen) -> Response + Send + Sync;

/// Answers as it is told and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) seen: Requests,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let router = Router::new().fallback(handle).with_state((Arc::clone(&seen), answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

async fn handle(
    State((seen, answer)): State<(Requests, Arc<Answer>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Seen { method, uri, headers, body: String::from_utf8_lossy(&body).into_owned() };
    let response = answer(&request);
    seen.lock().push(request);
    response
}

/// A small answer.
pub(crate) fn said(status: u16, body: impl Into<String>) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body.into()).into_response()
}

/// An object of one byte, as stores answer a read.
pub(crate) fn object() -> Response {
    let headers = [("etag", "\"1\""), ("last-modified", "Tue, 01 Dec 2026 00:00:00 GMT")];
    (StatusCode::OK, headers, "x").into_response()
}

pub(crate) fn env(clock: Option<ManualClock>) -> Env {
    Env {
        clock: match clock {
            Some(clock) => Arc::new(clock),
            None => Arc::new(SystemClock::default()),
        },
        random: Arc::new(SeededRandom::new(1)),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(Handle::current())),
    }
}

/// A store under these variables.
pub(crate) fn store(
    env: &Env,
    variables: &[(&str, &str)],
    backend: Backend,
    metrics: &Metrics,
) -> Result<Arc<dyn ObjectStore>, String> {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let variables = |name: &str| variables.get(name).cloned();
    open(env, &variables, &Config { backend, read_only: false }, metrics).map_err(|error| error.to_string())
}
