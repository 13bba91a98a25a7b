//! What the guests do, compiled in: one pass over the cells, each value by itself.

use cadenza_model::{AttrType, Code, Columns};
use cadenza_transform::keyed64;

/// The key of an attribute that was removed.
const DEAD: Code = Code::MAX;

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    None,
    Remove,
    Hash,
    Mask,
    Process,
    Step,
    HttpStatus,
}

/// What was done, to be compared with what the guests did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) updated: u64,
    pub(crate) removed: u64,
    pub(crate) inserted: u64,
    pub(crate) kept: u64,
}

/// An attribute to be added.
struct New {
    row: u32,
    key: Code,
    ty: AttrType,
    val: u64,
}

/// Memory that is kept from batch to batch.
#[derive(Default)]
pub(crate) struct Native {
    rules: Vec<Rule>,
    new: Vec<New>,
    out: Vec<u8>,
    text: Vec<u8>,
    http: Vec<i64>,
    keep: Vec<u8>,
}

fn rule(key: &[u8]) -> Rule {
    let is = |name: &str| name.as_bytes() == key;
    let (function, thread) = bench_logic::NAMES;
    if is(bench_logic::REMOVED) || key.starts_with(bench_logic::REMOVED_PREFIX.as_bytes()) {
        Rule::Remove
    } else if is(bench_logic::HASHED) {
        Rule::Hash
    } else if bench_logic::MASKED.into_iter().any(is) {
        Rule::Mask
    } else if is(function) {
        Rule::Process
    } else if is(thread) {
        Rule::Step
    } else if is(bench_logic::HTTP_STATUS) {
        Rule::HttpStatus
    } else {
        Rule::None
    }
}

impl Native {
    pub(crate) fn run(&mut self, secret: &[u8; 32], columns: &mut Columns) -> Done {
        let mut done = Done::default();
        self.rules.clear();
        self.rules.extend((0..columns.names.len() as Code).map(|code| rule(columns.names.get(code))));
        let process = columns.names.intern(bench_logic::WRITTEN.0.as_bytes());
        let step = columns.names.intern(bench_logic::WRITTEN.1.as_bytes());
        self.new.clear();
        self.http.clear();
        self.http.resize(columns.spans.len(), 0);
        let attrs = &mut columns.span_attrs;
        let mut start = 0;
        for (row, &end) in attrs.ends.iter().enumerate() {
            for at in start..end as usize {
                let rule = self.rules[attrs.key[at] as usize];
                match rule {
                    Rule::None => continue,
                    Rule::Remove => {
                        attrs.key[at] = DEAD;
                        done.removed += 1;
                        continue;
                    }
                    Rule::HttpStatus => {
                        if attrs.ty[at] == AttrType::Int {
                            self.http[row] = attrs.val[at] as i64;
                        }
                        continue;
                    }
                    Rule::Hash | Rule::Mask | Rule::Process | Rule::Step => {}
                }
                if attrs.ty[at] != AttrType::Str {
                    continue;
                }
                self.text.clear();
                self.text.extend_from_slice(columns.values.get(attrs.val[at] as Code));
                let row = row as u32;
                match rule {
                    Rule::Hash => {
                        attrs.val[at] = columns.values.intern(&keyed64(secret, &self.text)).into();
                        done.updated += 1;
                    }
                    Rule::Mask => {
                        self.out.clear();
                        if bench_logic::mask(&self.text, &mut self.out) {
                            attrs.val[at] = columns.values.intern(&self.out).into();
                            done.updated += 1;
                        }
                    }
                    Rule::Process => {
                        let name = bench_logic::process(std::str::from_utf8(&self.text).unwrap_or_default());
                        let val = columns.values.intern(name.as_bytes()).into();
                        self.new.push(New { row, key: process, ty: AttrType::Str, val });
                    }
                    _ => {
                        let thread = std::str::from_utf8(&self.text).unwrap_or_default();
                        if let Some(number) = bench_logic::step(thread) {
                            self.new.push(New { row, key: step, ty: AttrType::Int, val: number as u64 });
                        }
                    }
                }
            }
            start = end as usize;
        }
        done.inserted = self.new.len() as u64;
        done.kept = self.sample(columns);
        done
    }

    fn sample(&mut self, columns: &Columns) -> u64 {
        let spans = &columns.spans;
        self.keep.clear();
        for row in 0..spans.len() {
            let duration = spans.end_ns[row].saturating_sub(spans.start_ns[row]) as i64;
            let status = i64::from(spans.status[row]);
            let keep = bench_logic::keep(status, duration, self.http[row], spans.trace_id[row].0);
            self.keep.push(u8::from(keep));
        }
        self.keep.iter().map(|&keep| u64::from(keep)).sum()
    }

    /// Puts new attributes behind those of their rows, and closes the gaps: what a chain does when it settles.
    pub(crate) fn settle(&mut self, columns: &mut Columns) {
        let attrs = &mut columns.span_attrs;
        let (mut key, mut ty, mut val) = (Vec::new(), Vec::new(), Vec::new());
        let mut new = self.new.iter().peekable();
        let mut start = 0;
        for (row, end) in attrs.ends.iter_mut().enumerate() {
            for at in start..*end as usize {
                if attrs.key[at] != DEAD {
                    key.push(attrs.key[at]);
                    ty.push(attrs.ty[at]);
                    val.push(attrs.val[at]);
                }
            }
            while let Some(new) = new.next_if(|new| new.row as usize == row) {
                key.push(new.key);
                ty.push(new.ty);
                val.push(new.val);
            }
            start = *end as usize;
            *end = key.len() as u32;
        }
        (attrs.key, attrs.ty, attrs.val) = (key, ty, val);
    }

    pub(crate) fn keep(&self) -> &[u8] {
        &self.keep
    }
}
