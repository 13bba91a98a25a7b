//! What every written object carries: tags, storage class, metadata.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, TagSet,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What is put on an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Tags, where the store has them.
    pub tags: BTreeMap<String, String>,
    /// Metadata of the user's.
    pub metadata: BTreeMap<String, String>,
    /// The class of storage; empty for the bucket's own.
    pub storage_class: String,
    /// The `Cache-Control` that the object is served with; empty for none.
    pub cache_control: String,
}

impl Stamp {
    fn tag_set(&self) -> TagSet {
        let mut set = TagSet::default();
        self.tags.iter().for_each(|(key, value)| set.push(key, value));
        set
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        let mut insert = |attribute, value: &str| {
            if !value.is_empty() {
                attributes.insert(attribute, AttributeValue::from(value.to_owned()));
            }
        };
        for (key, value) in &self.metadata {
            insert(Attribute::Metadata(key.clone().into()), value);
        }
        insert(Attribute::StorageClass, &self.storage_class);
        insert(Attribute::CacheControl, &self.cache_control);
        attributes
    }
}

/// Stamps what is written; everything else goes through. A copy keeps the stamp of its source.
pub struct Stamped {
    inner: Arc<dyn ObjectStore>,
    tags: TagSet,
    attributes: Attributes,
}

impl Stamped {
    /// `inner` itself where there is nothing to put on objects.
    pub fn wrap(inner: Arc<dyn ObjectStore>, stamp: &Stamp) -> Arc<dyn ObjectStore> {
        if *stamp == Stamp::default() {
            return inner;
        }
        Arc::new(Self { inner, tags: stamp.tag_set(), attributes: stamp.attributes() })
    }
}

impl std::fmt::Debug for Stamped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stamped({})", self.inner)
    }
}

impl std::fmt::Display for Stamped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Stamped {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let opts = PutOptions { tags: self.tags.clone(), attributes: self.attributes.clone(), ..opts };
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let opts =
            PutMultipartOptions { tags: self.tags.clone(), attributes: self.attributes.clone(), ..opts };
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn objects_carry_what_is_configured() {
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let stamp = Stamp {
            metadata: [("team".to_owned(), "sre".to_owned())].into(),
            cache_control: "no-cache".to_owned(),
            ..Stamp::default()
        };
        let store = Stamped::wrap(Arc::clone(&memory), &stamp);
        let (whole, parts) = (Path::from("t/a"), Path::from("t/b"));
        store.put(&whole, b"x".to_vec().into()).await.expect("in memory");
        let mut upload = store.put_multipart(&parts).await.expect("in memory");
        upload.put_part(b"x".to_vec().into()).await.expect("in memory");
        upload.complete().await.expect("in memory");
        for path in [whole, parts] {
            let attributes = memory.get(&path).await.expect("written").attributes;
            let team = attributes.get(&Attribute::Metadata("team".into())).map(AsRef::as_ref);
            let cache = attributes.get(&Attribute::CacheControl).map(AsRef::as_ref);
            assert_eq!((team, cache), (Some("sre"), Some("no-cache")), "{path}");
        }
    }
}
