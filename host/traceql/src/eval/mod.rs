//! Running a query over the spans of a trace.
//!
//! [`Program`] is compiled once per query, [`Bound`] resolves its names in the dictionaries of one set
//! of columns, and then each trace in them is asked. Tests on a span allocate nothing; answers about text
//! that repeats (patterns, resources) are remembered per set of columns.

mod aggregate;
mod bind;
mod compile;
mod condition;
mod fields;
mod ops;
mod pipeline;
mod program;
mod run;
mod structural;
mod touch;
mod value;

pub use bind::Bound;
pub use condition::LeafTest;
pub use pipeline::Spanset;
pub use program::Program;
pub use touch::Shown;
pub use value::Value;

pub(crate) use compile::fold;
pub(crate) use condition::reads_items;

use cadenza_model::tree::TraceTree;
use cadenza_model::{Columns, TraceId};

/// What is known of a trace as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceInfo<'a> {
    /// Whose spans these are.
    pub trace_id: TraceId,
    /// Earliest start of a span.
    pub start_ns: u64,
    /// Latest end of a span.
    pub end_ns: u64,
    /// Name of the root span; empty without one.
    pub root_name: &'a str,
    /// Its service; empty without a root.
    pub root_service: &'a str,
}

/// One trace in a set of columns.
#[derive(Debug, Clone, Copy)]
pub struct TraceView<'a> {
    /// Its spans. Positions in results are positions in this list.
    pub rows: &'a [u32],
    /// The trace as a whole.
    pub info: &'a TraceInfo<'a>,
    /// Numbers by position; without it they read as 0. See [`Program::needs_tree`].
    pub tree: Option<&'a TraceTree>,
}

impl<'a> TraceInfo<'a> {
    /// Collects it from the spans of a trace; `root` is a position in `rows`. `rows` must not be empty.
    pub fn collect(columns: &'a Columns, rows: &[u32], root: Option<usize>) -> Self {
        let spans = &columns.spans;
        let mut info = Self {
            trace_id: rows.first().map(|&row| spans.trace_id[row as usize]).unwrap_or_default(),
            start_ns: u64::MAX,
            end_ns: 0,
            root_name: "",
            root_service: "",
        };
        for &row in rows {
            info.start_ns = info.start_ns.min(spans.start_ns[row as usize]);
            info.end_ns = info.end_ns.max(spans.end_ns[row as usize]);
        }
        if let Some(&row) = root.and_then(|at| rows.get(at)) {
            info.root_name = columns.names.str(spans.name[row as usize]);
            info.root_service = columns.service_name(row as usize).unwrap_or_default();
        }
        info
    }
}
