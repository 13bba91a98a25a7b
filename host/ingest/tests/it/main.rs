//! The write path from request bytes to stored blocks, over a real log in a temporary directory.
#![expect(clippy::disallowed_methods, reason = "tests wait on real threads")]

mod chain;
mod flush;
mod limits;
mod push;
mod receive;
mod replay;
mod support;
