//! The tree of a trace: parents, nested sets, the root, and counts per service.
//!
//! These follow Tempo's rules for stored blocks, so a live trace and its stored form answer structural
//! queries alike. Everything is iterative: parent ids come from clients and may form chains as long as
//! the trace, or cycles.

use crate::{Code, Columns};

/// OTLP's number for a server span.
const KIND_SERVER: i32 = 2;
/// OTLP's number for a client span.
const KIND_CLIENT: i32 = 3;
/// OTLP's number for an error status.
const STATUS_ERROR: i32 = 2;
/// Spans of one id that can be told apart: the client's and the server's half of a shared (Zipkin) span.
const SHARED_MAX: usize = 2;
/// Nested set numbers are two a span and must fit a positive i32.
const SPANS_MAX: usize = (i32::MAX / 2) as usize;

/// "No such span" in [`TraceTree::parent`].
pub const NO_SPAN: u32 = u32::MAX;

/// Positions here are positions in the list of rows that was asked about, not row numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TraceTree {
    /// Pre-order number; 0 when the span isn't connected to a root.
    pub left: Vec<i32>,
    /// Number when left again; 0 as for `left`.
    pub right: Vec<i32>,
    /// `left` of the parent; -1 for a root, 0 when not connected.
    pub parent_left: Vec<i32>,
    /// Direct children; all 0 if no tree was built.
    pub child_count: Vec<i32>,
    /// Position of the parent, or [`NO_SPAN`].
    pub parent: Vec<u32>,
    /// The span that names the trace: the last one without a parent, unless a link says that it has one.
    pub root: Option<usize>,
}

/// Builds trees over one set of columns; keeps its memory between traces.
#[derive(Debug)]
pub struct Assembler<'a> {
    columns: &'a Columns,
    /// Codes of `opentracing.ref_type` and of `child_of`, once a link made us look.
    ref_type: Option<(Vec<Code>, Vec<Code>)>,
    /// (span id, position), sorted.
    by_id: Vec<(u64, u32)>,
    /// Children of position `i`: `children[first_child[i]..first_child[i + 1]]`.
    first_child: Vec<u32>,
    children: Vec<u32>,
    /// (position, next child) of the spans above the one being numbered.
    path: Vec<(u32, u32)>,
}

/// The tree of the trace whose spans are `rows`, in that order.
pub fn assemble(columns: &Columns, rows: &[u32]) -> TraceTree {
    let mut tree = TraceTree::default();
    Assembler::new(columns).assemble(rows, &mut tree);
    tree
}

impl<'a> Assembler<'a> {
    /// For traces in `columns`.
    pub fn new(columns: &'a Columns) -> Self {
        Self {
            columns,
            ref_type: None,
            by_id: Vec::new(),
            first_child: Vec::new(),
            children: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Replaces `tree` by that of the trace whose spans are `rows`, in that order.
    pub fn assemble(&mut self, rows: &[u32], tree: &mut TraceTree) {
        for numbers in [&mut tree.left, &mut tree.right, &mut tree.parent_left, &mut tree.child_count] {
            numbers.clear();
            numbers.resize(rows.len(), 0);
        }
        tree.parent.clear();
        tree.parent.resize(rows.len(), NO_SPAN);
        tree.root = rows.iter().rposition(|&row| self.names_trace(row as usize));
        let rooted = rows.iter().any(|&row| is_root(self.columns, row as usize));
        if !rooted || rows.len() > SPANS_MAX || !self.index(rows) {
            return;
        }
        self.find_parents(rows, tree);
        self.group_children(tree);
        self.number(rows, tree);
    }

    /// A root that no link of type `child_of` ties to another span of its trace.
    fn names_trace(&mut self, row: usize) -> bool {
        if !is_root(self.columns, row) {
            return false;
        }
        let columns = self.columns;
        for link in columns.spans.links(row) {
            if columns.links.trace_id[link] != columns.spans.trace_id[row] {
                continue;
            }
            let (keys, values) = self.ref_type.get_or_insert_with(|| {
                let key = columns.names.codes_of(b"opentracing.ref_type").collect();
                (key, columns.values.codes_of(b"child_of").collect())
            });
            let attrs = &columns.link_attrs;
            let says_child = |i: usize| {
                keys.contains(&attrs.key[i])
                    && attrs.ty[i] == crate::AttrType::Str
                    && values.contains(&(attrs.val[i] as Code))
            };
            if attrs.of(link).any(says_child) {
                return false;
            }
        }
        true
    }

    /// False if more spans share an id than can be told apart.
    fn index(&mut self, rows: &[u32]) -> bool {
        let id = |&row: &u32| self.columns.spans.span_id[row as usize].0;
        self.by_id.clear();
        self.by_id.extend(rows.iter().map(id).zip(0..));
        self.by_id.sort_unstable();
        self.by_id.windows(SHARED_MAX + 1).all(|same| same[0].0 != same[SHARED_MAX].0)
    }

    fn find_parents(&self, rows: &[u32], tree: &mut TraceTree) {
        let spans = &self.columns.spans;
        for (position, &row) in rows.iter().enumerate() {
            let parent = spans.parent_id[row as usize];
            if parent == crate::SpanId::NONE {
                continue;
            }
            let first = self.by_id.partition_point(|&(id, _)| id < parent.0);
            let shared = self.by_id[first..].iter().take_while(|&&(id, _)| id == parent.0);
            let kind = |&(_, at): &(u64, u32)| spans.kind[rows[at as usize] as usize];
            let wanted = if spans.kind[row as usize] == KIND_SERVER { KIND_CLIENT } else { KIND_SERVER };
            let found = match shared.clone().count() {
                1 => shared.clone().next(),
                _ => shared.clone().find(|entry| kind(entry) == wanted),
            };
            if let Some(&(_, at)) = found {
                tree.parent[position] = at;
                tree.child_count[at as usize] += 1;
            }
        }
    }

    /// Lists children by parent, in order of position.
    fn group_children(&mut self, tree: &TraceTree) {
        self.first_child.clear();
        self.first_child.push(0);
        let mut end = 0;
        self.first_child.extend(tree.child_count.iter().map(|&count| {
            end += count as u32;
            end
        }));
        self.children.clear();
        self.children.resize(end as usize, 0);
        // Filled from the back, so that each start ends up where it belongs.
        for (position, &parent) in tree.parent.iter().enumerate().rev() {
            if parent != NO_SPAN {
                let slot = &mut self.first_child[parent as usize + 1];
                *slot -= 1;
                self.children[*slot as usize] = position as u32;
            }
        }
        // Entry `i + 1` is now the start of `i`: shift by one.
        self.first_child.remove(0);
        self.first_child.push(end);
    }

    fn number(&mut self, rows: &[u32], tree: &mut TraceTree) {
        let mut next = 0;
        for (root, &row) in rows.iter().enumerate() {
            if !is_root(self.columns, row as usize) {
                continue;
            }
            tree.parent_left[root] = -1;
            next += 1;
            tree.left[root] = next;
            self.path.push((root as u32, self.first_child[root]));
            while let Some((at, child)) = self.path.last_mut() {
                let at = *at as usize;
                next += 1;
                if *child == self.first_child[at + 1] {
                    tree.right[at] = next;
                    self.path.pop();
                    continue;
                }
                let down = self.children[*child as usize] as usize;
                *child += 1;
                tree.left[down] = next;
                tree.parent_left[down] = tree.left[at];
                self.path.push((down as u32, self.first_child[down]));
            }
        }
    }
}

/// True without a parent id. A parent id of odd length is one, even if nothing can match it.
fn is_root(columns: &Columns, row: usize) -> bool {
    let spans = &columns.spans;
    spans.parent_id[row] == crate::SpanId::NONE
        && (spans.odd_parents.is_empty()
            || spans.odd_parents.binary_search_by_key(&(row as u32), |odd| odd.0).is_err())
}

/// Spans of one service in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStat {
    /// Number of the service, as the caller counts them.
    pub service: u32,
    /// Spans.
    pub spans: u32,
    /// Spans with status ERROR.
    pub errors: u32,
}

/// Counts of the trace whose spans are `rows`, by ascending number of the service; `service_of` numbers
/// the service of a row.
pub fn service_stats(
    columns: &Columns,
    rows: &[u32],
    mut service_of: impl FnMut(u32) -> u32,
    stats: &mut Vec<ServiceStat>,
) {
    stats.clear();
    for &row in rows {
        let service = service_of(row);
        let errors = u32::from(columns.spans.status[row as usize] == STATUS_ERROR);
        match stats.last_mut() {
            Some(stat) if stat.service == service => {
                stat.spans += 1;
                stat.errors += errors;
            }
            _ => stats.push(ServiceStat { service, spans: 1, errors }),
        }
    }
    stats.sort_unstable_by_key(|stat| stat.service);
    stats.dedup_by(|next, kept| {
        let same = next.service == kept.service;
        if same {
            kept.spans += next.spans;
            kept.errors += next.errors;
        }
        same
    });
}

#[cfg(test)]
mod tests;
