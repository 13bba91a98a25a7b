//! Live traces: what was acknowledged and is not in a block yet.
//!
//! Memory holds, per tenant, a record a trace and a posting a (trace, frame); the spans stay in the log.
//! A trace's record also carries what admission reserved for it, so limits and index cannot disagree.

pub(crate) mod commit;
mod cutting;
pub(crate) mod dedupe;
pub(crate) mod frames;
pub(crate) mod groups;
pub(crate) mod index;
mod places;
pub(crate) mod seen;
pub(crate) mod snapshot;
