//! The server's own bounds on queries.

/// Bounds that hold for every query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Queries that compute at the same time. Two per core keep the cores busy while one waits for disk;
    /// more only add memory.
    pub concurrent_queries_max: usize,
    /// Queries of one tenant that may wait (`max_outstanding_per_tenant`).
    pub waiting_per_tenant_max: usize,
    /// Longest time a query may take, waiting included (`querier.search.query_timeout`).
    pub deadline_ms: u64,
    /// Most memory the decoded columns and results of one query may hold.
    pub memory_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrent_queries_max: 4,
            waiting_per_tenant_max: 2000,
            deadline_ms: 30_000,
            memory_bytes_max: 256 << 20,
        }
    }
}
