//! A chain of guests over a batch, as the server runs it, and where its time goes.

use super::CONTEXT;
use crate::native::Done;
use cadenza_measure::thread_cpu_ns as now;
use cadenza_model::Columns;
use cadenza_plugin::Plugin;
use cadenza_transform::{Checked, Edit, Kind, Part, Programs, Session, Verdicts};
use std::cell::RefCell;

/// Nanoseconds by part, over one or more batches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) project: f64,
    pub(crate) call: f64,
    pub(crate) apply: f64,
    pub(crate) settle: f64,
    pub(crate) compact: f64,
}

/// Configured plugins, in their order.
pub(crate) struct Chain {
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) programs: Programs,
}

impl Chain {
    /// All members over a batch: edits stand in the columns, gaps are still open.
    pub(crate) fn run(&self, session: &mut Session, columns: &mut Columns, keep: &mut Vec<u8>) -> Done {
        self.run_parts(session, columns, keep, &mut |_| {})
    }

    /// As [`Chain::run`]; `part` is told when a part ends.
    fn run_parts(
        &self,
        session: &mut Session,
        columns: &mut Columns,
        keep: &mut Vec<u8>,
        part: &mut impl FnMut(usize),
    ) -> Done {
        keep.clear();
        keep.resize(columns.spans.len(), 1);
        session.begin(&self.programs, columns);
        for (at, plugin) in self.plugins.iter().enumerate() {
            let compiled = &self.programs.plugins()[at];
            session.run(&self.programs, at, Part::Before, columns).expect("steps run");
            if compiled.calls_guest() {
                let batch = session.project(&self.programs, at, columns);
                part(0);
                let checked = RefCell::new(Checked::default());
                let accept = |edits: &[Edit]| {
                    let proof = session.check(&self.programs, at, &batch, edits, columns);
                    proof.is_ok_and(|proof| {
                        checked.replace(proof);
                        true
                    })
                };
                let edits = if compiled.kind() == Kind::HeadSampler {
                    let verdicts = plugin.decide_if(&CONTEXT, &batch, |v: &Verdicts| accept(&v.edits));
                    let verdicts = verdicts.expect("it decides");
                    keep.iter_mut().zip(verdicts.keep).for_each(|(all, one)| *all &= one);
                    verdicts.edits
                } else if batch.is_idle() {
                    Vec::new()
                } else {
                    plugin.process_if(&CONTEXT, &batch, accept).expect("it works")
                };
                part(1);
                let (programs, checked) = (&self.programs, checked.into_inner());
                session.carry_out(programs, at, &batch, &edits, &checked, columns).expect("valid edits");
                session.recycle(at, batch);
                part(2);
            }
            session.run(&self.programs, at, Part::After, columns).expect("steps run");
        }
        let counts = session.counts();
        Done {
            updated: counts.updated,
            removed: counts.removed,
            inserted: counts.inserted,
            kept: keep.iter().map(|&keep| u64::from(keep)).sum(),
        }
    }

    /// As [`Chain::run`], to the end, with a clock between the parts, whose own cost is taken off.
    pub(crate) fn by_parts(&self, session: &mut Session, columns: &mut Columns, clock: f64) -> Parts {
        let mut keep = Vec::new();
        let mut sums = [0.0; 3];
        let mut before = now();
        self.run_parts(session, columns, &mut keep, &mut |part| {
            let after = now();
            sums[part] += after - before - clock;
            before = after;
        });
        let begun = now();
        session.settle(columns);
        let settled = now();
        session.finish(columns, Some(&keep));
        let done = now();
        Parts {
            project: sums[0],
            call: sums[1],
            apply: sums[2],
            settle: settled - begun - clock,
            compact: done - settled - clock,
        }
    }
}
