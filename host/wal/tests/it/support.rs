//! Batches, comparisons and logs for the tests.

use cadenza_env::sim::{SimDisk, SimSpawn};
use cadenza_env::{Disk, Env, ManualClock, Random, SeededRandom};
use cadenza_model::{AttrType, Attrs, Columns, SpanBatch, SpanId, TenantId, TraceId, otlp};
use cadenza_traffic::Exporter;
use cadenza_wal::{Appending, Committer, Config, Control, Damage, FramePos, ReplayItem, ReplayStats, Wal};
use prometheus::Registry;
use prost::Message;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub(crate) const START_NS: u64 = 1_760_000_000_000_000_000;
pub(crate) const DIR: &str = "/wal";

/// Realistic requests of about `spans` spans, decoded.
pub(crate) fn traffic(seed: u64, requests: usize, spans: usize) -> Vec<Columns> {
    let mut exporter = Exporter::new(seed, START_NS, 3_000_000, spans);
    let mut decoded = Vec::new();
    for _ in 0..requests {
        let mut columns = Columns::new();
        otlp::decode(&exporter.next_request().encode_to_vec(), &mut columns).expect("traffic decodes");
        decoded.push(columns);
    }
    decoded
}

fn pick(random: &dyn Random, from: &[u64]) -> u64 {
    let at = random.below(from.len() as u64 + 2) as usize;
    from.get(at).copied().unwrap_or_else(|| random.next_u64())
}

fn attrs(random: &dyn Random, columns: &mut Columns, owners: usize) -> Attrs {
    let mut attrs = Attrs::default();
    for _ in 0..owners {
        for _ in 0..random.below(5) {
            let key = format!("key.{}", random.below(6));
            let key = if random.below(4) == 0 { "service.name".to_owned() } else { key };
            let key = columns.names.intern(key.as_bytes());
            let ty = AttrType::from_u8(random.below(9) as u8).expect("a type");
            let text = format!("wert-ü-{}", random.below(20));
            let val = match ty {
                AttrType::Absent | AttrType::Empty => 0,
                AttrType::Bool => random.below(2),
                AttrType::Int => pick(random, &[0, 1, u64::MAX, 1 << 63]),
                AttrType::Double => pick(random, &[0, f64::NAN.to_bits(), 1.5f64.to_bits()]),
                AttrType::Str => u64::from(columns.values.intern(text.as_bytes())),
                AttrType::Array | AttrType::Map | AttrType::Bytes => {
                    u64::from(columns.raw.push(&random.next_u64().to_le_bytes()))
                }
            };
            attrs.push(key, ty, val);
        }
        attrs.end_owner();
    }
    attrs
}

/// Columns with everything the model can hold, extremes included; consistent, but not compact.
pub(crate) fn wild(seed: u64, rows: usize) -> Columns {
    let random = &SeededRandom::new(seed);
    let mut columns = Columns::new();
    let resources = 1 + random.below(3) as usize;
    let scopes = resources + random.below(3) as usize;
    let name = |columns: &mut Columns| columns.names.intern(format!("name {}", random.below(9)).as_bytes());
    let value = |columns: &mut Columns| columns.values.intern(format!("väl {}", random.below(9)).as_bytes());
    let small = |_: &mut Columns| pick(random, &[0, 0, 0, 7]) as u32;
    for _ in 0..resources {
        let code = name(&mut columns);
        columns.resources.schema_url.push(code);
        columns.resources.dropped_attributes.push(small(&mut Columns::new()));
        columns.resources.presence.push(random.below(2) as u8);
    }
    columns.resource_attrs = attrs(random, &mut columns, resources);
    for scope in 0..scopes {
        columns.scopes.resource.push((scope % resources) as u32);
        let codes = [name(&mut columns), name(&mut columns), name(&mut columns)];
        columns.scopes.name.push(codes[0]);
        columns.scopes.version.push(codes[1]);
        columns.scopes.schema_url.push(codes[2]);
        columns.scopes.dropped_attributes.push(small(&mut Columns::new()));
        columns.scopes.presence.push(random.below(2) as u8);
    }
    columns.scope_attrs = attrs(random, &mut columns, scopes);
    for row in 0..rows {
        wild_span(random, &mut columns, row, scopes);
    }
    columns.span_attrs = attrs(random, &mut columns, rows);
    let (events, links) = (columns.events.time_ns.len(), columns.links.flags.len());
    columns.event_attrs = attrs(random, &mut columns, events);
    columns.link_attrs = attrs(random, &mut columns, links);
    // Something nobody refers to.
    columns.values.push(b"nobody refers to this");
    let _ = value(&mut columns);
    columns.check().expect("wild columns are consistent");
    columns
}

fn wild_span(random: &dyn Random, columns: &mut Columns, row: usize, scopes: usize) {
    let name = columns.names.intern(format!("span {}", random.below(9)).as_bytes());
    let message = columns.values.intern(format!("ä{}", random.below(4)).as_bytes());
    let state = if random.below(2) == 0 { 0 } else { columns.values.intern(b"vendor=1") };
    let mut id = [0; 16];
    id[15] = random.below(5) as u8;
    let spans = &mut columns.spans;
    spans.trace_id.push(TraceId(id));
    spans.span_id.push(SpanId(pick(random, &[0, 1, row as u64, u64::MAX])));
    let parent = match random.below(3) {
        0 => SpanId::NONE,
        1 => spans.span_id[random.below(row as u64 + 1) as usize],
        _ => SpanId(random.next_u64()),
    };
    spans.parent_id.push(parent);
    spans.start_ns.push(pick(random, &[0, START_NS, u64::MAX, START_NS + row as u64]));
    spans.end_ns.push(pick(random, &[0, START_NS, u64::MAX, START_NS + 5]));
    spans.kind.push(pick(random, &[0, 1, 2, 300]) as i32);
    spans.status.push(pick(random, &[0, 1, 2]) as i32);
    spans.flags.push(pick(random, &[0, 1, 0x300]) as u32);
    spans.name.push(name);
    spans.message.push(message);
    spans.trace_state.push(state);
    spans.dropped_attributes.push(pick(random, &[0, 0, 3]) as u32);
    spans.dropped_events.push(pick(random, &[0, 0, 3]) as u32);
    spans.dropped_links.push(pick(random, &[0, 0, 3]) as u32);
    spans.scope.push(random.below(scopes as u64) as u32);
    spans.presence.push(random.below(2) as u8);
    spans.wire_bytes.push(random.below(900) as u32);
    if random.below(8) == 0 {
        spans.parent_id[row] = SpanId::NONE;
        spans.odd_parents.push((row as u32, columns.raw.push(&[1, 2, 3])));
    }
    for _ in 0..random.below(3) {
        columns.events.time_ns.push(pick(random, &[0, START_NS]));
        columns.events.name.push(name);
        columns.events.dropped_attributes.push(random.below(2) as u32);
    }
    for _ in 0..random.below(3) {
        let links = &mut columns.links;
        links.trace_id.push(TraceId([random.below(200) as u8; 16]));
        links.span_id.push(SpanId(random.next_u64()));
        links.trace_state.push(state);
        links.flags.push(random.below(4) as u32);
        links.dropped_attributes.push(random.below(2) as u32);
        if random.below(4) == 0 {
            let odd = (columns.raw.push(b"short"), columns.raw.push(b""));
            links.odd_ids.push((links.flags.len() as u32 - 1, odd.0, odd.1));
        }
    }
    columns.spans.event_ends.push(columns.events.time_ns.len() as u32);
    columns.spans.link_ends.push(columns.links.flags.len() as u32);
}

/// Every field of two batches, told apart by name.
pub(crate) fn assert_same(a: &Columns, b: &Columns) {
    macro_rules! same {
        ($($($field:ident).+),* $(,)?) => {
            $(assert_eq!(a.$($field).+, b.$($field).+, stringify!($($field).+));)*
        };
    }
    same!(
        spans.trace_id,
        spans.span_id,
        spans.parent_id,
        spans.start_ns,
        spans.end_ns,
        spans.kind,
        spans.status,
        spans.flags,
        spans.name,
        spans.message,
        spans.trace_state,
        spans.dropped_attributes,
        spans.dropped_events,
        spans.dropped_links,
        spans.scope,
        spans.event_ends,
        spans.link_ends,
        spans.presence,
        spans.wire_bytes,
        spans.odd_parents,
        events.time_ns,
        events.name,
        events.dropped_attributes,
        links.trace_id,
        links.span_id,
        links.trace_state,
        links.flags,
        links.dropped_attributes,
        links.odd_ids,
        scopes.resource,
        scopes.name,
        scopes.version,
        scopes.schema_url,
        scopes.dropped_attributes,
        scopes.presence,
        resources.schema_url,
        resources.dropped_attributes,
        resources.presence,
    );
    for (x, y) in [
        (&a.span_attrs, &b.span_attrs),
        (&a.event_attrs, &b.event_attrs),
        (&a.link_attrs, &b.link_attrs),
        (&a.scope_attrs, &b.scope_attrs),
        (&a.resource_attrs, &b.resource_attrs),
    ] {
        assert_eq!((&x.ends, &x.key, &x.ty, &x.val), (&y.ends, &y.key, &y.ty, &y.val));
    }
    for (x, y) in [(&a.names, &b.names), (&a.values, &b.values), (&a.raw, &b.raw)] {
        assert_eq!((x.ends(), x.arena()), (y.ends(), y.arena()));
    }
}

/// What the log would write of a batch.
pub(crate) fn compacted(columns: &Columns) -> Columns {
    let mut columns = columns.clone();
    columns.compact();
    columns
}

/// A batch as ingest hands it to the log.
pub(crate) fn batch(tenant: &str, columns: Columns) -> SpanBatch<cadenza_model::Processed<()>> {
    let tenant = TenantId::parse(tenant).expect("a tenant id");
    let admitted = SpanBatch::received(tenant, columns).admit(());
    admitted.process(|_, _| Ok::<_, std::convert::Infallible>([0; 32])).expect("an empty chain")
}

/// A batch of one span whose id says which attempt it is.
pub(crate) fn numbered(number: u64) -> Columns {
    let mut columns = wild(number, 1);
    columns.spans.span_id[0] = SpanId(number);
    columns
}

pub(crate) fn env(disk: Arc<dyn Disk>, seed: u64) -> Env {
    Env {
        clock: Arc::new(ManualClock::at(START_NS)),
        random: Arc::new(SeededRandom::new(seed)),
        disk,
        spawn: Arc::new(SimSpawn),
    }
}

/// A log over a simulated disk, committing only when told to.
pub(crate) struct Stepped {
    pub(crate) wal: Wal,
    pub(crate) committer: Committer,
}

impl Stepped {
    pub(crate) fn open(disk: &SimDisk, config: Config) -> Self {
        Self::try_open(disk, config, 1).expect("the log opens")
    }

    pub(crate) fn try_open(
        disk: &SimDisk,
        config: Config,
        seed: u64,
    ) -> Result<Self, cadenza_wal::OpenError> {
        let env = env(Arc::new(disk.clone()), seed);
        let (wal, committer) = Wal::open_stepped(env, config, &Registry::new())?;
        Ok(Self { wal, committer })
    }

    pub(crate) fn append(&self, columns: Columns) -> Appending {
        self.wal.append(&batch("single-tenant", columns))
    }

    /// Appends and commits one batch, which must succeed.
    pub(crate) fn put(&mut self, columns: Columns) -> FramePos {
        let mut appending = self.append(columns);
        self.committer.step();
        appending.try_answer().expect("answered").expect("durable").pos()
    }

    pub(crate) fn replay(&self) -> Replayed {
        Replayed::of(&self.wal)
    }
}

/// All that a replay found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) spans: Vec<SpanId>,
    pub(crate) frames: Vec<(FramePos, String)>,
    pub(crate) controls: Vec<Control>,
    pub(crate) damages: Vec<Damage>,
    pub(crate) stats: ReplayStats,
}

impl Replayed {
    pub(crate) fn of(wal: &Wal) -> Self {
        let mut found = Self::default();
        found.stats = wal.replay(|item| {
            match item {
                ReplayItem::Spans(frame) => {
                    found.spans.extend(&frame.ids.span_id);
                    found.frames.push((frame.pos, frame.tenant.to_string()));
                }
                ReplayItem::Control(_, control) => found.controls.push(control),
                ReplayItem::Damage(damage) => found.damages.push(damage),
                _ => panic!("an unknown item"),
            }
            ControlFlow::Continue(())
        });
        found
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.spans.iter().map(|id| id.0).collect()
    }
}

/// Small segments and no reserve.
pub(crate) fn small() -> Config {
    Config { segment_bytes_max: 16 << 10, free_bytes_min: 0, ..Config::at(DIR) }
}

pub(crate) fn segment_path(segment: u64) -> std::path::PathBuf {
    Path::new(DIR).join(format!("{segment:010}.wal"))
}
