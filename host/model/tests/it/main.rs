//! What the columns of a span batch promise.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures and corpora")]

mod any_value;
mod columns;
mod decode;
mod dict;
mod fuzz;
mod json;
mod lossless;
mod messages;
