//! A bucket that may fail, and what is visible in it.

use cadenza_block::read::Projection;
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_env::{Env, ManualClock, RealDisk, SeededRandom, TokioSpawn};
use cadenza_model::{Columns, SpanId, TenantId, TraceId, otlp};
use cadenza_objects::decorate::{Faults, Faulty};
use cadenza_store::compact::{CompactionConfig, Selection, TenantCompaction, TenantSettings};
use cadenza_store::{Config, Metrics, Store};
use cadenza_traffic::Exporter;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use prometheus::Registry;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use uuid::Uuid;

/// Spans by identity.
pub(crate) type Spans = Vec<(TraceId, SpanId, i32)>;

/// One tenant's settings for all.
pub(crate) struct Settings(pub(crate) TenantCompaction);

impl TenantSettings for Settings {
    fn compaction(&self, _tenant: &TenantId) -> TenantCompaction {
        self.0
    }
}

pub(crate) fn settings() -> TenantCompaction {
    TenantCompaction {
        window: Duration::ZERO,
        disabled: false,
        retention: Duration::ZERO,
        retention_explicit: true,
        compacted_retention: Duration::from_secs(3600),
    }
}

pub(crate) fn config(owner: &str) -> CompactionConfig {
    CompactionConfig {
        owner: owner.to_owned(),
        selection: Selection::default(),
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 102_400,
        row_group_bytes_max: 100_000_000,
        tenant_time_max: Duration::from_secs(300),
        dry_run: false,
    }
}

/// A bucket and a process over it.
pub(crate) struct Rig {
    pub(crate) bucket: Arc<InMemory>,
    pub(crate) clock: ManualClock,
    pub(crate) faults: Faults,
    pub(crate) store: Arc<Store>,
    env: Env,
}

impl Rig {
    /// Over an empty bucket. The clock shows the real time: the bucket's objects have it.
    pub(crate) fn new() -> Self {
        let now = cadenza_env::Clock::unix_ns(&cadenza_env::SystemClock::default());
        Self::over(Arc::new(InMemory::new()), ManualClock::at(now), Config::default())
    }

    /// Another process over the same bucket that has listed nothing yet, by settings of its own.
    pub(crate) fn configured(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self::over(Arc::clone(&self.bucket), self.clock.clone(), config)
    }

    fn over(bucket: Arc<InMemory>, clock: ManualClock, config: Config) -> Self {
        let env = Env {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(Handle::current())),
        };
        let faults = Faults::default();
        let faulty = Arc::new(Faulty::new(Arc::clone(&bucket) as Arc<dyn ObjectStore>, faults.clone()));
        let store =
            Store::new(env.clone(), config, Metrics::new(&Registry::new()), faulty, Handle::current());
        Self { bucket, clock, faults, store: Arc::new(store), env }
    }

    /// Another process over the same bucket, which has listed it.
    pub(crate) async fn another(&self) -> Self {
        let rig = Self::over(Arc::clone(&self.bucket), self.clock.clone(), Config::default());
        rig.store.poll().await.expect("a bucket that answers");
        rig
    }

    /// The same bucket's content in a bucket of its own, listed.
    pub(crate) async fn copied(&self) -> Self {
        let copy = InMemory::new();
        let objects: Vec<_> = self.bucket.list(None).try_collect().await.expect("in memory");
        for object in objects {
            let read = self.bucket.get_opts(&object.location, Default::default()).await.expect("listed");
            let bytes = read.bytes().await.expect("in memory");
            copy.put_opts(&object.location, bytes.into(), Default::default()).await.expect("in memory");
        }
        let rig = Self::over(Arc::new(copy), self.clock.clone(), Config::default());
        rig.store.poll().await.expect("a bucket that answers");
        rig
    }

    /// Names of all objects.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let listed = self.bucket.list(None).map_ok(|object| object.location.to_string());
        let mut names: Vec<String> = listed.try_collect().await.expect("in memory");
        names.sort();
        names
    }

    /// Names of all objects of blocks.
    pub(crate) async fn block_objects(&self) -> Vec<String> {
        let is_index = |name: &String| name.ends_with("/index.pb.zst") || name.ends_with("/index.json.gz");
        self.objects().await.into_iter().filter(|name| !is_index(name)).collect()
    }

    /// All spans of all blocks that queries see, sorted.
    pub(crate) async fn visible(&self) -> Spans {
        let blocks = self.store.blocks(&TenantId::single());
        let read = self.env.spawn.blocking("read", move || {
            let mut out = Spans::new();
            for block in blocks.iter() {
                let reader = block.reader().expect("a block");
                let rows: Vec<u32> = (0..reader.rows().expect("a footer")).collect();
                let spans = reader.read_traces(&rows, &Projection::full()).expect("readable").columns.spans;
                out.extend(
                    (0..spans.len()).map(|row| (spans.trace_id[row], spans.span_id[row], spans.kind[row])),
                );
            }
            out.sort_unstable();
            out
        });
        read.await.expect("no panic")
    }

    /// Writes blocks of `spans` spans each, whose traces overlap, all of which end just now.
    pub(crate) async fn fill(&self, blocks: usize, spans: usize) -> Spans {
        let mut all = Spans::new();
        for (number, columns) in (1..).zip(self.traffic(blocks, spans)) {
            let ids = &columns.spans;
            all.extend((0..ids.len()).map(|row| (ids.trace_id[row], ids.span_id[row], ids.kind[row])));
            self.put(number, &columns, |_| {}).await;
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Spans of some traces, dealt over several batches.
    pub(crate) fn traffic(&self, batches: usize, spans: usize) -> Vec<Columns> {
        let start_ns = cadenza_env::Clock::unix_ns(&self.clock) - 1_000_000_000;
        let mut exporter = Exporter::new(1, start_ns, 1000, spans);
        let mut out = vec![Columns::new(); batches];
        let mut decoded = Columns::new();
        while decoded.spans.len() < batches * spans {
            otlp::decode(&exporter.next_request().encode_to_vec(), &mut decoded).expect("our own traffic");
        }
        for row in 0..decoded.spans.len() as u32 {
            let home = row as usize * batches / decoded.spans.len();
            // One in nine lies in two blocks: as where an exporter tried again.
            let homes = if row.is_multiple_of(9) { vec![home, (home + 1) % batches] } else { vec![home] };
            for home in homes {
                out[home].append_rows(&decoded, &[row]).expect("within 32 bits");
            }
        }
        out
    }

    /// Writes a block as a builder does, changed by `change`.
    pub(crate) async fn put(&self, number: u128, columns: &Columns, change: impl FnOnce(&mut BuiltBlock)) {
        let mut options = WriteOptions::new(Uuid::from_u128(number), TenantId::single());
        options.end_cap_ns = cadenza_env::Clock::unix_ns(&self.clock);
        let mut block = build(columns, &options).expect("a block");
        change(&mut block);
        self.store.put_block(&TenantId::single(), block).await.expect("a bucket that works");
    }

    pub(crate) async fn compact(&self) -> cadenza_store::compact::CycleReport {
        self.store.compact(&config("one"), &Settings(settings())).await.expect("a bucket that answers")
    }
}
