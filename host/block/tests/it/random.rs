//! Random columns: everything a batch may hold, rare things often.

use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Code, Columns, Dict, SpanId, TraceId, ValueRef};

/// A small generator of pseudo-random numbers (splitmix64): tests repeat from a seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// How much of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) traces: usize,
    pub(crate) spans: usize,
    /// Most attributes per owner.
    pub(crate) attrs: usize,
    /// Distinct string values; 0: every value is its own.
    pub(crate) values: usize,
    /// Length of long strings.
    pub(crate) long: usize,
}

pub(crate) const KEYS: [&str; 34] = [
    "a",
    "b",
    "c",
    "key with space",
    "",
    "service.name",
    "cluster",
    "namespace",
    "pod",
    "container",
    "k8s.pod.name",
    "http.method",
    "http.url",
    "http.status_code",
    "http.request.method",
    "url.path",
    "http.route",
    "server.address",
    "custom.resource",
    "opentracing.ref_type",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "q",
];

pub(crate) fn columns(seed: u64, shape: Shape) -> Columns {
    let mut rng = Rng(seed);
    let mut columns = Columns::new();
    let resources = 1 + rng.below(8);
    for _ in 0..resources {
        columns.resources.schema_url.push(0);
        columns.resources.dropped_attributes.push(rng.below(3) as u32);
        columns.resources.presence.push(1);
        attrs(
            &mut rng,
            shape,
            &mut columns.resource_attrs,
            &mut columns.names,
            &mut columns.values,
            &mut columns.raw,
        );
    }
    let scopes = 1 + rng.below(12);
    for _ in 0..scopes {
        columns.scopes.resource.push(rng.below(resources) as u32);
        for code in [&mut columns.scopes.name, &mut columns.scopes.version] {
            code.push(columns.names.intern(["", "lib", "other"][rng.below(3)].as_bytes()));
        }
        columns.scopes.schema_url.push(0);
        columns.scopes.dropped_attributes.push(if rng.once_in(9) { u32::MAX } else { 0 });
        columns.scopes.presence.push(1);
        let few = Shape { attrs: shape.attrs.min(2), ..shape };
        attrs(
            &mut rng,
            few,
            &mut columns.scope_attrs,
            &mut columns.names,
            &mut columns.values,
            &mut columns.raw,
        );
    }
    for row in 0..shape.spans {
        span(&mut rng, shape, &mut columns, row, scopes);
    }
    columns.check().expect("a consistent batch");
    columns
}

fn span(rng: &mut Rng, shape: Shape, columns: &mut Columns, row: usize, scopes: usize) {
    let trace = rng.below(shape.traces) as u64;
    let spans = &mut columns.spans;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&Rng(trace).next().to_be_bytes());
    id[8..].copy_from_slice(&trace.to_be_bytes());
    spans.trace_id.push(TraceId(id));
    spans.span_id.push(SpanId(1 + rng.below(shape.spans.max(40)) as u64));
    let parent = if rng.once_in(5) { 0 } else { 1 + rng.below(shape.spans.max(40)) as u64 };
    spans.parent_id.push(SpanId(parent));
    if parent == 0 && rng.once_in(4) {
        spans.odd_parents.push((row as u32, columns.raw.intern(b"odd")));
    }
    let start = if rng.once_in(20) { 0 } else { 1_700_000_000_000_000_000 + rng.below(1 << 20) as u64 };
    spans.start_ns.push(start);
    spans.end_ns.push(if rng.once_in(10) { start / 2 } else { start + rng.below(1 << 30) as u64 });
    spans.kind.push([0, 1, 2, 3, 99, -1][rng.below(6)]);
    spans.status.push([0, 1, 2, -7][rng.below(4)]);
    spans.flags.push(0);
    spans.name.push(columns.names.intern(format!("op {}", rng.below(20)).as_bytes()));
    spans.message.push(columns.values.intern(["", "broken"][rng.below(2)].as_bytes()));
    spans.trace_state.push(columns.values.intern(["", "k=v"][rng.below(2)].as_bytes()));
    spans.dropped_attributes.push(if rng.once_in(50) { u32::MAX } else { 0 });
    spans.dropped_events.push(rng.below(2) as u32);
    spans.dropped_links.push(0);
    spans.scope.push(rng.below(scopes) as u32);
    spans.presence.push(1);
    spans.wire_bytes.push(0);
    attrs(rng, shape, &mut columns.span_attrs, &mut columns.names, &mut columns.values, &mut columns.raw);
    let events = if rng.once_in(3) { rng.below(4) } else { 0 };
    for _ in 0..events {
        columns.events.time_ns.push(start.wrapping_add(rng.next() >> 40));
        columns.events.name.push(columns.names.intern(b"event"));
        columns.events.dropped_attributes.push(0);
        attrs(
            rng,
            shape,
            &mut columns.event_attrs,
            &mut columns.names,
            &mut columns.values,
            &mut columns.raw,
        );
    }
    columns.spans.event_ends.push(columns.events.time_ns.len() as u32);
    let links = if rng.once_in(6) { rng.below(3) } else { 0 };
    for _ in 0..links {
        let link = columns.links.flags.len() as u32;
        let odd = rng.once_in(3);
        if odd {
            let code = columns.raw.intern(b"short");
            columns.links.odd_ids.push((link, code, 0));
        }
        columns.links.trace_id.push(if odd { TraceId::default() } else { TraceId(id) });
        columns.links.span_id.push(SpanId(if odd { 0 } else { rng.next() }));
        columns.links.trace_state.push(0);
        columns.links.flags.push(0);
        columns.links.dropped_attributes.push(0);
        attrs(rng, shape, &mut columns.link_attrs, &mut columns.names, &mut columns.values, &mut columns.raw);
    }
    columns.spans.link_ends.push(columns.links.flags.len() as u32);
}

fn attrs(
    rng: &mut Rng,
    shape: Shape,
    attrs: &mut Attrs,
    names: &mut Dict,
    values: &mut Dict,
    raw: &mut Dict,
) {
    for _ in 0..rng.below(shape.attrs + 1) {
        let key = names.intern(KEYS[rng.below(KEYS.len())].as_bytes());
        let text = |rng: &mut Rng| match (shape.values, rng.below(40)) {
            (0, 0) => format!("{:016x}{}", rng.next(), "x".repeat(shape.long)),
            (_, 0) => "x".repeat(shape.long),
            (_, 1) => "child_of".to_owned(),
            (0, _) => format!("unique {:016x} {:016x}", rng.next(), rng.next()),
            (n, _) => format!("value {}", rng.below(n)),
        };
        let (ty, val) = match rng.below(12) {
            0..=4 => {
                let text = text(rng);
                // Codes may repeat an entry.
                let code: Code = if rng.once_in(9) {
                    values.push(text.as_bytes())
                } else {
                    values.intern(text.as_bytes())
                };
                (AttrType::Str, u64::from(code))
            }
            5 | 6 => (AttrType::Int, if rng.once_in(2) { rng.below(9) as u64 } else { rng.next() }),
            7 => (AttrType::Double, if rng.once_in(5) { f64::NAN.to_bits() } else { rng.next() }),
            8 => (AttrType::Bool, rng.below(2) as u64),
            9 | 10 => (AttrType::Array, u64::from(raw.intern(&array(rng)))),
            _ => match rng.below(3) {
                0 => (AttrType::Bytes, u64::from(raw.intern(&any_value::bytes(b"\0\xff")))),
                1 => (AttrType::Empty, 0),
                _ => (AttrType::Absent, 0),
            },
        };
        attrs.push(key, ty, val);
    }
    attrs.end_owner();
}

fn array(rng: &mut Rng) -> Vec<u8> {
    let scalar = |rng: &mut Rng, kind| match kind {
        0 => ValueRef::Str(["in array", "value 1"][rng.below(2)]),
        1 => ValueRef::Int(rng.below(5) as i64 - 2),
        2 => ValueRef::Double(0.5),
        3 => ValueRef::Bool(rng.once_in(2)),
        _ => ValueRef::Empty,
    };
    let (kind, mixed) = (rng.below(5), rng.once_in(5));
    let elements: Vec<_> =
        (0..rng.below(4)).map(|i| scalar(rng, if mixed { (kind + i) % 5 } else { kind })).collect();
    any_value::array(elements)
}
