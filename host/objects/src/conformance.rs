//! What the server relies on in a store: every store and every decorator must pass.
//!
//! Failing assertions say what the store did. Objects are left below the prefix that is given, which must be
//! empty at first.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

/// More objects than any store lists in one answer.
const LISTED: usize = 1_100;
/// The least that S3 takes as a part that is not the last.
const PART_BYTES: usize = 5 << 20;

/// Checks all of it.
///
/// # Panics
/// When the store does not do what it must.
pub async fn check(store: &dyn ObjectStore, prefix: &str) {
    objects_are_whole(store, &Path::from(format!("{prefix}/whole"))).await;
    ranges_are_exact(store, &Path::from(format!("{prefix}/ranges"))).await;
    missing_objects_are_named_as_such(store, &Path::from(format!("{prefix}/missing"))).await;
    only_one_creates(store, &Path::from(format!("{prefix}/claims"))).await;
    parts_become_one_object(store, &Path::from(format!("{prefix}/parts"))).await;
    copies_and_deletes(store, &Path::from(format!("{prefix}/copies"))).await;
    listings_are_complete(store, &Path::from(format!("{prefix}/list"))).await;
}

async fn read(store: &dyn ObjectStore, path: &Path) -> object_store::Result<Bytes> {
    store.get(path).await?.bytes().await
}

fn ok<T>(what: &str, result: object_store::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

async fn objects_are_whole(store: &dyn ObjectStore, root: &Path) {
    for (name, bytes) in [("empty", Vec::new()), ("small", b"x".to_vec()), ("large", pattern(3 << 20))] {
        let path = root.clone().join(name);
        ok(name, store.put(&path, bytes.clone().into()).await);
        assert!(ok(name, read(store, &path).await) == bytes, "{name} is not what was written");
        let head = ok(name, store.head(&path).await);
        assert_eq!(head.size, bytes.len() as u64, "the size of {name}");
        assert!(head.last_modified.timestamp() > 1_600_000_000, "{name} has no time: {}", head.last_modified);
        ok("overwriting", store.put(&path, b"new".to_vec().into()).await);
        assert_eq!(ok("after overwriting", read(store, &path).await), "new");
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i) as u8).collect()
}

async fn ranges_are_exact(store: &dyn ObjectStore, root: &Path) {
    let (path, bytes) = (root.clone().join("object"), pattern(3 << 20));
    ok("put", store.put(&path, bytes.clone().into()).await);
    let end = bytes.len() as u64;
    for range in [0..1, 0..end, end - 1..end, 1000..100_000] {
        let part = ok("a range", store.get_range(&path, range.clone()).await);
        assert!(part == bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    let ranges = [5..10, 2_000_000..2_000_100, 12..13, 0..3];
    let parts = ok("several ranges", store.get_ranges(&path, &ranges).await);
    for (range, part) in ranges.iter().zip(parts) {
        assert!(part == bytes[range.start as usize..range.end as usize], "{range:?} of several");
    }
    // Less than asked would be taken for the whole by nobody: either an error, or the length tells.
    if let Ok(part) = store.get_range(&path, end - 5..end + 5).await {
        assert_eq!(part.len(), 5, "a range that goes beyond the end");
    }
}

async fn missing_objects_are_named_as_such(store: &dyn ObjectStore, root: &Path) {
    let path = root.clone().join("nothing");
    for (what, error) in [
        ("get", store.get(&path).await.map(drop)),
        ("head", store.head(&path).await.map(drop)),
        ("range", store.get_range(&path, 0..1).await.map(drop)),
        ("copy", store.copy(&path, &root.clone().join("other")).await),
    ] {
        assert!(matches!(error, Err(Error::NotFound { .. })), "{what} of what is not there: {error:?}");
    }
    match store.delete(&path).await {
        Ok(()) | Err(Error::NotFound { .. }) => {}
        Err(error) => panic!("deleting what is not there: {error}"),
    }
    let listed: Vec<_> = ok("an empty listing", store.list(Some(&path)).try_collect().await);
    assert!(listed.is_empty(), "{listed:?}");
}

async fn only_one_creates(store: &dyn ObjectStore, root: &Path) {
    let path = root.clone().join("claim");
    let create =
        |text: &'static str| store.put_opts(&path, PutPayload::from(text.as_bytes()), PutMode::Create.into());
    ok("creating", create("first").await);
    let second = create("second").await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })), "creating again: {second:?}");
    assert_eq!(ok("the claim", read(store, &path).await), "first");
    ok("deleting", store.delete(&path).await);
    ok("creating after the delete", create("third").await);
}

async fn parts_become_one_object(store: &dyn ObjectStore, root: &Path) {
    let (path, bytes) = (root.clone().join("object"), pattern(2 * PART_BYTES + 77));
    let mut upload = ok("an upload", store.put_multipart(&path).await);
    for part in bytes.chunks(PART_BYTES) {
        ok("a part", upload.put_part(part.to_vec().into()).await);
    }
    assert!(matches!(read(store, &path).await, Err(Error::NotFound { .. })), "seen before it is complete");
    ok("completing", upload.complete().await);
    assert!(ok("the object", read(store, &path).await) == bytes, "parts were lost or mixed");
    let given_up = root.clone().join("given-up");
    let mut upload = ok("an upload", store.put_multipart(&given_up).await);
    ok("a part", upload.put_part(pattern(PART_BYTES).into()).await);
    ok("giving up", upload.abort().await);
    assert!(
        matches!(read(store, &given_up).await, Err(Error::NotFound { .. })),
        "an upload that was given up"
    );
}

async fn copies_and_deletes(store: &dyn ObjectStore, root: &Path) {
    let (from, to) = (root.clone().join("meta.json"), root.clone().join("meta.compacted.json"));
    ok("put", store.put(&from, b"meta".to_vec().into()).await);
    ok("copying", store.copy(&from, &to).await);
    ok("deleting", store.delete(&from).await);
    assert_eq!(ok("the copy", read(store, &to).await), "meta");
    assert!(matches!(read(store, &from).await, Err(Error::NotFound { .. })), "still there after its delete");
}

async fn listings_are_complete(store: &dyn ObjectStore, root: &Path) {
    let name = |i: usize| format!("block-{i:04}");
    let puts = (0..LISTED).map(|i| {
        let path = root.clone().join(name(i)).join("meta.json");
        async move { store.put(&path, b"{}".to_vec().into()).await.map(drop) }
    });
    let puts = futures::stream::iter(puts.map(Ok)).try_for_each_concurrent(16, |put| put);
    ok("many objects", puts.await);
    let mut listed: Vec<_> =
        ok("a listing", store.list(Some(root)).map_ok(|object| object.location).try_collect().await);
    listed.sort();
    let expected: Vec<_> = (0..LISTED).map(|i| root.clone().join(name(i)).join("meta.json")).collect();
    assert!(listed == expected, "{} of {LISTED} objects are listed", listed.len());
    let children = ok("a listing of folders", store.list_with_delimiter(Some(root)).await);
    assert_eq!((children.common_prefixes.len(), children.objects.len()), (LISTED, 0), "folders and objects");
    let offset = root.clone().join(name(LISTED - 2));
    let mut after: Vec<_> = ok(
        "a listing from a key on",
        store.list_with_offset(Some(root), &offset).map_ok(|object| object.location).try_collect().await,
    );
    after.sort();
    assert_eq!(after, expected[LISTED - 2..], "what comes after {offset}");
}
