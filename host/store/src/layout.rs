//! Names of objects. The only place that builds a key.

use cadenza_model::TenantId;
use object_store::path::Path;
use uuid::Uuid;

/// Makes a block exist; written last.
pub(crate) const META: &str = "meta.json";
/// Replaces [`META`] once the block is superseded or past retention.
pub(crate) const META_COMPACTED: &str = "meta.compacted.json";
/// All traces of the block.
pub(crate) const DATA: &str = "data.parquet";
/// Keeps compactors off a block that its writer is not done with.
pub(crate) const NO_COMPACT: &str = "nocompact.flg";
/// Ours: who is compacting the block, and until when.
pub(crate) const CLAIM: &str = "cadenza.claim";
/// Ours: the block is being written by a compactor. Without a meta and after a while, its objects are rubbish.
pub(crate) const UNFINISHED: &str = "cadenza.unfinished";
/// Job list of Tempo's scheduler, at the root: fresh while one runs.
pub(crate) const SCHEDULER_JOBS: &str = "work.json";
/// Highest trace id per row group.
pub(crate) const INDEX: &str = "index";

/// Ours, at the root and only for a moment: whether the store keeps conditions of writes.
pub(crate) fn probe(owner: &str) -> Path {
    Path::from(format!("cadenza.probe.{owner}"))
}

/// `<tenant>`.
pub(crate) fn tenant(tenant: &TenantId) -> Path {
    // Not `Path::from`: it percent-encodes characters that Tempo's tenant ids may hold, such as `*`.
    Path::parse(tenant.as_str()).expect("a validated tenant id is one clean path segment")
}

/// `<tenant>/index.pb.zst`: the tenant index, the form that is preferred.
pub(crate) fn index_proto(id: &TenantId) -> Path {
    tenant(id).join("index.pb.zst")
}

/// `<tenant>/index.json.gz`: the tenant index, the older form.
pub(crate) fn index_json(id: &TenantId) -> Path {
    tenant(id).join("index.json.gz")
}

/// `<tenant>/<block id>/<name>`.
pub(crate) fn object(tenant: &TenantId, block_id: Uuid, name: &str) -> Path {
    Path::parse(format!("{tenant}/{block_id}/{name}")).expect("validated tenant, UUID and constant name")
}

/// `<tenant>/<block id>`, below which all objects of the block lie.
pub(crate) fn block(tenant: &TenantId, block_id: Uuid) -> Path {
    Path::parse(format!("{tenant}/{block_id}")).expect("validated tenant and UUID")
}

/// `<tenant>/<block id>/bloom-<shard>`.
pub(crate) fn bloom(tenant: &TenantId, block_id: Uuid, shard: usize) -> Path {
    object(tenant, block_id, &format!("bloom-{shard}"))
}

/// The block id and object name of a key `<tenant>/<block id>/<name>`; `None` for anything else.
pub(crate) fn parse_block_object(path: &Path) -> Option<(Uuid, &str)> {
    let mut parts = path.as_ref().rsplitn(3, '/');
    let name = parts.next()?;
    let block_id = Uuid::try_parse(parts.next()?).ok()?;
    parts.next()?;
    Some((block_id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_characters_reach_the_bucket_unchanged() {
        for id in ["single-tenant", "a!b_c.d*e'(f)-1"] {
            let id = TenantId::parse(id).expect("a valid id");
            assert_eq!(tenant(&id).as_ref(), id.as_str());
        }
    }

    #[test]
    fn only_objects_inside_a_uuid_directory_belong_to_a_block() {
        let id = "3b538a97-b4f6-44ad-9482-32a7fe57b172";
        let check = |path: &str, expect: Option<&str>| {
            let path = Path::parse(path).expect("a clean path");
            assert_eq!(parse_block_object(&path).map(|(_, name)| name), expect, "{path}");
        };
        check(&format!("t/{id}/meta.json"), Some("meta.json"));
        check(&format!("prefix/t/{id}/bloom-0"), Some("bloom-0"));
        check("t/index.json.gz", None);
        check("t/not-a-uuid/meta.json", None);
        check(&format!("{id}/meta.json"), None);
    }
}
