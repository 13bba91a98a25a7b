//! Google Cloud Storage: its XML interface, which the client speaks, in front of moto's server.
//!
//! The emulators that registries have speak the JSON interface, or the other one only for reading. The XML
//! interface is that of S3 with headers of other names and generations instead of tags, so headers are
//! translated here and the rest is moto's.

use super::s3::moto;
use super::{BUCKET, PREFIX, Process, Store, tool};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use cadenza_objects::{Backend, gcs, http as objects_http};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

struct Translator {
    client: reqwest::Client,
    behind: String,
    generation: AtomicU64,
}

/// A Google server with an empty bucket; `None` where it is not installed.
pub async fn google() -> Option<Store> {
    let python = tool("CADENZA_TEST_STORES_PYTHON", "moto, the server behind Google's interface,")?;
    let (process, behind): (Process, String) = moto(&python).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let state = Translator { client: crate::http::client(), behind, generation: AtomicU64::new(1) };
    let limit = axum::extract::DefaultBodyLimit::disable();
    let router = Router::new().fallback(translate).layer(limit).with_state(Arc::new(state));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let endpoint = format!("http://{address}/storage/v1/");
    let config = gcs::Config {
        bucket_name: BUCKET.to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint: endpoint.clone(),
        insecure: true,
        http: objects_http::Config { insecure: true, ..objects_http::Config::default() },
        ..gcs::Config::default()
    };
    let yaml = format!(
        "    backend: gcs\n    gcs:\n      bucket_name: {BUCKET}\n      object_prefix: {PREFIX}/\n      endpoint: {endpoint}\n      insecure: true\n"
    );
    Some(Store { process, backend: Backend::Gcs(Box::new(config)), yaml })
}

async fn translate(
    State(state): State<Arc<Translator>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut rename = |from: &'static str, to: &'static str| {
        if let Some(value) = headers.remove(from) {
            headers.insert(HeaderName::from_static(to), value);
        }
    };
    rename("x-goog-copy-source", "x-amz-copy-source");
    if headers.remove("x-goog-if-generation-match").is_some_and(|generation| generation == "0") {
        headers.insert("if-none-match", HeaderValue::from_static("*"));
    }
    headers.remove("host");
    // moto sends what nobody has signed to a website; who signed is not checked.
    let nobody =
        "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    headers.insert("authorization", HeaderValue::from_static(nobody));
    let url = format!("http://{}{uri}", state.behind);
    let answer = state.client.request(method, url).headers(headers).body(body).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let generation = state.generation.fetch_add(1, Ordering::Relaxed);
    headers.insert("x-goog-generation", HeaderValue::from(generation));
    let length_only = headers.contains_key("content-length") && answer.content_length().is_none();
    let body = if length_only { Bytes::new() } else { answer.bytes().await.unwrap_or_default() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
