//! Behaviour around an object store, one concern per wrapper.

mod count;
mod fault;
mod read_only;
mod stamp;

pub use count::Counting;
pub use fault::{Fault, Faults, Faulty};
pub use read_only::ReadOnly;
pub use stamp::{Stamp, Stamped};
