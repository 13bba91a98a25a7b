//! Behaviour around an object store, one concern per wrapper.

mod count;
mod fault;

pub use count::Counting;
pub use fault::{Fault, Faults, Faulty};
