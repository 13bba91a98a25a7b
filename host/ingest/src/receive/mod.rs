//! OTLP over gRPC and HTTP: services that turn requests into [`crate::Export`]s and answers back.
//!
//! Binding ports is the binary's business.

mod encoding;
mod grpc;
mod http;
mod status;
mod tenant;

pub use grpc::{TraceService, grpc_service};
pub use http::http_router;
pub use status::Encoding;
