//! What plugins do to batches: native steps that the host carries out itself, columns that a guest sees,
//! and the edits that it answers with.
//!
//! Nothing here knows how guests run. Everything works on dictionary codes: what depends on a value alone
//! is done once per distinct value, and what does not occur in a batch costs next to nothing.
//!
//! [`Compiled`] is a checked plan, [`Programs`] the plans of a chain, [`Session`] a worker's memory. For each
//! batch: [`Session::begin`]; for each plugin [`Session::run`] the steps before its guest, then
//! [`Session::project`], the call, [`Session::apply`], [`Session::recycle`], and the steps after it; at the
//! end [`Session::finish`].

mod apply;
pub mod batch;
mod compile;
mod condition;
pub mod edit;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod kernels;
mod native;
mod pattern;
pub mod plan;
mod programs;
mod project;
mod selector;
mod session;
mod text;

pub use apply::{Checked, EDIT_BYTES_MIN, EDIT_BYTES_RATIO, EDIT_CELLS_MIN, EDIT_CELLS_PER_ROW, EDITS_MAX};
pub use batch::{Batch, CellKind, Column, Context, Packed, Table};
pub use compile::{
    Compiled, FIELDS_MAX, KEY_BYTES_MAX, LITERAL_BYTES_MAX, PATTERN_BYTES_MAX, PATTERNS_MAX, STEPS_MAX,
    TALLIES_MAX, TARGETS_MAX,
};
pub use edit::{Address, ColumnPart, Edit, EditValues, Operation, Verdicts};
pub use error::{EditError, EditFault, PlanError, RunError};
pub use hash::{Secrets, keyed64};
pub use native::Part;
pub use plan::{Kind, OnFailure, Plan, Scope};
pub use programs::Programs;
pub use session::{Applied, Session};
