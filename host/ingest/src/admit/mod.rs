//! Limits before the acknowledgement: what may come in, and how a refusal is told.

pub mod limits;
pub mod table;

pub(crate) mod bucket;
pub(crate) mod check;
pub(crate) mod inflight;
pub(crate) mod ledger;
