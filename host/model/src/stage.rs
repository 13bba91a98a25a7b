//! One span's way as types: a stage hands the next a value that could not exist without it.
//!
//! `Received → Admitted → Processed` is the only order in which a batch can be built, and the log takes
//! nothing but `Processed`: an unchecked or unscrubbed batch cannot reach a disk.

use crate::{Columns, TenantId};

/// Spans of one tenant at a stage of their way.
#[derive(Debug)]
pub struct SpanBatch<S> {
    tenant: TenantId,
    columns: Columns,
    state: S,
}

/// Decoded from the wire, nothing checked against limits yet.
#[derive(Debug)]
pub struct Received(());

/// Within the tenant's limits; `R` is what was reserved for it in the tenant's ledger.
#[derive(Debug)]
pub struct Admitted<R> {
    reservation: R,
}

/// Through the tenant's plugin chain; `chain_digest` names the chain version (all zero: empty chain).
#[derive(Debug)]
pub struct Processed<R> {
    reservation: R,
    chain_digest: [u8; 32],
}

impl<S> SpanBatch<S> {
    /// Whose spans these are.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The spans.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl SpanBatch<Received> {
    /// What a receiver decoded.
    pub fn received(tenant: TenantId, columns: Columns) -> Self {
        Self { tenant, columns, state: Received(()) }
    }

    /// For admission, which may remove rejected spans before it admits the rest.
    pub fn columns_mut(&mut self) -> &mut Columns {
        &mut self.columns
    }

    /// Within limits, holding `reservation`.
    pub fn admit<R>(self, reservation: R) -> SpanBatch<Admitted<R>> {
        SpanBatch { tenant: self.tenant, columns: self.columns, state: Admitted { reservation } }
    }
}

impl<R> SpanBatch<Admitted<R>> {
    /// Runs the chain over the spans; its digest is recorded with them. What the chain removes, it must give
    /// back of the reservation.
    pub fn process<E>(
        mut self,
        chain: impl FnOnce(&mut Columns, &mut R) -> Result<[u8; 32], E>,
    ) -> Result<SpanBatch<Processed<R>>, E> {
        let chain_digest = chain(&mut self.columns, &mut self.state.reservation)?;
        let state = Processed { reservation: self.state.reservation, chain_digest };
        Ok(SpanBatch { tenant: self.tenant, columns: self.columns, state })
    }
}

impl<R> SpanBatch<Processed<R>> {
    /// Version of the chain that processed the batch.
    pub fn chain_digest(&self) -> &[u8; 32] {
        &self.state.chain_digest
    }

    /// Ends the batch's way: what indexing commits, and the columns for reuse.
    pub fn into_parts(self) -> (TenantId, Columns, R) {
        (self.tenant, self.columns, self.state.reservation)
    }
}
