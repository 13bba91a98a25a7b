//! The tenant index: the metas of all of a tenant's blocks in one object, as Tempo keeps it.
//!
//! Tempo's queriers live by it. For us a listing says which blocks there are, and the index spares reading
//! the meta of each; who is told to build nothing lives by it as they do.

mod json;
mod proto;

use crate::blocklist::Listed;
use crate::store::Store;
use crate::{StoreError, layout};
use bytes::Bytes;
use cadenza_block::meta::{BlockMeta, Time};
use cadenza_model::TenantId;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::io::{self, Read};

/// Longest index that is read, unpacked: about 500,000 blocks. Without it metas are read one by one.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// What an index says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TenantIndex {
    /// When it was built, by the builder's clock.
    pub(crate) created_at: Time,
    pub(crate) live: Vec<BlockMeta>,
    /// With the time at which they were marked, in seconds since the epoch.
    pub(crate) compacted: Vec<(BlockMeta, u64)>,
    /// Built by a Cadenza, so that our own fields of metas are in it.
    pub(crate) is_ours: bool,
}

/// Why an index is not used, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be packed or unpacked, or is too long.
    #[error("{0}")]
    Packing(#[from] io::Error),
    /// Not a tenant index.
    #[error("{0}")]
    Malformed(String),
}

impl IndexError {
    fn panicked() -> Self {
        Self::Malformed("the code that reads and writes it failed".to_owned())
    }
}

impl Store {
    /// The tenant's index, the newer form first; `None` where there is none.
    pub(crate) async fn read_index(&self, tenant: &TenantId) -> Result<Option<TenantIndex>, StoreError> {
        type Parse = fn(&[u8]) -> Result<TenantIndex, IndexError>;
        let forms: [(Path, Parse); 2] =
            [(layout::index_proto(tenant), proto::parse), (layout::index_json(tenant), json::parse)];
        for (path, parse) in forms {
            let read = async { self.shared.objects.get(&path).await?.bytes().await };
            match read.await {
                Ok(bytes) => {
                    let parsed = self.env.spawn.blocking("tenant-index", move || parse(&bytes)).await;
                    let parsed = parsed.unwrap_or_else(|| Err(IndexError::panicked()));
                    return parsed
                        .map(Some)
                        .map_err(|source| StoreError::Index { path: path.to_string(), source });
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::object(&path, error)),
            }
        }
        Ok(None)
    }

    /// Writes both forms, or deletes them when there are no blocks.
    pub(crate) async fn write_index(&self, tenant: &TenantId, listed: &Listed) -> Result<(), StoreError> {
        let (proto_path, json_path) = (layout::index_proto(tenant), layout::index_json(tenant));
        if listed.live.is_empty() && listed.compacted.is_empty() {
            for path in [proto_path, json_path] {
                match self.shared.objects.delete(&path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(StoreError::object(&path, error)),
                }
            }
            return Ok(());
        }
        let created_at = Time::from_ns(self.env.clock.unix_ns());
        let listed = listed.clone();
        let encode = move || -> Result<(Vec<u8>, Vec<u8>), IndexError> {
            Ok((proto::encode(created_at, &listed)?, json::encode(created_at, &listed)?))
        };
        let encoded = self.env.spawn.blocking("tenant-index", encode).await;
        let encoded = encoded.unwrap_or_else(|| Err(IndexError::panicked()));
        let (proto, json) =
            encoded.map_err(|source| StoreError::Index { path: proto_path.to_string(), source })?;
        self.put(proto_path, Bytes::from(proto)).await?;
        self.put(json_path, Bytes::from(json)).await
    }
}

/// Whether all our own fields of all metas are known.
fn is_complete(listed: &Listed) -> bool {
    let compacted = listed.compacted.iter().map(|compacted| &compacted.block);
    listed.live.iter().chain(compacted).all(|block| !block.is_provisional())
}

/// All of it, if that is not too long.
fn unpack(reader: impl Read) -> Result<Vec<u8>, IndexError> {
    let mut out = Vec::new();
    reader.take(INDEX_BYTES_MAX + 1).read_to_end(&mut out)?;
    if out.len() as u64 > INDEX_BYTES_MAX {
        return Err(io::Error::other(format!("more than the limit of {INDEX_BYTES_MAX} bytes")).into());
    }
    Ok(out)
}

/// Reads any bytes as an index of either form, packed or not: for fuzzing.
pub(crate) fn fuzz_tenant_index(data: &[u8]) {
    let _ = proto::parse(data);
    let _ = json::parse(data);
    let _ = proto::parse_unpacked(data);
    let _ = json::parse_unpacked(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tempo-3.0.3");

    fn fixture(name: &str) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "a file of the repository")]
        std::fs::read(format!("{FIXTURES}/{name}")).expect("a fixture")
    }

    #[test]
    fn both_forms_that_tempo_wrote_say_the_same() {
        for version in ["vParquet4", "vParquet5"] {
            let proto =
                proto::parse(&fixture(&format!("{version}/single-tenant/index.pb.zst"))).expect("an index");
            let json =
                json::parse(&fixture(&format!("{version}/single-tenant/index.json.gz"))).expect("an index");
            assert_eq!(proto, json);
            assert!(!proto.is_ours);
            let [block] = &proto.live[..] else { panic!("one block: {proto:?}") };
            let meta = fixture(&format!("{version}/single-tenant/{}/meta.json", block.block_id));
            assert_eq!(*block, BlockMeta::parse(&meta).expect("a meta"));
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic() {
        let whole = proto::unpacked(&fixture("vParquet4/single-tenant/index.pb.zst")).expect("unpacks");
        for cut in 0..whole.len() {
            fuzz_tenant_index(&whole[..cut]);
            let mut flipped = whole.clone();
            flipped[cut] ^= 0x55;
            fuzz_tenant_index(&flipped);
        }
        assert!(proto::parse(b"no zstd").is_err());
        assert!(json::parse(b"no gzip").is_err());
    }
}
