//! Summary attributes: what earlier steps have put on a tally.

use super::Running;
use crate::compile::ReportOp;
use crate::session::{Item, Session, Writing};
use cadenza_model::{AttrType, Code, Columns};
use foldhash::{HashMap, HashMapExt as _};

impl Session {
    pub(super) fn report(&mut self, running: &Running<'_>, report: &ReportOp, columns: &mut Columns) {
        let scope = report.scope;
        let tally = usize::from(report.tally);
        let mut entries = std::mem::take(&mut self.tables[scope as usize].tallies[tally]);
        if let Some(mask) = running.mask {
            // Rows that this step does not reach stay on the tally.
            let (reached, rest): (Vec<_>, Vec<_>) = entries.iter().partition(|(row, _)| mask[*row as usize]);
            self.tables[scope as usize].tallies[tally] = rest;
            entries = reached;
        }
        entries.sort_unstable();
        if let Some((key, sel)) = &report.keys {
            let items = self.report_keys(running, report, running.selector(*sel), &entries, columns);
            self.write_report(running, report, key, *sel, &items, columns);
        }
        if let Some((key, sel)) = &report.count {
            let items = self.report_counts(report, running.selector(*sel), &entries, columns);
            self.write_report(running, report, key, *sel, &items, columns);
        }
        // A report does not use up a tally: a second one says the same.
        self.tables[scope as usize].tallies[tally].extend_from_slice(&entries);
    }

    fn write_report(
        &mut self,
        running: &Running<'_>,
        report: &ReportOp,
        key: &str,
        sel: usize,
        items: &[Item],
        columns: &mut Columns,
    ) {
        let writing = Writing {
            scope: report.scope,
            key,
            selector: running.selector(sel),
            replace: true,
            insert: true,
            skip: running.step.skip,
            tally: running.step.tally,
        };
        self.write(running.programs, columns, writing, items);
    }

    /// The first value that each row has under a selector, by row.
    fn there(
        &mut self,
        report: &ReportOp,
        selector: u32,
        columns: &mut Columns,
    ) -> HashMap<u32, (AttrType, u64)> {
        let scope = report.scope;
        let mut there = HashMap::new();
        self.each(columns, scope, selector, |_, _, list, cell, _| {
            let at = cell.at as usize;
            there.entry(cell.row).or_insert((list.ty[at], list.val[at]));
        });
        there
    }

    fn report_keys(
        &mut self,
        running: &Running<'_>,
        report: &ReportOp,
        selector: u32,
        entries: &[(u32, Code)],
        columns: &mut Columns,
    ) -> Vec<Item> {
        debug_assert_eq!(running.selector(report.keys.as_ref().map_or(0, |key| key.1)), selector);
        let there = self.there(report, selector, columns);
        // Rows with the same keys get the same text.
        let mut known: HashMap<(Vec<Code>, u64), u64> = HashMap::new();
        let mut items = Vec::new();
        for group in entries.chunk_by(|a, b| a.0 == b.0) {
            let row = group[0].0;
            let before = match there.get(&row) {
                Some(&(AttrType::Str, code)) => code,
                _ => 0,
            };
            let keys: Vec<Code> = group.iter().map(|entry| entry.1).collect();
            let val = *known.entry((keys, before)).or_insert_with_key(|(keys, before)| {
                let mut parts: Vec<&str> = keys.iter().map(|&key| columns.names.str(key)).collect();
                let before = columns.values.str(*before as Code);
                if report.separator.is_empty() && !before.is_empty() {
                    parts.push(before);
                } else if !before.is_empty() {
                    parts.extend(before.split(report.separator.as_str()));
                }
                parts.sort_unstable();
                let text = parts.join(&report.separator);
                columns.values.intern(text.as_bytes()).into()
            });
            items.push(Item { row, ty: AttrType::Str, val });
        }
        items
    }

    fn report_counts(
        &mut self,
        report: &ReportOp,
        selector: u32,
        entries: &[(u32, Code)],
        columns: &mut Columns,
    ) -> Vec<Item> {
        let there = self.there(report, selector, columns);
        let groups = entries.chunk_by(|a, b| a.0 == b.0);
        groups
            .map(|group| {
                let row = group[0].0;
                let before = match there.get(&row) {
                    Some(&(AttrType::Int, number)) => number as i64,
                    _ => 0,
                };
                let count = before.wrapping_add(group.len() as i64);
                Item { row, ty: AttrType::Int, val: count as u64 }
            })
            .collect()
    }
}
