//! What steps, columns and edits cost a span, against the same rules written by hand.
#![expect(clippy::print_stdout, reason = "a measurement tells its result")]

use cadenza_measure::{batches, median, thread_cpu_ns};
use cadenza_model::{AttrType, Columns};
use cadenza_transform::plan::*;
use cadenza_transform::{
    Address, Batch, ColumnPart, Compiled, Edit, EditValues, Operation, Packed, Part, Programs, Secrets,
    Session, keyed64,
};
use std::sync::Arc;

const SPANS: usize = 26_000;
/// Rounds; the median counts, so that neighbours on the machine do not.
const ROUNDS: usize = 41;
const HOST: [u8; 32] = [7; 32];

fn place(key: KeySelector) -> Place {
    Place { scope: Scope::Span, key }
}

fn exact(key: &str) -> KeySelector {
    KeySelector::Exact(key.to_owned())
}

fn mask(key: &str) -> Step {
    Step::new(NativeOp::Mask(Mask {
        place: MaskPlace::Attribute(place(exact(key))),
        patterns: vec![Pattern::WellKnown(WellKnown::Email), Pattern::WellKnown(WellKnown::Digits)],
        unless: Vec::new(),
        substitute: Substitute::Template("****".to_owned()),
        all_types: false,
    }))
}

const MASKED: [&str; 3] = ["http.url", "url.path", "db.query.text"];

fn scrubber() -> Plan {
    let mut steps = vec![
        Step::new(NativeOp::Delete(place(exact("request.id")))),
        Step::new(NativeOp::Delete(place(KeySelector::Prefix("network.".to_owned())))),
        Step::new(NativeOp::Hash(Hashing { place: place(exact("user.id")), kind: HashKind::Keyed64 })),
    ];
    steps.extend(MASKED.map(mask));
    Plan { steps, ..Plan::default() }
}

fn idle() -> Plan {
    let key = |i: usize| exact(&format!("secret.{i}"));
    let mut steps: Vec<Step> = (0..20).map(|i| Step::new(NativeOp::Delete(place(key(i))))).collect();
    steps.push(Step::new(NativeOp::Delete(place(KeySelector::Prefix("internal.".to_owned())))));
    let fields = (0..4).map(|i| text_field(&format!("private.{i}"), true)).collect();
    Plan { steps, fields, ..Plan::default() }
}

fn text_field(key: &str, edited: bool) -> Field {
    Field::Attribute(AttributeField {
        place: place(exact(key)),
        value_type: ValueType::Str,
        only_if: None,
        edits: CellEdits { update: edited, delete: edited, drop_row: false },
    })
}

/// Enricher, scrubber and sampler whose rules are all in guests.
fn chain() -> Vec<(Plan, Kind)> {
    let target = |key: &str| Target { scope: Scope::Span, key: key.to_owned() };
    let enricher = Plan {
        fields: vec![text_field("code.function.name", false), text_field("thread.name", false)],
        targets: vec![target("process.name"), target("step.index")],
        ..Plan::default()
    };
    let mut fields = vec![
        text_field("request.id", true),
        Field::Attribute(AttributeField {
            place: place(KeySelector::Prefix("network.".to_owned())),
            value_type: ValueType::Presence,
            only_if: None,
            edits: CellEdits { delete: true, ..CellEdits::default() },
        }),
        text_field("user.id", true),
    ];
    fields.extend(MASKED.map(|key| text_field(key, true)));
    let scrubber = Plan { fields, ..Plan::default() };
    let intrinsic = |intrinsic| Field::Intrinsic(IntrinsicField { intrinsic, edits: CellEdits::default() });
    let sampler = Plan {
        fields: vec![
            intrinsic(Intrinsic::StatusCode),
            intrinsic(Intrinsic::DurationNano),
            intrinsic(Intrinsic::TraceId),
            Field::Attribute(AttributeField {
                place: place(exact("http.response.status_code")),
                value_type: ValueType::Int,
                only_if: None,
                edits: CellEdits::default(),
            }),
        ],
        ..Plan::default()
    };
    vec![(enricher, Kind::Enricher), (scrubber, Kind::Scrubber), (sampler, Kind::HeadSampler)]
}

fn programs(plans: Vec<(Plan, Kind)>) -> Programs {
    let secrets = Secrets { host: &HOST, named: &|_| None };
    let compile =
        |(plan, kind): (Plan, Kind)| Arc::new(Compiled::new(&plan, kind, &secrets).expect("a plan"));
    Programs::new(plans.into_iter().map(compile).collect())
}

/// The edits of a guest: a value for every entry.
fn edits(at: usize, batch: &Batch) -> Vec<Edit> {
    let all = |column: usize| {
        let entries = batch.columns[column].entries() as u32;
        Address::Entries(ColumnPart { column: column as u32, at: (0..entries).collect() })
    };
    let texts = |column: usize| -> Packed {
        let values = &batch.columns[column].values;
        (0..values.len())
            .map(|i| values.get(i).expect("a value"))
            .map(|text| &text[..text.len() / 2])
            .collect()
    };
    let edit = |operation, column: usize, values| Edit { operation, address: all(column), values };
    match at {
        0 => vec![
            edit(Operation::Upsert(0), 0, EditValues::Strings(texts(0))),
            edit(Operation::Upsert(1), 1, EditValues::Ints(vec![7; batch.columns[1].entries()])),
        ],
        1 => {
            let mut edits = vec![
                edit(Operation::Delete, 0, EditValues::None),
                edit(Operation::Delete, 1, EditValues::None),
            ];
            edits.extend(
                (2..6).map(|column| edit(Operation::Update, column, EditValues::Strings(texts(column)))),
            );
            edits
        }
        _ => Vec::new(),
    }
}

/// The scrubber's rules by hand: one pass, each distinct value once per rule.
#[derive(Default)]
struct ByHand {
    rules: Vec<u8>,
    known: Vec<(u32, u32)>,
    stamp: u32,
    out: Vec<u8>,
    spare: Vec<u8>,
}

impl ByHand {
    fn run(&mut self, columns: &mut Columns) -> usize {
        let names = &columns.names;
        self.rules.clear();
        for code in 0..names.len() as u32 {
            let rule = match names.get(code) {
                b"request.id" => 1,
                key if key.starts_with(b"network.") => 1,
                b"user.id" => 2,
                key if MASKED.iter().any(|masked| masked.as_bytes() == key) => 3,
                _ => 0,
            };
            self.rules.push(rule);
        }
        self.stamp += 2;
        let room = columns.values.len() * 2;
        if self.known.len() < room {
            self.known.resize(room, (0, 0));
        }
        let attrs = &mut columns.span_attrs;
        let mut removed = 0;
        for at in 0..attrs.key.len() {
            let rule = self.rules[attrs.key[at] as usize];
            match rule {
                0 => continue,
                1 => {
                    attrs.key[at] = u32::MAX;
                    removed += 1;
                    continue;
                }
                _ => {}
            }
            if attrs.ty[at] != AttrType::Str {
                continue;
            }
            let code = attrs.val[at] as u32;
            let slot = (code as usize * 2 + usize::from(rule == 3)).min(self.known.len() - 1);
            if self.known[slot].0 != self.stamp {
                let text = columns.values.get(code);
                self.out.clear();
                let new = if rule == 2 {
                    let hash = keyed64(&HOST, text);
                    columns.values.intern(&hash)
                } else if mask_by_hand(text, &mut self.out, &mut self.spare) {
                    columns.values.intern(&self.out)
                } else {
                    code
                };
                self.known[slot] = (self.stamp, new);
            }
            attrs.val[at] = self.known[slot].1.into();
        }
        removed
    }
}

/// Runs of six digits and more; this traffic has no addresses with `@`, which are looked for all the same.
fn mask_by_hand(text: &[u8], out: &mut Vec<u8>, _: &mut Vec<u8>) -> bool {
    if text.contains(&b'@') {
        return false;
    }
    let (mut copied, mut at, mut any) = (0, 0, false);
    while at + 6 <= text.len() {
        if let Some(gap) = (at..at + 6).rev().find(|&i| !text[i].is_ascii_digit()) {
            at = gap + 1;
            continue;
        }
        let end = text[at..].iter().position(|b| !b.is_ascii_digit()).map_or(text.len(), |len| at + len);
        out.extend_from_slice(&text[copied..at]);
        out.extend_from_slice(b"****");
        (copied, at, any) = (end, end, true);
    }
    if any {
        out.extend_from_slice(&text[copied..]);
    }
    any
}

struct Bench {
    batches: Vec<Columns>,
    work: Columns,
    session: Session,
    rows: f64,
    clock: f64,
}

impl Bench {
    /// Nanoseconds per span of `f` over all batches, in one round.
    fn round(&mut self, mut f: impl FnMut(&mut Session, &mut Columns) -> f64) -> f64 {
        let mut sum = 0.0;
        for batch in &self.batches {
            self.work.clone_from(batch);
            sum += f(&mut self.session, &mut self.work) - self.clock;
        }
        sum / self.rows
    }
}

fn timed(f: impl FnOnce()) -> f64 {
    let begun = thread_cpu_ns();
    f();
    thread_cpu_ns() - begun
}

fn main() {
    let (scrub, idle, chain) = (
        programs(vec![(scrubber(), Kind::Scrubber)]),
        programs(vec![(idle(), Kind::Scrubber)]),
        programs(chain()),
    );
    for spans in [400, 10] {
        let batches = batches(SPANS, spans);
        let rows: usize = batches.iter().map(|columns| columns.spans.len()).sum();
        let attributes: usize = batches.iter().map(|columns| columns.span_attrs.key.len()).sum();
        let clock = median((0..1001).map(|_| timed(|| ())).collect());
        let mut bench =
            Bench { batches, work: Columns::new(), session: Session::new(), rows: rows as f64, clock };
        println!(
            "{spans} spans a request, {:.1} attributes a span, clock {clock:.0} ns",
            attributes as f64 / rows as f64
        );
        if std::env::args().nth(1).as_deref() == Some("scrub") {
            // For a profiler: nothing but the scrubber and what restores its batches.
            let mut sum = 0.0;
            for _ in 0..400 {
                sum += bench.round(|session, columns| {
                    timed(|| {
                        session.begin(&scrub, columns);
                        session.run(&scrub, 0, Part::Before, columns).expect("runs");
                    })
                });
            }
            println!("{:.1}", sum / 400.0);
            return;
        }
        let names = [
            "by hand, per distinct value",
            "native scrubber",
            "native scrubber, settle",
            "native scrubber, compact",
            "idle plugin, all",
            "chain: begin",
            "chain: projection (begin and find included)",
            "chain: apply",
            "chain: finish",
        ];
        let mut results = vec![Vec::new(); names.len()];
        let mut hand = ByHand::default();
        for _ in 0..ROUNDS {
            results[0].push(bench.round(|_, columns| {
                timed(|| {
                    std::hint::black_box(hand.run(columns));
                })
            }));
            results[1].push(bench.round(|session, columns| {
                timed(|| {
                    session.begin(&scrub, columns);
                    session.run(&scrub, 0, Part::Before, columns).expect("runs");
                })
            }));
            results[2].push(bench.round(|session, columns| {
                session.begin(&scrub, columns);
                session.run(&scrub, 0, Part::Before, columns).expect("runs");
                timed(|| session.settle(columns))
            }));
            results[3].push(bench.round(|session, columns| {
                session.begin(&scrub, columns);
                session.run(&scrub, 0, Part::Before, columns).expect("runs");
                session.settle(columns);
                timed(|| columns.compact())
            }));
            results[4].push(bench.round(|session, columns| {
                timed(|| {
                    session.begin(&idle, columns);
                    session.run(&idle, 0, Part::Before, columns).expect("runs");
                    let batch = session.project(&idle, 0, columns);
                    session.recycle(0, batch);
                    session.finish(columns, None);
                })
            }));
            results[5].push(bench.round(|session, columns| timed(|| session.begin(&chain, columns))));
            let (mut applying, mut finishing) = (0.0, 0.0);
            let projecting = bench.round(|session, columns| {
                let mut projecting = timed(|| session.begin(&chain, columns));
                for at in 0..3 {
                    let mut batch = Batch::default();
                    projecting += timed(|| batch = session.project(&chain, at, columns)) - clock;
                    let edits = edits(at, &batch);
                    applying += timed(|| {
                        session.apply(&chain, at, &batch, &edits, columns).expect("valid edits");
                    }) - clock;
                    session.recycle(at, batch);
                }
                finishing += timed(|| session.finish(columns, None)) - clock;
                projecting
            });
            results[6].push(projecting);
            results[7].push(applying / rows as f64);
            results[8].push(finishing / rows as f64);
        }
        let mut counts = cadenza_transform::Applied::default();
        bench.round(|session, columns| {
            session.begin(&scrub, columns);
            session.run(&scrub, 0, Part::Before, columns).expect("runs");
            counts.updated += session.counts().updated;
            counts.removed += session.counts().removed;
            0.0
        });
        let per_span = |count: u64| count as f64 / rows as f64;
        let mut edited = cadenza_transform::Applied::default();
        bench.round(|session, columns| {
            session.begin(&chain, columns);
            for at in 0..3 {
                let batch = session.project(&chain, at, columns);
                let applied = session.apply(&chain, at, &batch, &edits(at, &batch), columns);
                let applied = applied.expect("valid edits");
                edited.updated += applied.updated;
                edited.removed += applied.removed;
                edited.inserted += applied.inserted;
                session.recycle(at, batch);
            }
            0.0
        });
        println!(
            "  chain: {:.2} updated, {:.2} removed, {:.2} inserted a span",
            per_span(edited.updated),
            per_span(edited.removed),
            per_span(edited.inserted)
        );
        println!(
            "  scrubber: {:.2} updated, {:.2} removed a span",
            per_span(counts.updated),
            per_span(counts.removed)
        );
        for (name, result) in names.iter().zip(results) {
            println!("  {name:45} {:6.1} ns a span", median(result));
        }
    }
}
