//! A query service that records what it was asked, and a status without a server behind it.

use async_trait::async_trait;
use axum::body::Body;
use cadenza_api::{Api, ApiError, BuildInfo, Config, ConfigMode, Metrics, Service, Status, router};
use cadenza_env::ManualClock;
use cadenza_model::TenantId;
use cadenza_query::{
    QueryError, QueryLimits, QueryService, SearchAnswer, SearchRequest, TagNamesAnswer, TagNamesRequest,
    TagValuesAnswer, TagValuesRequest, TraceAnswer, TraceRequest,
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// The fake clock's time.
pub(crate) const NOW_S: u64 = 1_800_000_000;

/// What the service answers next; each is taken once.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) trace: Option<Result<TraceAnswer, QueryError>>,
    pub(crate) search: Option<Result<SearchAnswer, QueryError>>,
    pub(crate) names: Option<Result<TagNamesAnswer, QueryError>>,
    pub(crate) values: Option<Result<TagValuesAnswer, QueryError>>,
}

/// Records requests as their `Debug` text.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) answers: Mutex<Answers>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) not_ready: Mutex<Option<String>>,
    pub(crate) flushed: Mutex<Vec<String>>,
    pub(crate) prepared: AtomicBool,
    held: AtomicBool,
}

impl Fake {
    fn note(&self, request: &impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{request:?}"));
    }

    /// Lets searches hang from now on.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    pub(crate) fn last_asked(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

#[async_trait]
impl QueryService for Fake {
    async fn trace(&self, request: TraceRequest) -> Result<TraceAnswer, QueryError> {
        self.note(&request);
        self.answers.lock().unwrap().trace.take().unwrap_or_else(|| Ok(TraceAnswer::default()))
    }

    async fn search(&self, request: SearchRequest) -> Result<SearchAnswer, QueryError> {
        self.note(&request);
        if self.held.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.answers.lock().unwrap().search.take().unwrap_or_else(|| Ok(SearchAnswer::default()))
    }

    async fn tag_names(&self, request: TagNamesRequest) -> Result<TagNamesAnswer, QueryError> {
        self.note(&request);
        self.answers.lock().unwrap().names.take().unwrap_or_else(|| Ok(TagNamesAnswer::default()))
    }

    async fn tag_values(&self, request: TagValuesRequest) -> Result<TagValuesAnswer, QueryError> {
        self.note(&request);
        self.answers.lock().unwrap().values.take().unwrap_or_else(|| Ok(TagValuesAnswer::default()))
    }
}

#[async_trait]
impl Status for Fake {
    fn build(&self) -> BuildInfo {
        BuildInfo {
            version: "3.0.3".into(),
            revision: "abc".into(),
            branch: "main".into(),
            build_user: "me".into(),
            build_date: "today".into(),
            go_version: "rustc".into(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.not_ready.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn services(&self) -> Vec<Service> {
        vec![Service { name: "store".into(), state: "Running".into(), failure: String::new() }]
    }

    fn config(&self, mode: ConfigMode) -> String {
        format!("mode: {mode:?}\n")
    }

    fn runtime_config(&self, mode: ConfigMode) -> String {
        format!("runtime: {mode:?}\n")
    }

    fn plugins(&self) -> String {
        "{\"chains\":[]}\n".into()
    }

    fn overrides(&self, tenant: Option<&TenantId>) -> String {
        format!("overrides of {tenant:?}\n")
    }

    fn metrics(&self) -> String {
        "up 1\n".to_owned()
    }

    async fn flush(&self, tenant: Option<TenantId>) -> Result<(), ApiError> {
        self.flushed.lock().unwrap().push(format!("{tenant:?}"));
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), ApiError> {
        self.flushed.lock().unwrap().push("shutdown".to_owned());
        Ok(())
    }

    fn is_downscale_prepared(&self) -> bool {
        self.prepared.load(Ordering::Relaxed)
    }

    async fn prepare_downscale(&self, prepared: bool) -> Result<(), ApiError> {
        self.prepared.store(prepared, Ordering::Relaxed);
        Ok(())
    }
}

/// A surface over a fake.
pub(crate) struct Server {
    pub(crate) fake: Arc<Fake>,
    pub(crate) clock: ManualClock,
    pub(crate) registry: prometheus::Registry,
    router: axum::Router,
}

/// An answer, its body as text.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("a text body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text header"))
    }
}

impl Server {
    pub(crate) fn new(config: Config) -> Self {
        let fake = Arc::new(Fake::default());
        let clock = ManualClock::at(NOW_S * 1_000_000_000);
        let registry = prometheus::Registry::new();
        let api = Api {
            config: Arc::new(config),
            clock: Arc::new(clock.clone()),
            query: fake.clone(),
            limits: Arc::new(QueryLimits::default()),
            status: fake.clone(),
            metrics: Arc::new(Metrics::new(&registry).expect("unique names")),
        };
        Self { fake, clock, registry, router: router(api) }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("routers don't fail");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[]).await
    }
}

/// `GET path` is refused with this status and text.
pub(crate) async fn refused(config: &Config, path: &str, status: u16, text: &str) {
    let answer = Server::new(config.clone()).get(path).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (status, format!("{text}\n").as_str()), "{path}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
}

/// `GET path` succeeds and asks the service for this.
pub(crate) async fn asks(config: &Config, path: &str, expect: expect_test::Expect) {
    let server = Server::new(config.clone());
    let answer = server.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    expect.assert_eq(&server.fake.last_asked());
}
