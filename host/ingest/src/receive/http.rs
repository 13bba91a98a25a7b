//! `POST /v1/traces` in protobuf and JSON, answering misuse as the Collector's HTTP server does.

use super::encoding::{ContentEncoding, EncodingError};
use super::status::{Encoding, failure, plain, success};
use super::tenant::tenant_of;
use crate::admit::inflight::Held;
use crate::admit::table::Reason;
use crate::error::Refusal;
use crate::{Export, Ingester, Transport};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;

/// The only path.
const TRACES_PATH: &str = "/v1/traces";

/// An HTTP router that hands its requests to `ingester`.
pub fn http_router(ingester: Ingester) -> Router {
    Router::new().fallback(serve).with_state(ingester)
}

async fn serve(State(ingester): State<Ingester>, request: Request<Body>) -> Response<Body> {
    if request.uri().path() != TRACES_PATH {
        return plain(StatusCode::NOT_FOUND, "404 page not found\n");
    }
    if request.method() != Method::POST {
        let text = "405 method not allowed, supported: [POST]";
        return plain(StatusCode::METHOD_NOT_ALLOWED, text);
    }
    let (parts, body) = request.into_parts();
    let Some(encoding) = encoding_of(&parts.headers) else {
        let text = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    };
    match receive(&ingester, &parts.headers, body, encoding).await {
        Ok(accepted) => success(&accepted, encoding),
        Err(refusal) => failure(&refusal, encoding),
    }
}

/// The encoding a content type names, whatever its letter case and parameters.
fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else if kind.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

async fn receive(
    ingester: &Ingester,
    headers: &HeaderMap,
    body: Body,
    encoding: Encoding,
) -> Result<crate::Accepted, Refusal> {
    let bytes_max = ingester.config().http_body_bytes_max;
    let header = headers.get(header::CONTENT_ENCODING);
    let packing = ContentEncoding::parse(header.map_or(b"", |value| value.as_bytes())).map_err(malformed)?;
    let mut held = ingester.hold();
    let body = collect(body, bytes_max, &mut held).await?;
    let body = match packing {
        ContentEncoding::Plain => body,
        packed => {
            let work = move || packed.unpack(&body, bytes_max);
            let unpacked = ingester.blocking("otlp-http-unpack", work).await;
            unpacked.map_err(|lost| Refusal::new(Reason::Internal, lost, None))?.map_err(malformed)?.into()
        }
    };
    let transport = Transport::Http;
    let tenant = match tenant_of(headers, ingester.config().multitenancy_enabled) {
        Ok(tenant) => tenant,
        Err(refusal) => {
            ingester.count_refused_unread(&body, encoding, transport);
            return Err(refusal);
        }
    };
    ingester.export_held(Export { tenant, body, encoding, transport }, held).await
}

fn malformed(error: EncodingError) -> Refusal {
    Refusal::new(Reason::Malformed, error.to_string(), None)
}

/// Reads a body, giving up at the bound instead of after it.
async fn collect(mut body: Body, bytes_max: usize, held: &mut Held) -> Result<Bytes, Refusal> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Refusal::new(Reason::Malformed, format!("cannot read the request body: {error}"), None)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let bytes = first.as_ref().map_or(all.len(), Bytes::len) + data.len();
        if bytes > bytes_max {
            return Err(malformed(EncodingError::TooLarge));
        }
        held.grow_to(bytes)?;
        // Most bodies come in one piece, which need not be copied.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(piece) => {
                all.extend_from_slice(&piece);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
