//! What a search looks for, in the three forms it is asked in: of a block, of a row, of a whole trace.

use super::legacy::Legacy;
use super::result;
use crate::pushdown::{any_span, fields, filter};
use crate::{FoundTrace, QueryError, SearchFilter};
use cadenza_block::read::{Filter, Projection};
use cadenza_model::Columns;
use cadenza_model::tree::assemble;
use cadenza_traceql::plan::Condition;
use cadenza_traceql::{Program, TraceInfo, TraceView, parse, plan};

/// A compiled search.
pub(super) struct Matcher {
    /// For blocks: a superset.
    pub(super) filter: Filter,
    /// For single rows: a superset.
    pub(super) candidate_program: Program,
    /// What of a stored trace must be read to judge it and to show it.
    pub(super) projection: Projection,
    kind: Kind,
}

enum Kind {
    TraceQl(Program),
    Legacy(Legacy),
}

impl Matcher {
    pub(super) fn new(search: &SearchFilter) -> Result<Self, QueryError> {
        match search {
            SearchFilter::TraceQl(text) => {
                let query = parse(text).map_err(|error| {
                    QueryError::TraceQl(format!("{error}\n{}", error.caret(text)).trim_end().to_owned())
                })?;
                let program =
                    Program::compile(&query).map_err(|error| QueryError::TraceQl(error.to_string()))?;
                let condition = any_span(&plan(&query).condition);
                let touched: Vec<_> = program.fields().flat_map(fields).collect();
                Ok(Self {
                    filter: filter(&condition),
                    candidate_program: Program::compile_condition(&condition),
                    projection: Projection::fields(&touched),
                    kind: Kind::TraceQl(program),
                })
            }
            SearchFilter::Legacy(wanted) => {
                let legacy = Legacy::new(wanted);
                Ok(Self {
                    filter: legacy.filter(),
                    candidate_program: Program::compile_condition(&Condition::True),
                    projection: legacy.projection(),
                    kind: Kind::Legacy(legacy),
                })
            }
        }
    }

    /// The traces among `traces` (whole, sharing `columns`) that match.
    pub(super) fn judge(
        &self,
        columns: &Columns,
        traces: &[Vec<u32>],
        spans_per_spanset: usize,
        pad_id: bool,
    ) -> Result<Vec<FoundTrace>, QueryError> {
        let mut out = Vec::new();
        match &self.kind {
            Kind::TraceQl(program) => {
                let mut bound = program.bind(columns);
                for rows in traces.iter().filter(|rows| !rows.is_empty()) {
                    let tree = assemble(columns, rows);
                    let info = TraceInfo::collect(columns, rows, tree.root);
                    let view = TraceView { rows, info: &info, tree: Some(&tree) };
                    let spansets =
                        bound.run(&view).map_err(|error| QueryError::Evaluation(error.to_string()))?;
                    if spansets.is_empty() {
                        continue;
                    }
                    let mut found = result::trace(columns, rows, &info, tree.root, pad_id);
                    found.services = result::services(columns, rows);
                    found.spansets = spansets
                        .into_iter()
                        .map(|spanset| {
                            result::spanset(columns, &mut bound, &view, spanset, spans_per_spanset)
                        })
                        .collect();
                    out.push(found);
                }
            }
            Kind::Legacy(legacy) => {
                for rows in traces.iter().filter(|rows| !rows.is_empty()) {
                    let tree = assemble(columns, rows);
                    let info = TraceInfo::collect(columns, rows, tree.root);
                    if legacy.matches(columns, rows, &info) {
                        out.push(result::trace(columns, rows, &info, tree.root, pad_id));
                    }
                }
            }
        }
        Ok(out)
    }
}
