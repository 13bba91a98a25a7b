//! A batch being worked on by a chain.
//!
//! While a chain works, attributes keep their places: a removed one only loses its key, new ones are put
//! behind the lists of their table, and both are sorted out at the end. So what was found once stays found,
//! and one pass over the cells serves all steps and all columns of all plugins.

mod rows;
mod settle;
mod values;
mod work;

pub(crate) use rows::{Ancestors, put_owners, rows_of};
pub(crate) use settle::Spare;
pub(crate) use values::{
    Memo, Outcome, Seen, Shape, Stamped, put_const, put_encoded, put_shape, seen_of, value_of,
};
pub(crate) use work::{Cell, DEAD, Item, Work, Writing, attrs, attrs_mut};

use crate::batch::Batch;
use crate::plan::Scope;
use crate::programs::Programs;
use cadenza_model::{Code, Columns, Dict};

/// Names whose costly selectors are remembered from batch to batch. Beyond this the memory starts anew: it
/// bounds what a client with endless keys can make a worker hold.
const REMEMBERED_NAMES_MAX: usize = 8192;
/// The same for their text: names may be long.
const REMEMBERED_BYTES_MAX: usize = 1 << 20;

/// Counts of what happened to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Attributes and texts that got another value.
    pub updated: u64,
    /// Attributes that were removed.
    pub removed: u64,
    /// Attributes that are new.
    pub inserted: u64,
    /// Events and links that were removed.
    pub dropped_rows: u64,
}

impl Applied {
    /// Everything together.
    pub fn total(&self) -> u64 {
        self.updated + self.removed + self.inserted + self.dropped_rows
    }
}

/// The working memory of a worker: kept from batch to batch, for any chain.
#[derive(Debug, Default)]
pub struct Session {
    /// By selector of the chain: codes of names.
    pub(crate) codes: Vec<Vec<Code>>,
    /// Names that have been resolved.
    resolved: usize,
    pub(crate) tables: [Work; 5],
    /// Counts up whenever attributes change their places.
    pub(crate) layout: u64,
    /// A code may be without use: the dictionaries need cleaning.
    pub(crate) stale: bool,
    pub(crate) counts: Applied,
    pub(crate) values: Memo,
    pub(crate) out: Vec<u8>,
    pub(crate) items: Vec<Item>,
    spare: Spare,
    pub(crate) mask: Vec<bool>,
    pub(crate) batches: Vec<Batch>,
    pub(crate) projection: crate::project::Scratch,
    pub(crate) applying: crate::apply::Scratch,
    pub(crate) ancestors: Ancestors,
    limit: usize,
    remembered: Remembered,
}

/// What costly selectors said about names.
#[derive(Debug, Default)]
struct Remembered {
    chain: u64,
    names: Dict,
    hits: Vec<Box<[u32]>>,
}

impl Session {
    /// Without memory of anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts on a batch. `columns` must not be changed by anything but this session until
    /// [`Session::finish`].
    pub fn begin(&mut self, programs: &Programs, columns: &Columns) {
        self.codes.iter_mut().for_each(Vec::clear);
        self.codes.resize_with(programs.selectors.len(), Vec::new);
        self.batches.resize_with(programs.plugins().len().max(self.batches.len()), Batch::default);
        self.resolved = 0;
        self.stale = false;
        self.counts = Applied::default();
        self.layout += 1;
        self.ancestors.clear();
        self.limit = crate::native::bytes_max(columns);
        for scope in Scope::ALL {
            self.tables[scope as usize].begin(attrs(columns, scope).key.len(), columns.names.len());
        }
        self.resolve(programs, &columns.names);
    }

    /// Most bytes that the dictionaries may hold while steps run.
    pub(crate) fn bytes_max(&self) -> usize {
        self.limit
    }

    /// What has happened since [`Session::begin`].
    pub fn counts(&self) -> Applied {
        self.counts
    }

    /// Asks all selectors for names that are new.
    fn resolve(&mut self, programs: &Programs, names: &Dict) {
        let first = self.resolved;
        self.resolved = names.len();
        for work in &mut self.tables {
            work.more_names(names.len());
        }
        if programs.selectors.is_empty() {
            return;
        }
        for code in first..names.len() {
            let code = code as Code;
            let (codes, tables) = (&mut self.codes, &mut self.tables);
            let mut hit = |selector: u32| {
                codes[selector as usize].push(code);
                tables[programs.selectors[selector as usize].0 as usize].want(code);
            };
            programs.select(names.get(code), &mut hit);
            if programs.has_costly() {
                self.remembered.select(programs, names, code).iter().for_each(|&selector| hit(selector));
            }
        }
    }

    /// Asks all selectors for names that came with other work.
    pub(crate) fn new_names(&mut self, programs: &Programs, columns: &Columns) {
        if columns.names.len() > self.resolved {
            self.resolve(programs, &columns.names);
        }
    }

    /// The code of a key that is going to be written.
    pub(crate) fn intern_key(&mut self, programs: &Programs, columns: &mut Columns, key: &str) -> Code {
        let code = columns.names.intern(key.as_bytes());
        self.new_names(programs, columns);
        code
    }

    /// True if something was edited away and may still stand in a dictionary: [`Columns::compact`] before
    /// writing, which [`Session::finish`] does.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Ends the work on a batch: attributes are put in their places, spans that `keep` (one per span) has
    /// a 0 for are dropped, and nothing that was edited away stays in a dictionary. `wire_bytes` of spans stay
    /// what they were: limits and ledgers count what was received.
    pub fn finish(&mut self, columns: &mut Columns, keep: Option<&[u8]>) {
        self.settle(columns);
        if let Some(keep) = keep
            && keep.contains(&0)
        {
            columns.retain_rows(|row| keep.get(row).is_none_or(|&verdict| verdict != 0));
            self.stale = true;
        }
        if self.stale {
            columns.compact();
            self.stale = false;
        }
    }
}

impl Remembered {
    fn select(&mut self, programs: &Programs, names: &Dict, code: Code) -> &[u32] {
        let large =
            self.names.len() > REMEMBERED_NAMES_MAX || self.names.arena().len() > REMEMBERED_BYTES_MAX;
        if self.chain != programs.id || large {
            self.chain = programs.id;
            self.names.reset();
            self.hits.clear();
            self.hits.push(programs.select_costly(""));
        }
        let at = self.names.intern(names.get(code)) as usize;
        if at == self.hits.len() {
            self.hits.push(programs.select_costly(names.str(code)));
        }
        &self.hits[at]
    }
}
