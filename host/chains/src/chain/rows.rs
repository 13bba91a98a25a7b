//! What has become of the spans of a batch so far.

use cadenza_ingest::chain::Verdict;

/// Verdicts of a batch; most batches need none.
#[derive(Debug, Default)]
pub(super) struct Fates {
    verdicts: Vec<Verdict>,
    reasons: Vec<String>,
}

impl Fates {
    fn verdicts(&mut self, rows: usize) -> &mut [Verdict] {
        self.verdicts.resize(rows, Verdict::Keep);
        &mut self.verdicts
    }

    /// Takes a sampler's word on rows.
    pub(super) fn sample(&mut self, rows: usize, of: impl Iterator<Item = (usize, bool)>) -> u64 {
        let mut dropped = 0;
        for (row, keep) in of {
            let verdict = &mut self.verdicts(rows)[row];
            if !keep && *verdict == Verdict::Keep {
                *verdict = Verdict::Drop;
                dropped += 1;
            }
        }
        dropped
    }

    /// Rejects rows for a reason.
    pub(super) fn reject(&mut self, rows: usize, failed: &[u32], reason: String) {
        let number = match self.reasons.iter().position(|known| *known == reason) {
            Some(at) => at,
            None => {
                self.reasons.push(reason);
                self.reasons.len() - 1
            }
        };
        // A chain has few plugins, and each few causes.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let verdicts = self.verdicts(rows);
        for &row in failed {
            verdicts[row as usize] = Verdict::Reject(number);
        }
    }

    /// Of `rows` as a batch of their own: what is gone already is not dropped once more.
    pub(super) fn of(&self, rows: &[u32]) -> Self {
        if self.verdicts.is_empty() {
            return Self::default();
        }
        let is_kept = |row: &u32| self.verdicts[*row as usize] == Verdict::Keep;
        let verdict = |row| if is_kept(row) { Verdict::Keep } else { Verdict::Drop };
        Self { verdicts: rows.iter().map(verdict).collect(), reasons: Vec::new() }
    }

    /// Takes what became of some `rows` of so many, which were a batch of their own.
    pub(super) fn take(&mut self, own: Self, rows: &[u32], of: usize) {
        let verdicts = own.verdicts.iter().zip(rows);
        self.sample(of, verdicts.clone().map(|(verdict, &row)| (row as usize, *verdict != Verdict::Drop)));
        for (at, reason) in own.reasons.into_iter().enumerate() {
            let failed = verdicts.clone().filter(|(verdict, _)| **verdict == Verdict::Reject(at as u16));
            let failed: Vec<u32> = failed.map(|(_, &row)| row).collect();
            self.reject(of, &failed, reason);
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Verdict>, Vec<String>) {
        (self.verdicts, self.reasons)
    }

    /// True if a span was rejected.
    pub(super) fn has_rejected(&self) -> Option<&str> {
        self.reasons.first().map(String::as_str)
    }
}
