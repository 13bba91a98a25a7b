//! TraceQL: lexer, parser, type checks and the evaluator; pure, no I/O.
//!
//! [`parse`] takes the whole grammar and checks types as Tempo does; what a later stage cannot execute
//! yet is refused there, by name, never answered wrongly.

pub mod ast;
mod check;
mod error;
mod lex;
mod parse;
mod tag;

pub use error::{ErrorKind, ParseError};
pub use parse::{DEPTH_MAX, QUERY_BYTES_MAX, parse};
pub use tag::parse_tag;
