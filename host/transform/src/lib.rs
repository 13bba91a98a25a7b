//! What plugins do to batches: native steps that the host carries out itself, columns that a guest sees,
//! and the edits that it answers with.
//!
//! Nothing here knows how guests run. Everything works on dictionary codes: what depends on a value alone
//! is done once per distinct value, and what does not occur in a batch costs next to nothing.

pub mod batch;
pub mod edit;
mod error;
pub mod plan;

pub use batch::{Batch, CellKind, Column, Packed, Table};
pub use edit::{Address, ColumnPart, Edit, EditValues, Operation};
pub use error::{EditError, EditFault, PlanError, RunError};
pub use plan::{Kind, Plan, Scope};
