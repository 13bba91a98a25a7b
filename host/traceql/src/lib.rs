//! TraceQL: lexer, parser, type checks and the evaluator; pure, no I/O.
//!
//! [`parse()`] takes the whole grammar and checks types as Tempo does; what a later stage cannot execute
//! yet is refused there, by name, never answered wrongly.

pub mod ast;
mod check;
mod error;
pub mod eval;
pub mod fuzzing;
mod lenient;
mod lex;
mod parse;
pub mod plan;
mod re2;
mod tag;

pub use error::{ErrorKind, EvalError, ParseError, Unsupported};
pub use eval::{Bound, LeafTest, Program, Shown, Spanset, TraceInfo, TraceView, Value};
pub use lenient::{condition_groups, lenient_filter};
pub use parse::{DEPTH_MAX, QUERY_BYTES_MAX, parse};
pub use plan::plan;
pub use re2::{PatternError, Search, compile_regex, compile_search};
pub use tag::parse_tag;
