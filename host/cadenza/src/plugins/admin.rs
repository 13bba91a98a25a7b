//! The admin API: components in, chains and their history out. On a listener of its own, behind a token.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cadenza_chains::{Chains, UploadError, Workshop};
use cadenza_env::Spawn;
use http::{StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// What every handler needs.
struct Admin<W: Workshop> {
    chains: Chains<W>,
    spawn: Arc<dyn Spawn>,
    /// SHA-256 of the token: comparing digests tells nothing of how much of a guess was right.
    token_sum: [u8; 32],
}

impl<W: Workshop> Clone for Admin<W> {
    fn clone(&self) -> Self {
        Self { chains: self.chains.clone(), spawn: Arc::clone(&self.spawn), token_sum: self.token_sum }
    }
}

/// The routes. `component_bytes_max` bounds what a body may hold.
pub(crate) fn router<W: Workshop>(
    chains: Chains<W>,
    spawn: Arc<dyn Spawn>,
    token: &str,
    component_bytes_max: usize,
) -> axum::Router {
    let admin = Admin { chains, spawn, token_sum: Sha256::digest(token.as_bytes()).into() };
    axum::Router::new()
        .route("/api/plugins", get(list::<W>))
        .route("/api/plugins/{name}", post(upload::<W>))
        .route("/api/plugins/{name}/history", get(history::<W>))
        .route("/api/plugins/{name}/rollback", post(rollback::<W>))
        // One byte more, so that a component over the limit gets the error that names it.
        .layer(DefaultBodyLimit::max(component_bytes_max.saturating_add(1)))
        .layer(from_fn_with_state(admin.clone(), authorized::<W>))
        .with_state(admin)
}

async fn authorized<W: Workshop>(State(admin): State<Admin<W>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let sum: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    if sum != admin.token_sum {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        let body = Json(json!({"error": "a token is needed: plugins.admin.token"}));
        return (StatusCode::UNAUTHORIZED, challenge, body).into_response();
    }
    next.run(request).await
}

async fn list<W: Workshop>(State(admin): State<Admin<W>>) -> Response {
    Json(json!({"chains": admin.chains.status()})).into_response()
}

async fn upload<W: Workshop>(
    State(admin): State<Admin<W>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let (chains, plugin) = (admin.chains.clone(), name.clone());
    let done = admin.spawn.blocking("plugin-upload", move || chains.upload(&plugin, &body)).await;
    answer(&name, done)
}

async fn rollback<W: Workshop>(
    State(admin): State<Admin<W>>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let (chains, plugin, to) = (admin.chains.clone(), name.clone(), query.get("to").cloned());
    let done = admin.spawn.blocking("plugin-rollback", move || chains.rollback(&plugin, to.as_deref())).await;
    answer(&name, done)
}

async fn history<W: Workshop>(State(admin): State<Admin<W>>, Path(name): Path<String>) -> Response {
    match admin.chains.revisions(&name) {
        Ok(revisions) => Json(json!({"plugin": name, "revisions": revisions})).into_response(),
        Err(error) => refusal(&error),
    }
}

fn answer(name: &str, done: Option<Result<String, UploadError>>) -> Response {
    match done {
        Some(Ok(sha256)) => Json(json!({"plugin": name, "sha256": sha256})).into_response(),
        Some(Err(error)) => refusal(&error),
        None => {
            let body = Json(json!({"error": "the upload was lost by a fault of the server"}));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

fn refusal(error: &UploadError) -> Response {
    let status = match error {
        UploadError::Name(_) | UploadError::NoDir => StatusCode::BAD_REQUEST,
        UploadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::Component(_) | UploadError::Chain { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        UploadError::NoRevision(_) => StatusCode::NOT_FOUND,
        UploadError::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    (status, Json(json!({"error": error.to_string()}))).into_response()
}
