//! The router: one table of routes, one way through for every request.

use crate::error::CLIENT_CLOSED;
use crate::routes::{Matched, NO_ROUTE, Table, cleaned};
use crate::{Api, ApiError, handlers};
use axum::Router;
use axum::body::Body;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use std::sync::Arc;
use std::time::Duration;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Bodies smaller than this stay plain: compressing them costs more than it saves.
const COMPRESS_BYTES_MIN: u16 = 1024;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) table: Table,
}

/// A request without its body, which no route reads.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) param: String,
}

/// The HTTP surface as a router, to be served on the HTTP port.
pub fn router(api: Api) -> Router {
    let table = Table::new(&api.config.http_api_prefix);
    let compression = CompressionLayer::new()
        .gzip(true)
        .zstd(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN).and(not_encoded));
    Router::new().fallback(handle).layer(compression).with_state(Arc::new(Shared { api, table }))
}

/// gRPC answers and already encoded ones pass as they are.
fn not_encoded(_: StatusCode, _: http::Version, headers: &HeaderMap, _: &http::Extensions) -> bool {
    let grpc =
        headers.get(header::CONTENT_TYPE).is_some_and(|ty| ty.as_bytes().starts_with(b"application/grpc"));
    !grpc && !headers.contains_key(header::CONTENT_ENCODING)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(path) = cleaned(parts.uri.path()) {
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let location = [(header::LOCATION, path + &query)];
        return (StatusCode::MOVED_PERMANENTLY, location).into_response();
    }
    let matched = shared.table.find(&parts.method, parts.uri.path());
    let label = matched.map_or(NO_ROUTE, |matched| matched.label);
    let seen = Seen::new(&shared.api, &parts.method, label, &parts.headers);
    let response = match matched {
        None => ApiError::no_such_page().into_response(),
        Some(Matched { method_allowed: false, .. }) => ApiError::method().into_response(),
        Some(matched) => {
            let call = Call {
                method: parts.method.clone(),
                uri: parts.uri.clone(),
                headers: parts.headers.clone(),
                param: matched.param.to_owned(),
            };
            // Bodies are never read; holding one would keep a slow sender's connection busy.
            drop(body);
            let answer = handlers::answer(&shared, matched.route, &call);
            within(&shared.api, answer).await.unwrap_or_else(IntoResponse::into_response)
        }
    };
    seen.ended(&response);
    response
}

/// Bounds an answer by `api_timeout`, when that is set.
async fn within(
    api: &Api,
    answer: impl Future<Output = Result<Response, ApiError>>,
) -> Result<Response, ApiError> {
    if api.config.api_timeout_ms == 0 {
        return answer.await;
    }
    let timeout = api.clock.sleep(Duration::from_millis(api.config.api_timeout_ms));
    tokio::select! {
        answer = answer => answer,
        () = timeout => Err(ApiError::timeout()),
    }
}

/// A request being counted. Dropped before its end, it counts as left by the client.
struct Seen<'a> {
    api: &'a Api,
    method: &'static str,
    route: &'a str,
    started: Duration,
    status: u16,
}

impl<'a> Seen<'a> {
    fn new(api: &'a Api, method: &Method, route: &'a str, headers: &HeaderMap) -> Self {
        let method = method_label(method);
        api.metrics.inflight.with_label_values(&[method, route]).inc();
        let bytes = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<f64>().ok());
        api.metrics.request_bytes.with_label_values(&[method, route]).observe(bytes.unwrap_or(0.0));
        Self { api, method, route, started: api.clock.monotonic(), status: CLIENT_CLOSED }
    }

    fn ended(mut self, response: &Response<Body>) {
        self.status = response.status().as_u16();
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        self.api.metrics.response_bytes.with_label_values(&[self.method, self.route]).observe(bytes as f64);
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        let metrics = &self.api.metrics;
        metrics.inflight.with_label_values(&[self.method, self.route]).dec();
        let elapsed = self.api.clock.monotonic().saturating_sub(self.started);
        metrics
            .request_seconds
            .with_label_values(&[self.method, self.route, &self.status.to_string(), "false"])
            .observe(elapsed.as_secs_f64());
    }
}

/// Methods are free text on the wire; labels must not be.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
