//! Every store that needs no server, and every decorator, keeps the promises of a store.

use crate::support::{env, store};
use cadenza_env::SystemClock;
use cadenza_objects::decorate::{Counting, Faults, Faulty, Stamp, Stamped};
use cadenza_objects::{Backend, Metrics, conformance, local};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use prometheus::Registry;
use std::sync::Arc;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

#[tokio::test]
async fn a_folder_is_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = Backend::Local(local::Config { path: folder.path().join("blocks") });
    let metrics = Metrics::new(&Registry::new());
    let store = store(&env(None), &[], backend, &metrics).expect("a store");
    conformance::check(store.as_ref(), "tenant").await;
    let read = metrics.request_duration_seconds.with_label_values(&["GET", "200"]).get_sample_count();
    assert!(read > 0, "requests of a folder are timed");
}

#[tokio::test]
async fn what_is_around_a_store_leaves_its_promises_alone() {
    let metrics = Metrics::new(&Registry::new());
    let stamp = Stamp { metadata: [("a".to_owned(), "b".to_owned())].into(), ..Stamp::default() };
    let clock = Arc::new(SystemClock::default());
    let stores: [Arc<dyn ObjectStore>; 4] = [
        memory(),
        Arc::new(Counting::new(memory(), metrics.clone(), Some(clock))),
        Stamped::wrap(memory(), &stamp),
        Arc::new(Faulty::new(memory(), Faults::default())),
    ];
    for store in stores {
        conformance::check(store.as_ref(), "tenant").await;
    }
}

#[tokio::test]
async fn bytes_are_counted() {
    let metrics = Metrics::new(&Registry::new());
    let store = Counting::new(memory(), metrics.clone(), None);
    let path = "t/a".into();
    store.put(&path, vec![0; 100].into()).await.expect("in memory");
    store.get_range(&path, 10..30).await.expect("in memory");
    store.get_ranges(&path, &[0..1, 50..60]).await.expect("in memory");
    assert_eq!((metrics.written_bytes.get(), metrics.read_bytes.get()), (100, 31));
}
