//! Stores and what is around them.
#![expect(clippy::disallowed_methods, reason = "the servers of these tests are tasks of their own")]

mod credentials;
mod decorators;
mod faults;
mod support;
