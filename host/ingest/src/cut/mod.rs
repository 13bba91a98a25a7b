//! From live traces to blocks: when to cut, how to build, and what to let go of afterwards.

pub(crate) mod builder;
pub(crate) mod gather;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod worker;
