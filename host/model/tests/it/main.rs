//! What the columns of a span batch promise.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures and corpora")]

mod fuzz;
mod lossless;
mod messages;
