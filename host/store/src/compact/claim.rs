//! Who compacts a block: an object in its directory, created only if none is there.
//!
//! Claims keep two compactors of ours from doing the same work; they are not what correctness rests on. A
//! claim that outlives its holder runs out.

use crate::store::Store;
use crate::{StoreError, layout};
use cadenza_model::TenantId;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use uuid::Uuid;

/// A claim is void after this: longer than a job of the largest size takes.
const CLAIM_S: u64 = 2 * 3600;

/// What a claim says.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Claim {
    /// The compactor.
    owner: String,
    /// Void from then on: seconds since the epoch.
    until_s: u64,
}

impl Store {
    /// Whether the store refuses to create an object that is there already. Where it does not, claims are void,
    /// and two compactors may do the same work.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub async fn keeps_claims(&self, owner: &str) -> Result<bool, StoreError> {
        let path = layout::probe(owner);
        let objects = &self.shared.objects;
        let failed = |error| StoreError::object(&path, error);
        // Whether the first one is refused, too, depends on what a run that ended here has left.
        let mut refused = false;
        for _ in 0..2 {
            let options = PutOptions::from(PutMode::Create);
            refused = match objects.put_opts(&path, owner.to_owned().into(), options).await {
                Ok(_) => false,
                Err(object_store::Error::AlreadyExists { .. }) => true,
                Err(error) => return Err(failed(error)),
            };
        }
        match objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(refused),
            Err(error) => Err(failed(error)),
        }
    }

    /// Claims all of `blocks`, or none of them.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub(crate) async fn claim(
        &self,
        tenant: &TenantId,
        blocks: &[Uuid],
        owner: &str,
    ) -> Result<bool, StoreError> {
        for (at, id) in blocks.iter().enumerate() {
            let claimed = self.claim_one(tenant, *id, owner).await;
            if !matches!(claimed, Ok(true)) {
                self.release(tenant, &blocks[..at]).await;
                return claimed;
            }
        }
        Ok(true)
    }

    /// Gives claims back. One that cannot be removed runs out.
    pub(crate) async fn release(&self, tenant: &TenantId, blocks: &[Uuid]) {
        for id in blocks {
            let path = layout::object(tenant, *id, layout::CLAIM);
            if let Err(error) = self.shared.objects.delete(&path).await
                && !matches!(error, object_store::Error::NotFound { .. })
            {
                tracing::warn!(%tenant, block_id = %id, %error, "a claim could not be removed; it runs out");
            }
        }
    }

    async fn claim_one(&self, tenant: &TenantId, id: Uuid, owner: &str) -> Result<bool, StoreError> {
        let path = layout::object(tenant, id, layout::CLAIM);
        let now_s = self.env.clock.unix_seconds();
        let claim = Claim { owner: owner.to_owned(), until_s: now_s + CLAIM_S };
        let body = serde_json::to_vec(&claim).expect("two plain fields");
        let options = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.shared.objects.put_opts(&path, body.clone().into(), options()).await {
            Ok(_) => return Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(StoreError::object(&path, error)),
        }
        let read = async { self.shared.objects.get(&path).await?.bytes().await };
        let held: Option<Claim> = match read.await {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(StoreError::object(&path, error)),
        };
        // One of our own is from before a crash. A clock that was far ahead must not hold a block for ever.
        let holds =
            |held: &Claim| held.owner != owner && held.until_s > now_s && held.until_s <= now_s + 2 * CLAIM_S;
        if held.as_ref().is_some_and(holds) {
            return Ok(false);
        }
        self.put(path, body.into()).await?;
        Ok(true)
    }
}
